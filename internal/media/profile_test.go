package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
)

// builtInProfile returns a profile that libvips brings: "srgb" or "p3".
func builtInProfile(t *testing.T, name string) []byte {
	t.Helper()
	var profile []byte
	byVips(t, scene(16, 16), func(ref *vips.ImageRef) ([]byte, error) {
		err := ref.TransformICCProfileWithFallback(name, "srgb")
		profile = bytes.Clone(ref.GetICCProfile())
		return nil, err
	})
	return profile
}

// TestProfilesAreKnownByTheirNumbers, whatever they are called.
func TestProfilesAreKnownByTheirNumbers(t *testing.T) {
	srgb, p3 := builtInProfile(t, "srgb"), builtInProfile(t, "p3")
	named := append(bytes.Clone(p3), "Display P3 Gamut with sRGB Transfer"...)
	gamma := bytes.Clone(srgb)
	for _, name := range []string{"rTRC", "gTRC", "bTRC"} {
		tag := parseProfileTags(gamma)[name]
		copy(tag, "curv\x00\x00\x00\x00\x00\x00\x00\x01\x01\xcd") // 1.8
	}
	for name, c := range map[string]struct {
		profile []byte
		want    bool
	}{
		"sRGB": {srgb, true}, "Display P3": {p3, false}, "Display P3 that names sRGB": {named, false}, "sRGB with a gamma of 1.8": {gamma, false},
		"nothing": {nil, false}, "cut": {srgb[:200], false}, "the name alone": {append(make([]byte, 200), "sRGB"...), false},
	} {
		if got := isSRGB(c.profile); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestDisplayP3ThatNamesSRGB has the colours that its numbers say.
func TestDisplayP3ThatNamesSRGB(t *testing.T) {
	red := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	draw.Draw(red, red.Bounds(), image.NewUniform(color.NRGBA{R: 230, G: 60, B: 50, A: 255}), image.Point{}, draw.Src)
	data := byVips(t, red, func(ref *vips.ImageRef) ([]byte, error) {
		if err := ref.TransformICCProfileWithFallback("p3", "srgb"); err != nil {
			return nil, err
		}
		data, _, err := ref.ExportJpeg(&vips.JpegExportParams{Quality: 95})
		return data, err
	})
	at := bytes.Index(data, []byte("ICC_PROFILE\x00"))
	if at < 0 {
		t.Fatal("no profile")
	}
	const name = "Display P3 Gamut with sRGB Transfer"
	size, length := at-2, at+14 // of the segment, and of the profile in it
	segment := int(binary.BigEndian.Uint16(data[size:]))
	end := size + segment
	data = bytes.Join([][]byte{data[:end], []byte(name), data[end:]}, nil)
	binary.BigEndian.PutUint16(data[size:], uint16(segment+len(name)))
	binary.BigEndian.PutUint32(data[length:], binary.BigEndian.Uint32(data[length:])+uint32(len(name)))
	still := must[*DecodedPicture](t)(Decode(data, PictureLimits{}))
	if mean, _ := difference(still.Picture, asPicture(red)); mean > 2 {
		t.Errorf("differs by %.2f", mean)
	}
}

func FuzzProfile(f *testing.F) {
	f.Add(make([]byte, 200))
	f.Add(append(append(make([]byte, 131), 1), "rTRC\x00\x00\x00\x90\x00\x00\x00\x0epara\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00"...))
	f.Fuzz(func(_ *testing.T, profile []byte) {
		isSRGB(profile)
		for _, tag := range [][]byte{profile, append([]byte("curv\x00\x00\x00\x00"), profile...), append([]byte("para\x00\x00\x00\x00"), profile...)} {
			isSRGBCurve(tag)
		}
	})
}
