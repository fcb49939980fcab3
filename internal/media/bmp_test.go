package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math/bits"
	"testing"
)

// asMaskedBMP writes a BMP with a BITMAPINFOHEADER; without masks it is one of five bits each that needs none.
func asMaskedBMP(m image.Image, bytesPerPixel int, masks *[3]uint32, topDown bool) []byte {
	width, height := m.Bounds().Dx(), m.Bounds().Dy()
	le := binary.LittleEndian
	used, compression, given := [3]uint32{0x7c00, 0x3e0, 0x1f}, uint32(bmpRGB), []byte(nil)
	if masks != nil {
		used, compression = *masks, bmpBitFields
		for _, mask := range masks {
			given = le.AppendUint32(given, mask)
		}
	}
	stored := int32(height)
	if topDown {
		stored = -stored
	}
	row := (width*bytesPerPixel + 3) / 4 * 4
	start := 54 + len(given)
	b := le.AppendUint32([]byte("BM"), uint32(start+row*height))
	b = le.AppendUint32(le.AppendUint32(b, 0), uint32(start))
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 40), uint32(width)), uint32(stored))
	b = le.AppendUint32(le.AppendUint16(le.AppendUint16(b, 1), uint16(8*bytesPerPixel)), compression)
	b = append(append(b, make([]byte, 20)...), given...)
	for i := range height {
		y := height - 1 - i
		if topDown {
			y = i
		}
		line := make([]byte, row)
		for x := range width {
			colour, pixel := [3]uint32{}, uint32(0)
			colour[0], colour[1], colour[2], _ = m.At(x, y).RGBA()
			for k, mask := range used {
				pixel |= colour[k] >> (16 - bits.OnesCount32(mask)) << bits.TrailingZeros32(mask)
			}
			if bytesPerPixel == 2 {
				le.PutUint16(line[2*x:], uint16(pixel))
			} else {
				le.PutUint32(line[4*x:], pixel)
			}
		}
		b = append(b, line...)
	}
	return b
}

func TestMaskedBMPs(t *testing.T) {
	m := scene(321, 240) // an odd width: rows end with padding
	for name, c := range map[string]struct {
		bytes int
		masks *[3]uint32
		most  float64
	}{
		"RGB555": {2, nil, 8}, "RGB565": {2, &[3]uint32{0xf800, 0x7e0, 0x1f}, 8}, "BGR565": {2, &[3]uint32{0x1f, 0x7e0, 0xf800}, 8},
		"RGB444": {2, &[3]uint32{0xf00, 0xf0, 0xf}, 16}, "32 bits, RGBX": {4, &[3]uint32{0xff000000, 0xff0000, 0xff00}, 1},
		"32 bits, ten of each": {4, &[3]uint32{0x3ff00000, 0xffc00, 0x3ff}, 1},
	} {
		for _, topDown := range []bool{false, true} {
			t.Run(fmt.Sprint(name, topDown), func(t *testing.T) {
				data := asMaskedBMP(m, c.bytes, c.masks, topDown)
				still, err := Decode(data, PictureLimits{})
				if err != nil {
					t.Fatal(err)
				}
				if _, most := difference(still.Picture, asPicture(m)); most > c.most || still.Format != "bmp" {
					t.Errorf("differs by %v, format %s", most, still.Format)
				}
				for _, size := range []int{53, 66, len(data) / 2, len(data) - 1} {
					if _, err := Decode(data[:size], PictureLimits{}); !errors.Is(err, ErrNotReadable) {
						t.Errorf("%d of %d bytes: got %v, want %v", size, len(data), err, ErrNotReadable)
					}
				}
			})
		}
	}
	hostile := asMaskedBMP(m, 2, nil, false)
	for name, c := range map[string]struct {
		width, height uint32
		want          error
	}{
		"huge": {100_000, 100_000, ErrTooLarge}, "no width": {0, 240, ErrNotReadable}, "negative width": {1 << 31, 240, ErrNotReadable},
		"most negative height": {321, 1 << 31, ErrTooLarge}, "7000x7000": {7000, 7000, ErrNotReadable},
	} {
		data := bytes.Clone(hostile)
		binary.LittleEndian.PutUint32(data[18:], c.width)
		binary.LittleEndian.PutUint32(data[22:], c.height)
		if _, err := Decode(data, PictureLimits{}); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	unmasked := asMaskedBMP(m, 2, &[3]uint32{0xf800, 0, 0x1f}, false)
	if _, err := Decode(unmasked, PictureLimits{}); !errors.Is(err, ErrNotReadable) {
		t.Errorf("without a mask: %v", err)
	}
}
