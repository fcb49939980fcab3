package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/bonafide-id/bonafide/liveness"
)

// scene paints soft blobs of skin-like and other colours over a gradient: no hard edges, so that encodings differ little.
func scene(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			u, v := float64(x)/float64(width), float64(y)/float64(height)
			face := math.Exp(-((u-0.5)*(u-0.5) + (v-0.5)*(v-0.5)) * 12)
			shirt := math.Exp(-((u-0.3)*(u-0.3) + (v-0.9)*(v-0.9)) * 20)
			m.SetNRGBA(x, y, color.NRGBA{
				R: uint8(60 + 60*u + 100*face), G: uint8(80 + 40*v + 60*face), B: uint8(90 + 20*u + 20*face + 60*shirt), A: 255,
			})
		}
	}
	return m
}

func asPicture(m image.Image) *liveness.Picture {
	b := m.Bounds()
	p := liveness.NewPicture(b.Dx(), b.Dy())
	for y := range p.Height {
		for x := range p.Width {
			c := color.NRGBAModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			copy(p.Pixels[3*(y*p.Width+x):], []byte{c.R, c.G, c.B})
		}
	}
	return p
}

// difference returns the mean and the largest difference of two pictures' channels; of pictures of different sizes, infinite.
func difference(a, b *liveness.Picture) (mean, most float64) {
	if a.Width != b.Width || a.Height != b.Height || len(a.Pixels) != len(b.Pixels) {
		return math.Inf(1), math.Inf(1)
	}
	for i := range a.Pixels {
		d := math.Abs(float64(a.Pixels[i]) - float64(b.Pixels[i]))
		mean += d
		most = max(most, d)
	}
	return mean / float64(len(a.Pixels)), most
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func asPNG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asBMP(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// byVips encodes with libvips, which writes kinds that Go does not.
func byVips(t testing.TB, m image.Image, encode func(*vips.ImageRef) ([]byte, error)) []byte {
	t.Helper()
	if err := startVips(); err != nil {
		t.Fatal(err)
	}
	ref := must[*vips.ImageRef](t)(vips.NewImageFromGoImage(m))
	defer ref.Close()
	if err := ref.ExtractBand(0, 3); err != nil {
		t.Fatal(err)
	}
	data, err := encode(ref)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// ofInks writes CMYK without a profile, as programs without colour management do: black is what all three inks share.
func ofInks(ref *vips.ImageRef) ([]byte, error) {
	pixels, err := ref.ToBytes()
	if err != nil {
		return nil, err
	}
	printed := image.NewNRGBA(image.Rect(0, 0, ref.Width(), ref.Height())) // four bands
	for i := 0; 3*i < len(pixels); i++ {
		most := max(pixels[3*i], pixels[3*i+1], pixels[3*i+2])
		for k, v := range pixels[3*i : 3*i+3] {
			printed.Pix[4*i+k] = byte(255 * int(most-v) / max(int(most), 1))
		}
		printed.Pix[4*i+3] = 255 - most
	}
	plain, err := vips.NewImageFromGoImage(printed)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	inks, err := plain.CopyChangingInterpretation(vips.InterpretationCMYK)
	if err != nil {
		return nil, err
	}
	defer inks.Close()
	data, _, err := inks.ExportJpeg(&vips.JpegExportParams{Quality: 95})
	return data, err
}

// TestPrintsHaveBlacks: the profile's blackest ink is a dark grey, and a display's black all the same.
func TestPrintsHaveBlacks(t *testing.T) {
	dark := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	draw.Draw(dark, dark.Bounds(), image.Black, image.Point{}, draw.Src)
	white := image.NewNRGBA(dark.Bounds())
	draw.Draw(white, white.Bounds(), image.White, image.Point{}, draw.Src)
	for want, m := range map[byte]image.Image{0: dark, 255: white} {
		still, err := Decode(byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			if err := ref.TransformICCProfileWithFallback("cmyk", "srgb"); err != nil {
				return nil, err
			}
			data, _, err := ref.ExportJpeg(&vips.JpegExportParams{Quality: 95})
			return data, err
		}), PictureLimits{})
		if err != nil {
			t.Fatal(err)
		}
		if p := still.Picture; p.Width != 64 || p.Height != 48 || len(p.Pixels) != 3*64*48 {
			t.Fatalf("%dx%d pixels, %d bytes", p.Width, p.Height, len(p.Pixels))
		}
		for _, v := range still.Picture.Pixels {
			if d := int(v) - int(want); d > 8 || d < -8 {
				t.Fatalf("a level of %d, want %d", v, want)
			}
		}
	}
}

// painted copies a picture to another colour model.
func painted[T draw.Image](to T, m image.Image) T {
	draw.Draw(to, to.Bounds(), m, image.Point{}, draw.Src)
	return to
}

func TestPicturesOfEveryKind(t *testing.T) {
	m := scene(640, 480)
	colours, grey := asPicture(m), asPicture(painted(image.NewGray(m.Bounds()), m))
	half := painted(image.NewNRGBA(m.Bounds()), m)
	overGrey := asPicture(m)
	for i := range overGrey.Pixels {
		overGrey.Pixels[i] = uint8((int(overGrey.Pixels[i])*128 + 127*127) / 255)
		half.Pix[i/3*4+3] = 128
	}
	jpegOf := func(profile string, params vips.JpegExportParams) func(*vips.ImageRef) ([]byte, error) {
		return func(ref *vips.ImageRef) ([]byte, error) {
			if profile != "" {
				if err := ref.TransformICCProfileWithFallback(profile, "srgb"); err != nil {
					return nil, err
				}
			}
			params.Quality = 95
			data, _, err := ref.ExportJpeg(&params)
			return data, err
		}
	}
	tests := []struct {
		name, format string
		data         []byte
		want         *liveness.Picture
		mean, most   float64 // differences
	}{
		{"JPEG", "jpeg", asJPEG(t, m), colours, 1, 8},
		{"progressive JPEG", "jpeg", byVips(t, m, jpegOf("", vips.JpegExportParams{Interlace: true})), colours, 1, 8},
		{"grey JPEG", "jpeg", asJPEG(t, painted(image.NewGray(m.Bounds()), m)), grey, 1, 4},
		// libvips prints without black point compensation, which is undone here all the same: somewhat darker than it was.
		{"CMYK JPEG", "jpeg", byVips(t, m, jpegOf("cmyk", vips.JpegExportParams{})), colours, 8, 24},
		{"CMYK JPEG without a profile", "jpeg", byVips(t, m, ofInks), colours, 1.5, 12},
		{"JPEG in Display P3", "jpeg", byVips(t, m, jpegOf("p3", vips.JpegExportParams{})), colours, 1.5, 10},
		{"PNG", "png", asPNG(t, m), colours, 0, 0},
		{"PNG of 16 bits", "png", asPNG(t, painted(image.NewNRGBA64(m.Bounds()), m)), colours, 0.5, 1},
		{"grey PNG", "png", asPNG(t, painted(image.NewGray(m.Bounds()), m)), grey, 0, 0},
		{"grey PNG of 16 bits", "png", asPNG(t, painted(image.NewGray16(m.Bounds()), m)), grey, 1, 2},
		{"PNG with a palette", "png", asPNG(t, painted(image.NewPaletted(m.Bounds(), palette.WebSafe), m)), asPicture(painted(image.NewPaletted(m.Bounds(), palette.WebSafe), m)), 0, 0},
		{"interlaced PNG", "png", byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			data, _, err := ref.ExportPng(&vips.PngExportParams{Interlace: true})
			return data, err
		}), colours, 0, 0},
		{"half transparent PNG", "png", asPNG(t, half), overGrey, 1, 2},
		{"WebP", "webp", byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			data, _, err := ref.ExportWebp(&vips.WebpExportParams{Quality: 95})
			return data, err
		}), colours, 2, 12},
		{"lossless WebP", "webp", byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			data, _, err := ref.ExportWebp(&vips.WebpExportParams{Lossless: true})
			return data, err
		}), colours, 0, 0},
		{"BMP", "bmp", asBMP(t, m), colours, 0, 0},
		{"BMP with a palette", "bmp", asBMP(t, painted(image.NewPaletted(m.Bounds(), palette.WebSafe), m)), asPicture(painted(image.NewPaletted(m.Bounds(), palette.WebSafe), m)), 0, 0},
		{"BMP of 24 bits", "bmp", asBMP(t, painted(image.NewRGBA(m.Bounds()), m)), colours, 0, 0},
		{"HEIC", "heic", byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			data, _, err := ref.ExportHeif(&vips.HeifExportParams{Quality: 95, Bitdepth: 8})
			return data, err
		}), colours, 2, 12},
		{"AVIF", "avif", byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
			data, _, err := ref.ExportAvif(&vips.AvifExportParams{Quality: 95, Bitdepth: 8})
			return data, err
		}), colours, 2, 12},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			still, err := Decode(test.data, PictureLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if still.Format != test.format || still.Width != 640 || still.Height != 480 || still.Scale != 1 {
				t.Errorf("%s, %dx%d, scale %v", still.Format, still.Width, still.Height, still.Scale)
			}
			if mean, most := difference(still.Picture, test.want); mean > test.mean || most > test.most {
				t.Errorf("differs by %.2f on average (at most %v), by up to %v (at most %v)", mean, test.mean, most, test.most)
			}
		})
	}
}

func TestColourProfilesAreApplied(t *testing.T) {
	red := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	draw.Draw(red, red.Bounds(), image.NewUniform(color.NRGBA{R: 230, G: 60, B: 50, A: 255}), image.Point{}, draw.Src)
	inDisplayP3 := func(keep bool) []byte {
		return byVips(t, red, func(ref *vips.ImageRef) ([]byte, error) {
			err := ref.TransformICCProfileWithFallback("p3", "srgb")
			if err == nil && !keep {
				err = ref.RemoveICCProfile()
			}
			if err != nil {
				return nil, err
			}
			data, _, err := ref.ExportPng(&vips.PngExportParams{})
			return data, err
		})
	}
	with := must[*DecodedPicture](t)(Decode(inDisplayP3(true), PictureLimits{}))
	if mean, _ := difference(with.Picture, asPicture(red)); mean > 1 {
		t.Errorf("differs by %.2f", mean)
	}
	without := must[*DecodedPicture](t)(Decode(inDisplayP3(false), PictureLimits{}))
	if mean, _ := difference(without.Picture, asPicture(red)); mean < 5 {
		t.Errorf("without its profile the picture is the same: the test proves nothing (%.2f)", mean)
	}
}

// withOrientation puts an EXIF segment with nothing but an orientation into a JPEG.
func withOrientation(data []byte, orientation int) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[25] = byte(orientation)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	return bytes.Join([][]byte{data[:2], segment, exif, data[2:]}, nil)
}

func TestOrientation(t *testing.T) {
	shown := image.NewNRGBA(image.Rect(0, 0, 60, 80))
	fill := func(r image.Rectangle, c color.NRGBA) {
		draw.Draw(shown, r, image.NewUniform(c), image.Point{}, draw.Src)
	}
	fill(image.Rect(0, 0, 30, 80), color.NRGBA{R: 255, A: 255})
	fill(image.Rect(30, 0, 60, 80), color.NRGBA{B: 255, A: 255})
	fill(image.Rect(0, 0, 60, 20), color.NRGBA{G: 255, A: 255})
	right, bottom := 59, 79
	// By EXIF 2.3, 4.6.4: the sides of the picture as shown at which the stored row 0 and column 0 lie.
	stored := map[int]func(row, column int) (x, y int){
		1: func(r, c int) (int, int) { return c, r },                  // top, left
		2: func(r, c int) (int, int) { return right - c, r },          // top, right
		3: func(r, c int) (int, int) { return right - c, bottom - r }, // bottom, right
		4: func(r, c int) (int, int) { return c, bottom - r },         // bottom, left
		5: func(r, c int) (int, int) { return r, c },                  // left, top
		6: func(r, c int) (int, int) { return right - r, c },          // right, top
		7: func(r, c int) (int, int) { return right - r, bottom - c }, // right, bottom
		8: func(r, c int) (int, int) { return r, bottom - c },         // left, bottom
	}
	for orientation, place := range stored {
		t.Run(strconv.Itoa(orientation), func(t *testing.T) {
			file := image.NewNRGBA(image.Rect(0, 0, 60, 80))
			if orientation > 4 {
				file = image.NewNRGBA(image.Rect(0, 0, 80, 60))
			}
			for r := range file.Rect.Dy() {
				for c := range file.Rect.Dx() {
					x, y := place(r, c)
					file.Set(c, r, shown.At(x, y))
				}
			}
			still, err := Decode(withOrientation(asJPEG(t, file), orientation), PictureLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if still.Width != 60 || still.Height != 80 || still.Picture.Width != 60 || still.Picture.Height != 80 {
				t.Errorf("%dx%d", still.Width, still.Height)
			}
			if mean, _ := difference(still.Picture, asPicture(shown)); mean > 8 || !isFlag(still.Picture) {
				t.Errorf("differs by %.1f", mean)
			}
		})
	}
}

func TestLargePicturesAreReduced(t *testing.T) {
	m := scene(4032, 3024)
	want := asPicture(scene(2016, 1512))
	for name, data := range map[string][]byte{"jpeg": withOrientation(asJPEG(t, m), 1), "png": asPNG(t, m)} {
		t.Run(name, func(t *testing.T) {
			still, err := Decode(data, PictureLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if still.Width != 4032 || still.Height != 3024 || still.Scale != 0.5 {
				t.Errorf("%dx%d, scale %v", still.Width, still.Height, still.Scale)
			}
			if mean, most := difference(still.Picture, want); mean > 1.5 || most > 10 {
				t.Errorf("differs by %.2f on average, by up to %v", mean, most)
			}
		})
	}
	t.Run("turned", func(t *testing.T) {
		still, err := Decode(withOrientation(asJPEG(t, scene(4032, 3024)), 6), PictureLimits{})
		if err != nil {
			t.Fatal(err)
		}
		if still.Width != 3024 || still.Height != 4032 || still.Picture.Width != 1512 || still.Picture.Height != 2016 {
			t.Errorf("%dx%d, picture %dx%d", still.Width, still.Height, still.Picture.Width, still.Picture.Height)
		}
	})
	t.Run("by more than JPEG decoders can", func(t *testing.T) {
		still, err := Decode(asJPEG(t, image.NewGray(image.Rect(0, 0, 19_999, 40))), PictureLimits{})
		if err != nil {
			t.Fatal(err)
		}
		if still.Picture.Width > maxSide || math.Abs(still.Scale-1.0/16) > 0.001 {
			t.Errorf("%d wide, scale %v", still.Picture.Width, still.Scale)
		}
	})
}

// pngHeader returns a PNG's start that claims a size.
func pngHeader(width, height uint32) []byte {
	chunk := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)...)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	data := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), chunk...)
	data = binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(chunk))
	return append(data, "\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e\x00\x00\x00\x00IEND\xae\x42\x60\x82"...)
}

// jpegWithSize overwrites the size in a baseline JPEG's frame header.
func jpegWithSize(data []byte, width, height uint16) []byte {
	data = bytes.Clone(data)
	at := bytes.Index(data, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(data[at+5:], height)
	binary.BigEndian.PutUint16(data[at+7:], width)
	return data
}

func bmpWithSize(data []byte, width, height int32) []byte {
	data = bytes.Clone(data)
	binary.LittleEndian.PutUint32(data[18:], uint32(width))
	binary.LittleEndian.PutUint32(data[22:], uint32(height))
	return data
}

func TestHostilePictures(t *testing.T) {
	m := scene(320, 240)
	photo, lossless, bitmap := asJPEG(t, m), asPNG(t, m), asBMP(t, m)
	progressive := byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
		data, _, err := ref.ExportJpeg(&vips.JpegExportParams{Quality: 90, Interlace: true})
		return data, err
	})
	webp := byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
		data, _, err := ref.ExportWebp(&vips.WebpExportParams{Quality: 90})
		return data, err
	})
	heic := byVips(t, m, func(ref *vips.ImageRef) ([]byte, error) {
		data, _, err := ref.ExportHeif(&vips.HeifExportParams{Quality: 90, Bitdepth: 8})
		return data, err
	})
	var animation, scan bytes.Buffer
	if err := errors.Join(gif.Encode(&animation, m, nil), tiff.Encode(&scan, m, nil)); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(lossless)
	flipped[len(flipped)/2] ^= 0x10
	lastScan := bytes.LastIndex(progressive, []byte{0xff, 0xda})
	manyScans := bytes.Join([][]byte{progressive[:lastScan], bytes.Repeat(progressive[lastScan:len(progressive)-2], 100), {0xff, 0xd9}}, nil)
	tests := []struct {
		name string
		data []byte
		want error // nil: a picture is expected
	}{
		{"nothing", nil, ErrNotReadable},
		{"one byte", []byte{0xff}, ErrNotReadable},
		{"text", []byte("this is no picture"), ErrNotReadable},
		{"JPEG magic alone", []byte{0xff, 0xd8, 0xff}, ErrNotReadable},
		{"PNG magic alone", []byte("\x89PNG\r\n\x1a\n"), ErrNotReadable},
		{"WebP magic alone", []byte("RIFF\x00\x00\x00\x00WEBP"), ErrNotReadable},
		{"BMP magic alone", []byte("BM"), ErrNotReadable},
		{"HEIC magic alone", []byte("\x00\x00\x00\x18ftypheic"), ErrNotReadable},
		{"JPEG cut short", photo[:len(photo)/2], ErrNotReadable},
		{"progressive JPEG cut short", progressive[:len(progressive)/3], ErrNotReadable},
		{"PNG cut short", lossless[:len(lossless)/2], ErrNotReadable},
		{"PNG with a flipped bit", flipped, ErrNotReadable},
		{"WebP cut short", webp[:len(webp)/2], ErrNotReadable},
		{"BMP cut short", bitmap[:len(bitmap)/2], ErrNotReadable},
		{"HEIC cut short", heic[:len(heic)/2], ErrNotReadable},
		{"JPEG with text after its end", append(bytes.Clone(photo), "appended"...), nil},
		{"GIF", animation.Bytes(), ErrUnsupported},
		{"TIFF", scan.Bytes(), ErrUnsupported},
		{"PDF", []byte("%PDF-1.7\n"), ErrUnsupported},
		{"SVG", []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><image href="file:///etc/passwd"/></svg>`), ErrUnsupported},
		{"XML", []byte(`<?xml version="1.0"?><svg/>`), ErrUnsupported},
		{"ImageMagick script", []byte("push graphic-context\nfill 'url(https://127.0.0.1/x)'\npop graphic-context"), ErrNotReadable},
		{"recording", []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"), ErrUnsupported},
		{"PNG that claims 60000x60000", pngHeader(60000, 60000), ErrTooLarge},
		{"PNG that claims 20001x1", pngHeader(20001, 1), ErrTooLarge},
		{"PNG that claims 7000x7000 and has nothing", pngHeader(7000, 7000), ErrNotReadable},
		{"PNG of no size", pngHeader(0, 0), ErrNotReadable},
		{"JPEG that claims 65500x65500", jpegWithSize(photo, 65500, 65500), ErrTooLarge},
		{"JPEG that claims 7000x7000", jpegWithSize(photo, 7000, 7000), ErrNotReadable},
		{"BMP that claims 100000x100000", bmpWithSize(bitmap, 100_000, 100_000), ErrTooLarge},
		{"BMP that claims 7000x7000", bmpWithSize(bitmap, 7000, 7000), ErrNotReadable},
		{"BMP of a negative width", bmpWithSize(bitmap, -320, 240), ErrNotReadable},
		{"BMP of no size", bmpWithSize(bitmap, 0, 0), ErrNotReadable},
		{"progressive JPEG of a hundred scans", manyScans, ErrTooLarge},
		{"too many bytes", make([]byte, DefaultPictureLimits.MaxBytes+1), ErrTooLarge},
		{"JPEG of one line", asJPEG(t, image.NewGray(image.Rect(0, 0, 20_000, 1))), nil},
		{"JPEG of three columns", asJPEG(t, image.NewGray(image.Rect(0, 0, 3, 20_000))), nil},
		{"JPEG that claims one column", jpegWithSize(photo, 1, 20_000), ErrNotReadable},
		{"long and thin", asPNG(t, image.NewGray(image.Rect(0, 0, 10_000, 1))), nil},
		{"one pixel", asPNG(t, image.NewGray(image.Rect(0, 0, 1, 1))), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			still, err := Decode(test.data, PictureLimits{})
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.want == nil && len(still.Picture.Pixels) != 3*still.Picture.Width*still.Picture.Height {
				t.Errorf("%d bytes for %dx%d", len(still.Picture.Pixels), still.Picture.Width, still.Picture.Height)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
		})
	}
}

// TestPicturesLeaveNothingBehind decodes many pictures and looks at what libvips still holds, and at the process's memory.
func TestPicturesLeaveNothingBehind(t *testing.T) {
	m := scene(320, 240)
	photo := asJPEG(t, m)
	pictures := [][]byte{photo, asPNG(t, m), photo[:len(photo)/2], pngHeader(7000, 7000), withOrientation(photo, 6), asBMP(t, m)}
	decodeAll := func(times int) {
		for range times {
			for _, data := range pictures {
				_, _ = Decode(data, PictureLimits{})
			}
		}
	}
	decodeAll(30)
	var before, after vips.MemoryStats
	vips.ReadVipsMemStats(&before)
	memory := residentMemory(t)
	decodeAll(300)
	vips.ReadVipsMemStats(&after)
	vips.AssertNoLeaks(t)
	// A worker of libvips may end a little after its picture; one thing left behind a call would be 1800 of them.
	if after.Allocs > before.Allocs+100 || after.Mem > before.Mem+1<<20 || after.Files > before.Files {
		t.Errorf("libvips held %+v before and %+v after", before, after)
	}
	// A leak of one 320x240 picture a call would be 414 MB.
	if grown := residentMemory(t) - memory; grown > 64<<20 {
		t.Errorf("memory grew by %d MB", grown>>20)
	}
}

// residentMemory returns the bytes of memory that the process occupies.
func residentMemory(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(data), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

func FuzzDecode(f *testing.F) {
	m := scene(32, 24)
	photo := asJPEG(f, m)
	for _, seed := range [][]byte{photo, withOrientation(photo, 6), asPNG(f, m), asBMP(f, m), pngHeader(7000, 7000), []byte("GIF89a")} {
		f.Add(seed)
	}
	limits := PictureLimits{MaxPixels: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		still, err := Decode(data, limits)
		switch {
		case err == nil:
			if len(still.Picture.Pixels) != 3*still.Picture.Width*still.Picture.Height || still.Width*still.Height > limits.MaxPixels {
				t.Errorf("%dx%d as shown, %dx%d in %d bytes", still.Width, still.Height, still.Picture.Width, still.Picture.Height, len(still.Picture.Pixels))
			}
		case !errors.Is(err, ErrNotReadable) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTooLarge):
			t.Errorf("untyped: %v", err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	noisy := func(width, height int) []byte {
		source := fmt.Sprintf("mandelbrot=s=%dx%d:r=1,noise=alls=12:allf=t", width, height)
		return record(b, "-f", "lavfi", "-i", source, "-frames:v", "1", "-q:v", "3", "x.jpg")
	}
	for _, size := range [][2]int{{640, 480}, {4032, 3024}} {
		data := noisy(size[0], size[1])
		b.Run(fmt.Sprintf("jpeg_%dx%d", size[0], size[1]), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Decode(data, PictureLimits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
