package hostile

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"sync"
)

// pictureWays are all the ways to make a hostile picture.
var pictureWays = append([]way{
	{"cut short", func(m maker, of sample) ([]byte, Want) {
		return of.data[:1+m.IntN(len(of.data)*9/10)], Refused
	}},
	damage("sizes that lie", lieAboutSize),
	{"sizes that lie much", func(m maker, of sample) ([]byte, Want) {
		data, ok := withSize(of, 65_000, 64_000)
		if !ok {
			return pngHeader(60_000, 60_000), Refused
		}
		return data, Refused
	}},
	oneOf("bombs", Read, pictureBombs),
	oneOf("bombs over the limits", Refused, func(traps) [][]byte { return tooLargeBombs() }),
	oneOf("long and thin", Read, func(traps) [][]byte { return thin() }),
	oneOf("other formats", Refused, otherPictures),
	oneOf("scripts and playlists", Refused, func(t traps) [][]byte { return append(playlists(t), scripts(t)...) }),
	{"nested", nestSample},
}, damages...)

// lieAboutSize writes another width and height into the header.
func lieAboutSize(m maker, data []byte) []byte {
	sizes := []uint32{0, 1, 2, 319, 321, 4096, 16_383, 20_000, 65_500}
	for _, s := range m.samples {
		if !bytes.Equal(s.data, data) {
			continue
		}
		if lying, ok := withSize(s, sizes[m.IntN(len(sizes))], sizes[m.IntN(len(sizes))]); ok {
			return lying
		}
	}
	return m.flip(data, min(len(data), 64), 4)
}

// withSize returns the sample with another size in its header, ok false where the format has none at a known place.
func withSize(s sample, width, height uint32) (data []byte, ok bool) {
	data = bytes.Clone(s.data)
	at := func(mark string, offset int) []byte {
		i := bytes.Index(data, []byte(mark))
		if i < 0 || len(data) < i+offset+8 {
			return nil
		}
		return data[i+offset:]
	}
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG")):
		binary.BigEndian.PutUint32(data[16:], width)
		binary.BigEndian.PutUint32(data[20:], height)
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		frame := at("\xff\xc0", 5)
		if frame == nil {
			frame = at("\xff\xc2", 5)
		}
		if frame == nil {
			return nil, false
		}
		binary.BigEndian.PutUint16(frame, uint16(height))
		binary.BigEndian.PutUint16(frame[2:], uint16(width))
	case bytes.HasPrefix(data, []byte("BM")):
		binary.LittleEndian.PutUint32(data[18:], width)
		binary.LittleEndian.PutUint32(data[22:], height)
	case at("ispe", 8) != nil:
		binary.BigEndian.PutUint32(at("ispe", 8), width)
		binary.BigEndian.PutUint32(at("ispe", 12), height)
	default:
		return nil, false
	}
	return data, true
}

// chunk returns a PNG's chunk.
func chunk(kind string, body []byte) []byte {
	all := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	all = append(append(all, kind...), body...)
	return binary.BigEndian.AppendUint32(all, crc32.ChecksumIEEE(all[4:]))
}

func header(width, height uint32, bits, colours, interlace byte) []byte {
	body := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(body, bits, colours, 0, 0, interlace))...)
}

// pngHeader returns a PNG that claims a size and has next to nothing.
func pngHeader(width, height uint32) []byte {
	data := append(header(width, height, 8, 2, 0), chunk("IDAT", deflateZeros(64))...)
	return append(data, chunk("IEND", nil)...)
}

// deflateZeros returns n zeros, compressed a thousand times over.
func deflateZeros(n int) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	block := make([]byte, 1<<16)
	for n > 0 {
		k := min(n, len(block))
		_, _ = w.Write(block[:k]) // a buffer takes everything
		n -= k
	}
	_ = w.Close()
	return b.Bytes()
}

// grey returns a whole PNG in which nothing is to be seen.
func grey(width, height int) []byte {
	data := append(header(uint32(width), uint32(height), 8, 0, 0), chunk("IDAT", deflateZeros((width+1)*height))...)
	return append(data, chunk("IEND", nil)...)
}

// pictureBombs are small files that are pictures within the limits, and large once they are decoded.
var pictureBombs = func() func(traps) [][]byte {
	made := sync.OnceValue(func() [][]byte {
		small := grey(64, 64)
		behindHeader := func(c []byte) []byte {
			return bytes.Join([][]byte{small[:33], c, small[33:]}, nil)
		}
		text := append([]byte("Comment\x00\x00"), deflateZeros(200<<20)...)
		profile := append([]byte("profile\x00\x00"), deflateZeros(100<<20)...)
		return [][]byte{
			grey(7000, 7000),
			grey(20_000, 2400),
			grey(2400, 20_000),
			behindHeader(chunk("zTXt", text)),
			behindHeader(chunk("iCCP", profile)),
			behindHeader(bytes.Repeat(chunk("tEXt", []byte("a\x00b")), 20_000)),
		}
	})
	return func(traps) [][]byte { return made() }
}()

// tooLargeBombs are over the limits, by their headers or in truth.
var tooLargeBombs = sync.OnceValue(func() [][]byte {
	webp := func(kind string, body ...byte) []byte {
		data := append([]byte("WEBP"+kind), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...)
		data = append(data, body...)
		return append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(data)))...), data...)
	}
	return [][]byte{
		pngHeader(60_000, 60_000),
		pngHeader(1<<31-1, 1<<31-1),
		pngHeader(20_001, 1),
		pngHeader(1, 1<<31-1),
		grey(8000, 8000),
		webp("VP8X", 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		webp("VP8L", 0x2f, 0xff, 0xff, 0xff, 0x0f),
		append([]byte("BM"), bytes.Repeat([]byte{0x7f}, 60)...),
	}
})

var thin = sync.OnceValue(func() [][]byte {
	return [][]byte{grey(10_000, 1), grey(1, 10_000), grey(20_000, 1), grey(1, 20_000), grey(1, 1), grey(2, 3), grey(19_999, 2)}
})

// otherPictures returns formats that are not read, some of which would make a reader open files.
func otherPictures(t traps) [][]byte {
	var animation bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 32, 32), color.Palette{color.Black, color.White})
	all := &gif.GIF{}
	for range 50 {
		all.Image, all.Delay = append(all.Image, frame), append(all.Delay, 0)
	}
	_ = gif.EncodeAll(&animation, all) // a buffer takes everything
	var icon bytes.Buffer
	_ = png.Encode(&icon, frame)
	return [][]byte{
		animation.Bytes(),
		append([]byte("\x00\x00\x01\x00\x01\x00\x20\x20\x00\x00\x01\x00\x20\x00\x00\x01\x00\x00\x16\x00\x00\x00"), icon.Bytes()...),
		[]byte("II*\x00\xff\xff\xff\xff"),
		[]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x00\x00\x04\x00\x00\x00\x01\xff\xff\xff\xff\x00\x00\x00\x00"),
		fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj<</F(%s)>>endobj", t.file),
		[]byte("8BPS\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04\xff\xff\xff\xff\xff\xff\xff\xff"),
		[]byte("\xff\x0a\xff\xff\xff\xff"),
		[]byte("\x00\x00\x00\x0cjP  \r\n\x87\n"),
		[]byte("P6 60000 60000 255\n"),
		[]byte("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n"),
		[]byte("v/1\x01\x02\x00\x00\x00"),
		[]byte("gimp xcf v011\x00"),
	}
}

// scripts returns texts that picture libraries have been known to obey.
func scripts(t traps) [][]byte {
	return [][]byte{
		fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="640" height="640"><image xlink:href="file://%s" width="640" height="640"/><image href="%s"/></svg>`, t.file, t.url),
		fmt.Appendf(nil, `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://%s">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>`, t.file),
		fmt.Appendf(nil, "push graphic-context\nviewbox 0 0 640 480\nfill 'url(%s/\"|id\")'\nimage over 0,0 0,0 'ephemeral:%s'\npop graphic-context", t.url, t.file),
		fmt.Appendf(nil, `<?xml version="1.0"?><image><read filename="%s"/><get width="x"/></image>`, t.file),
		fmt.Appendf(nil, "%%!PS\n(%s) (r) file", t.file),
		fmt.Appendf(nil, "file://%s", t.file),
		[]byte(t.file),
		[]byte("msl:" + t.file), []byte("text:" + t.file), []byte("caption:@" + t.file), []byte("label:@" + t.file),
	}
}

// nestSample puts the sample into or behind another format.
func nestSample(m maker, of sample) ([]byte, Want) {
	behind := func(magic string) []byte { return append([]byte(magic), of.data...) }
	switch m.IntN(7) {
	case 0:
		return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg"><image href="data:image/png;base64,%s"/></svg>`, base64.StdEncoding.EncodeToString(of.data)), Refused
	case 1:
		return behind("%PDF-1.4\nstream\n"), Refused
	case 2:
		return behind("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), Refused
	case 3:
		return behind("\xff\xd8\xff\xe1\xff\xff"), Anything // a JPEG whose first segment is the sample
	case 4:
		return behind("RIFF\xff\xff\xff\xffWEBPVP8X\x0a\x00\x00\x00"), Anything
	case 5:
		other := m.samples[m.IntN(len(m.samples))].data
		return append(bytes.Clone(of.data), other...), Anything
	default:
		return append(bytes.Clone(of.data), bytes.Repeat([]byte("PK\x03\x04"), 1000)...), Anything
	}
}
