package media

import "bytes"

// container is a kind of recording that is read: what it is called and the ffmpeg demuxer that reads it. The demuxer is
// named to ffmpeg, so that nothing in the bytes can choose another one, a playlist's least of all.
type container struct {
	name, demuxer string
}

// sniffContainer tells a recording's container by its first bytes; ok is false when it is none that is read.
func sniffContainer(data []byte) (c container, ok bool) {
	at := func(offset int, magic string) bool {
		return len(data) >= offset+len(magic) && string(data[offset:offset+len(magic)]) == magic
	}
	switch {
	case at(4, "ftypqt  "):
		return container{"quicktime", "mov"}, true
	case at(4, "ftyp3g"):
		return container{"3gp", "mov"}, true
	case at(4, "ftyp"):
		return container{"mp4", "mov"}, true
	case at(4, "moov"), at(4, "mdat"), at(4, "wide"), at(4, "free"), at(4, "skip"), at(4, "pnot"):
		return container{"quicktime", "mov"}, true // from before ftyp was invented
	case at(0, "\x1a\x45\xdf\xa3"):
		if bytes.Contains(data[:min(len(data), 64)], []byte("webm")) {
			return container{"webm", "matroska"}, true
		}
		return container{"matroska", "matroska"}, true
	case at(0, "RIFF") && at(8, "AVI "):
		return container{"avi", "avi"}, true
	case at(0, "FLV\x01"):
		return container{"flv", "flv"}, true
	case at(0, "\x00\x00\x01\xba"):
		return container{"mpeg-ps", "mpeg"}, true
	case at(0, "\x00\x00\x01\xb3"):
		return container{"mpeg-video", "mpegvideo"}, true
	case isTransportStream(data, 188, 0), isTransportStream(data, 192, 4):
		return container{"mpeg-ts", "mpegts"}, true
	}
	return container{}, false
}

// mayHaveSound guesses whether there is a sound track, since "the sound, if there is any" is not an option of ffmpeg. A wrong yes
// costs a second decoder process; a wrong no loses the sound.
func (c container) mayHaveSound(data []byte) bool {
	head := data[:min(len(data), 1<<16)]
	switch c.demuxer {
	case "mov":
		return bytes.Contains(data, []byte("soun")) // a track's handler, in an index that may be at the end
	case "matroska":
		return bytes.Contains(head, []byte("\x83\x81\x02")) // TrackType audio
	case "avi":
		return bytes.Contains(head, []byte("auds"))
	case "mpegvideo":
		return false
	}
	return true
}

// mayHaveTracks guesses whether there is more than one video track; a wrong guess costs a look with a second child.
func (c container) mayHaveTracks(data []byte) bool {
	head := data[:min(len(data), 1<<16)]
	switch c.demuxer {
	case "mov":
		return videoHandlers(data) > 1
	case "matroska":
		return bytes.Count(head, []byte("\x83\x81\x01")) > 1 // TrackType video
	case "avi":
		return bytes.Count(head, []byte("vids")) > 1
	case "mpeg":
		return len(videoStarts(head)) > 1
	case "mpegts":
		return transportTracks(data[:min(len(data), 1<<20)]) > 1
	}
	return false
}

// videoHandlers returns how many tracks have the handler of video: a box's name, eight bytes, "vide". (Encoders write "videolan.org".)
func videoHandlers(data []byte) (count int) {
	const after = 8 // bytes: version, flags and what QuickTime has there
	for at := bytes.Index(data, handler); at >= 0; at = bytes.Index(data, handler) {
		data = data[at+len(handler):]
		if bytes.HasPrefix(data[min(after, len(data)):], []byte("vide")) {
			count++
		}
	}
	return count
}

var handler = []byte("hdlr")

// videoStarts returns the ids of the video streams of which an MPEG packet starts in the data.
func videoStarts(data []byte) map[byte]bool {
	const first, last = 0xe0, 0xef
	ids := map[byte]bool{}
	for at := bytes.Index(data, startCode); at >= 0 && at+3 < len(data); {
		if id := data[at+3]; id >= first && id <= last {
			ids[id] = true
		}
		data = data[at+3:]
		at = bytes.Index(data, startCode)
	}
	return ids
}

var startCode = []byte{0, 0, 1}

// transportTracks returns how many video tracks start in a transport stream: packet ids under which video streams start.
func transportTracks(data []byte) int {
	size, offset := 188, 0
	if !isTransportStream(data, size, offset) {
		size, offset = 192, 4
	}
	ids := map[int]bool{}
	for ; len(data) >= size; data = data[size:] {
		packet := data[offset:size]
		if starts := packet[1]&0x40 != 0; starts && len(videoStarts(packet[4:])) > 0 {
			ids[int(packet[1]&0x1f)<<8|int(packet[2])] = true
		}
	}
	return len(ids)
}

// isTransportStream reports whether MPEG-TS packets of the given size, with the sync byte at the given offset in each,
// start the data.
func isTransportStream(data []byte, size, offset int) bool {
	const packets = 4
	if len(data) < packets*size {
		return false
	}
	for i := range packets {
		if data[i*size+offset] != 0x47 {
			return false
		}
	}
	return true
}
