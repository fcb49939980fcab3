package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// recordingWays are all the ways to make a hostile recording.
var recordingWays = append([]way{
	{"cut short", func(m maker, of sample) ([]byte, Want) {
		want := Anything
		if of.tailed {
			want = Refused
		}
		return of.data[:1+m.IntN(len(of.data)*9/10)], want
	}},
	damage("boxes of wrong sizes", wrongBoxes),
	damage("elements of wrong sizes", wrongElements),
	damage("sizes that lie", lieAboutFrames),
	damage("endless", endless),
	oneOf("scripts and playlists", Refused, func(t traps) [][]byte { return append(playlists(t), scripts(t)...) }),
	{"playlist behind a magic", func(m maker, of sample) ([]byte, Want) {
		all := playlists(m.corpus.traps)
		text := all[m.IntN(len(all))]
		return append(bytes.Clone(of.data[:min(len(of.data), 8+m.IntN(32))]), text...), Refused
	}},
	oneOf("movies that refer to other files", Refused, references),
	{"nested", func(m maker, of sample) ([]byte, Want) {
		other := m.samples[m.IntN(len(m.samples))].data
		switch m.IntN(3) {
		case 0:
			return append(box("ftyp", []byte("isom\x00\x00\x00\x00")), box("mdat", of.data, other)...), Refused
		case 1:
			return append(bytes.Clone(of.data), other...), Anything
		default:
			return bytes.Join([][]byte{box("ftyp", []byte("qt  \x00\x00\x00\x00")), box("moov", box("trak", of.data)), box("mdat", other)}, nil), Anything
		}
	}},
	{"a picture", func(m maker, _ sample) ([]byte, Want) {
		return m.corpus.pictures[m.IntN(len(m.corpus.pictures))].data, Refused
	}},
}, damages...)

// playlists would make a demuxer open other files.
func playlists(t traps) [][]byte {
	return [][]byte{
		fmt.Appendf(nil, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n", t.file),
		fmt.Appendf(nil, "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nconcat:%s|subfile,,start,0,end,4,,:%s\n#EXT-X-ENDLIST\n", t.url, t.file),
		fmt.Appendf(nil, "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"%s/key\"\n#EXTINF:1,\ncrypto:%s\n", t.url, t.file),
		fmt.Appendf(nil, "ffconcat version 1.0\nfile '%s'\nfile '%s/x.mp4'\n", t.file, t.url),
		fmt.Appendf(nil, "concat:%s|%s", t.file, t.file),
		fmt.Appendf(nil, "subfile,,start,0,end,64,,:%s", t.file),
		fmt.Appendf(nil, "file:%s", t.file),
		fmt.Appendf(nil, "data:video/mp4;base64,AAAA"),
		fmt.Appendf(nil, `<?xml version="1.0"?><MPD type="static"><Period><BaseURL>file://%s</BaseURL><BaseURL>%s/</BaseURL></Period></MPD>`, t.file, t.url),
		fmt.Appendf(nil, "[playlist]\nFile1=%s\nNumberOfEntries=1\n", t.file),
		fmt.Appendf(nil, "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
		fmt.Appendf(nil, "RTSPtext\nrtsp://%s\n", t.url),
	}
}

// box returns a box of ISO/IEC 14496-12.
func box(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), kind...), body...)
}

// references returns movies that name another file in place of pictures: reference movies of QuickTime, and data references.
func references(t traps) [][]byte {
	kind := box("ftyp", []byte("qt  \x00\x00\x00\x00"))
	reference := func(place string) []byte {
		return box("rmda", box("rdrf", []byte{0, 0, 0, 0}, []byte("url "), binary.BigEndian.AppendUint32(nil, uint32(len(place)+1)), []byte(place), []byte{0}))
	}
	track := func(place string) []byte {
		entries := box("dref", []byte{0, 0, 0, 0, 0, 0, 0, 1}, box("url ", []byte{0, 0, 0, 0}, []byte(place), []byte{0}))
		return box("trak", box("mdia", box("hdlr", make([]byte, 8), []byte("vide"), make([]byte, 13)), box("minf", box("dinf", entries))))
	}
	var all [][]byte
	for _, place := range []string{t.file, "file://" + t.file, t.url + "/x.mov", "concat:" + t.file, "subfile,,start,0,end,9,,:" + t.file} {
		all = append(all,
			append(bytes.Clone(kind), box("moov", box("rmra", reference(place)))...),
			append(bytes.Clone(kind), box("moov", track(place))...))
	}
	return all
}

// wrongBoxes returns boxes wrong sizes: none, all of the file, 64 bits of it, or a little more than there is.
func wrongBoxes(m maker, data []byte) []byte {
	var places []int
	for _, kind := range []string{"ftyp", "moov", "mdat", "trak", "mdia", "minf", "stbl", "stsd", "stts", "stsz", "stsc", "stco", "ctts", "elst", "tkhd", "mvhd", "mdhd", "avc1", "avcC", "hvc1", "moof", "traf", "trun", "LIST", "idx1", "strf", "movi"} {
		for from := 0; ; {
			i := bytes.Index(data[from:], []byte(kind))
			if i < 0 {
				break
			}
			places, from = append(places, from+i), from+i+4
		}
	}
	if len(places) == 0 {
		return m.flip(data, min(len(data), 256), 8)
	}
	for range 1 + m.IntN(3) {
		at := places[m.IntN(len(places))]
		size := []uint32{0, 1, 7, 8, 0x10, 0x7fffffff, 0xffffffff, 0xfffffff0, uint32(len(data) + 1)}[m.IntN(9)]
		if at >= 4 && m.IntN(2) == 0 {
			binary.BigEndian.PutUint32(data[at-4:], size) // the box's size
		} else if at+16 <= len(data) {
			binary.BigEndian.PutUint32(data[at+8+4*m.IntN(2):], size) // the number of its entries
		}
	}
	return data
}

// wrongElements returns elements of EBML (Matroska, WebM) wrong sizes, unknown ones too.
func wrongElements(m maker, data []byte) []byte {
	var places []int
	for _, id := range []string{"\x1a\x45\xdf\xa3", "\x18\x53\x80\x67", "\x16\x54\xae\x6b", "\x1f\x43\xb6\x75", "\x15\x49\xa9\x66", "\x1c\x53\xbb\x6b"} {
		if i := bytes.Index(data, []byte(id)); i >= 0 {
			places = append(places, i+len(id))
		}
	}
	if len(places) == 0 {
		return m.flip(data, min(len(data), 256), 8)
	}
	for range 1 + m.IntN(3) {
		at := places[m.IntN(len(places))]
		size := [][]byte{{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x01, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0xff}, {0x80}, {0x81}, {0x00, 0x00}}[m.IntN(6)]
		copy(data[at:], size)
	}
	return data
}

// lieAboutFrames writes another size of frame wherever the header has the right one.
func lieAboutFrames(m maker, data []byte) []byte {
	sizes := []uint16{0, 1, 8, 4096, 16_384, 0xffff}
	w, h := sizes[m.IntN(len(sizes))], sizes[m.IntN(len(sizes))]
	for at := 0; at+4 <= min(len(data), 1<<16); at++ {
		for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
			if order.Uint16(data[at:]) == frameWidth {
				order.PutUint16(data[at:], w)
			} else if order.Uint16(data[at:]) == frameHeight {
				order.PutUint16(data[at:], h)
			}
		}
	}
	return data
}

// endless repeats what follows the header, as a stream that never ends would.
func endless(m maker, data []byte) []byte {
	head := len(data) / (2 + m.IntN(8))
	if i := bytes.Index(data, []byte("\x1f\x43\xb6\x75")); i > 0 {
		head = i // WebM's clusters
	}
	body := bytes.Clone(data[head:])
	for most := 1 << (17 + m.IntN(4)); len(data)+len(body) < most; {
		data = append(data, body...)
	}
	return data
}
