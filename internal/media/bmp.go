package media

import (
	"encoding/binary"
	"fmt"
	"image"
	"math/bits"
)

// maskedBMP is a BMP of 16 or 32 bits a pixel, of which masks say where red, green and blue stand. The library that reads all
// other BMPs does not read these.
type maskedBMP struct {
	width, height int
	topDown       bool
	bytesPerPixel int
	pixels        int // where they start in the file
	masks         [3]uint32
}

const (
	bmpFileHeader = 14 // bytes
	bmpInfoHeader = 40 // bytes of BITMAPINFOHEADER; later headers go on from there
	bmpRGB        = 0  // no compression; 16 bits are 5 of each colour
	bmpBitFields  = 3  // no compression; three masks follow the BITMAPINFOHEADER, or stand there in later headers
	bmpAlphaBits  = 6  // the same with a fourth mask, which is not looked at
)

// parseMaskedBMP reads the header; ok is false for any other BMP.
func parseMaskedBMP(data []byte) (b maskedBMP, ok bool) {
	const masksEnd = bmpFileHeader + bmpInfoHeader + 3*4
	if len(data) < masksEnd {
		return b, false
	}
	at := func(offset int) uint32 { return binary.LittleEndian.Uint32(data[offset:]) }
	depth, compression := binary.LittleEndian.Uint16(data[28:]), at(30)
	masked := compression == bmpBitFields || compression == bmpAlphaBits
	if at(14) < bmpInfoHeader || !(depth == 16 && (masked || compression == bmpRGB) || depth == 32 && masked) {
		return b, false
	}
	b = maskedBMP{
		width: int(int32(at(18))), height: int(int32(at(22))), bytesPerPixel: int(depth / 8), pixels: int(at(10)),
		masks: [3]uint32{0x7c00, 0x03e0, 0x001f},
	}
	if masked {
		b.masks = [3]uint32{at(54), at(58), at(62)}
	}
	if b.height < 0 {
		b.topDown, b.height = true, -b.height
	}
	return b, true
}

// decode decodes the pixels; the size must have been checked.
func (b maskedBMP) decode(data []byte) (*image.NRGBA, error) {
	row := (b.width*b.bytesPerPixel + 3) &^ 3 // of whole 32-bit words
	if b.width <= 0 || b.height <= 0 || b.pixels < bmpFileHeader+bmpInfoHeader || b.pixels > len(data) || (len(data)-b.pixels)/row < b.height {
		return nil, fmt.Errorf("%w: BMP is cut short", ErrNotReadable)
	}
	for _, mask := range b.masks {
		if mask == 0 {
			return nil, fmt.Errorf("%w: BMP without one of three colours", ErrNotReadable)
		}
	}
	out := image.NewNRGBA(image.Rect(0, 0, b.width, b.height))
	for y := range b.height {
		from := b.height - 1 - y
		if b.topDown {
			from = y
		}
		b.decodeRow(data[b.pixels+from*row:], out.Pix[y*out.Stride:(y+1)*out.Stride])
	}
	return out, nil
}

func (b maskedBMP) decodeRow(data, out []byte) {
	for ; len(out) >= 4; out, data = out[4:], data[b.bytesPerPixel:] {
		pixel := uint32(binary.LittleEndian.Uint16(data))
		if b.bytesPerPixel == 4 {
			pixel = binary.LittleEndian.Uint32(data)
		}
		for i, mask := range b.masks {
			shift := bits.TrailingZeros32(mask)
			most := uint64(mask >> shift)
			out[i] = byte((uint64(pixel&mask>>shift)*255 + most/2) / most)
		}
		out[3] = 255
	}
}
