package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
)

// insertSegment puts bytes into data before the first (or last) occurrence of others.
func insertSegment(data []byte, before, what string, last bool) []byte {
	at := bytes.Index(data, []byte(before))
	if last {
		at = bytes.LastIndex(data, []byte(before))
	}
	return bytes.Join([][]byte{data[:at], []byte(what), data[at:]}, nil)
}

// scanParameters overwrites the three bytes before the data of a baseline JPEG's only scan.
func scanParameters(data []byte, ss, se, ahal byte) []byte {
	data = bytes.Clone(data)
	sos := bytes.Index(data, []byte{0xff, 0xda})
	end := sos + 2 + int(binary.BigEndian.Uint16(data[sos+2:]))
	copy(data[end-3:], []byte{ss, se, ahal})
	return data
}

// jfif returns a JFIF header of a version.
func jfif(major byte) string {
	return "\xff\xe0\x00\x10JFIF\x00" + string(major) + "\x01\x00\x00\x01\x00\x01\x00\x00"
}

// likeARecording returns bytes in which the marker of a scan stands often, as it does in a recording.
func likeARecording() []byte {
	return append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), bytes.Repeat([]byte("mdat\xff\xda\x00\x08"), 1000)...)
}

// TestJPEGsAsPhonesMakeThem: each has all its pixels, and must decode to those of the plain file.
func TestJPEGsAsPhonesMakeThem(t *testing.T) {
	m := scene(320, 240)
	kinds := map[string][]byte{
		"plain": asJPEG(t, m), "grey": asJPEG(t, painted(image.NewGray(m.Bounds()), m)),
		"progressive": byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			data, _, err := ref.ExportJpeg(&vips.JpegExportParams{Quality: 90, Interlace: true})
			return data, err
		}),
		"Display P3": byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			if err := ref.TransformICCProfileWithFallback("p3", "srgb"); err != nil {
				return nil, err
			}
			data, _, err := ref.ExportJpeg(&vips.JpegExportParams{Quality: 90})
			return data, err
		}),
	}
	for kind, data := range kinds {
		want := must[*DecodedPicture](t)(Decode(data, PictureLimits{})).Picture
		versions := map[string][]byte{
			"motion photo":                     append(bytes.Clone(data), likeARecording()...),
			"gain map or second picture":       append(bytes.Clone(data), bytes.Repeat(data, 50)...),
			"a stray byte before a table":      insertSegment(data, "\xff\xc4", "\x00", false),
			"stray bytes before a table":       insertSegment(data, "\xff\xc4", string(make([]byte, 300)), false),
			"a stray byte before the end":      insertSegment(data, "\xff\xd9", "\x00", true),
			"stray bytes before the end":       insertSegment(data, "\xff\xd9", string(make([]byte, 300)), true),
			"JFIF 2.01":                        append([]byte("\xff\xd8"+jfif(2)), data[2:]...),
			"no end marker":                    data[:len(data)-2],
			"no last byte":                     data[:len(data)-1],
			"no end marker, another picture":   append(bytes.Clone(data[:len(data)-2]), data...),
			"stray byte in a motion photo":     append(insertSegment(data, "\xff\xd9", "\x00", true), likeARecording()...),
			"markers with several first bytes": insertSegment(data, "\xff\xc4", "\xff\xff\xff", false),
		}
		if kind != "progressive" {
			versions["scan parameters 0, 0, 0"] = scanParameters(data, 0, 0, 0)
			versions["scan parameters 1, 2, 3"] = scanParameters(data, 1, 2, 3)
		}
		for name, version := range versions {
			t.Run(kind+"/"+name, func(t *testing.T) {
				still, err := Decode(version, PictureLimits{})
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(still.Picture.Pixels, want.Pixels) {
					t.Error("other pixels than those of the plain file")
				}
			})
		}
	}
}

// TestLimitsCountThePicture, not what follows it.
func TestLimitsCountThePicture(t *testing.T) {
	data := asJPEG(t, scene(320, 240))
	long := append(bytes.Clone(data), make([]byte, 1<<20)...)
	if _, err := Decode(long, PictureLimits{MaxBytes: len(data)}); err != nil {
		t.Error(err)
	}
	if _, err := Decode(long, PictureLimits{MaxBytes: len(data) - 1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
}

// TestJPEGsThatLackPixels are refused, however little is missing.
func TestJPEGsThatLackPixels(t *testing.T) {
	m := scene(320, 240)
	plain := asJPEG(t, m)
	progressive := byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
		data, _, err := ref.ExportJpeg(&vips.JpegExportParams{Quality: 90, Interlace: true})
		return data, err
	})
	for name, data := range map[string][]byte{
		"the last row":        plain[:len(plain)-40],
		"the last scan":       progressive[:bytes.LastIndex(progressive, []byte{0xff, 0xda})],
		"grey, the last row":  func() []byte { g := asJPEG(t, painted(image.NewGray(m.Bounds()), m)); return g[:len(g)-40] }(),
		"all of them":         plain[:bytes.Index(plain, []byte{0xff, 0xda})],
		"cut, then a picture": append(bytes.Clone(plain[:len(plain)/2]), plain...),
	} {
		if _, err := Decode(data, PictureLimits{}); !errors.Is(err, ErrNotReadable) {
			t.Errorf("%s: got %v, want %v", name, err, ErrNotReadable)
		}
	}
}
