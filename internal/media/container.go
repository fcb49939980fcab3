package media

import "bytes"

// container is a kind of recording that is read: what it is called and the ffmpeg demuxer that reads it. The demuxer is
// named to ffmpeg, so that nothing in the bytes can choose another one, a playlist's least of all.
type container struct {
	name, demuxer string
	// lengthInHeader: the header states the duration, where it does; other kinds' duration is guessed from the bit rate.
	lengthInHeader bool
}

// sniffContainer tells a recording's container by its first bytes; ok is false when it is none that is read.
func sniffContainer(data []byte) (c container, ok bool) {
	at := func(offset int, magic string) bool {
		return len(data) >= offset+len(magic) && string(data[offset:offset+len(magic)]) == magic
	}
	switch {
	case at(4, "ftypqt  "):
		return container{"quicktime", "mov", true}, true
	case at(4, "ftyp3g"):
		return container{"3gp", "mov", true}, true
	case at(4, "ftyp"):
		return container{"mp4", "mov", true}, true
	case at(4, "moov"), at(4, "mdat"), at(4, "wide"), at(4, "free"), at(4, "skip"), at(4, "pnot"):
		return container{"quicktime", "mov", true}, true // from before ftyp was invented
	case at(0, "\x1a\x45\xdf\xa3"):
		if bytes.Contains(data[:min(len(data), 64)], []byte("webm")) {
			return container{"webm", "matroska", true}, true
		}
		return container{"matroska", "matroska", true}, true
	case at(0, "RIFF") && at(8, "AVI "):
		return container{"avi", "avi", false}, true
	case at(0, "FLV\x01"):
		return container{"flv", "flv", false}, true
	case at(0, "\x00\x00\x01\xba"):
		return container{"mpeg-ps", "mpeg", false}, true
	case at(0, "\x00\x00\x01\xb3"):
		return container{"mpeg-video", "mpegvideo", false}, true
	case isTransportStream(data, 188, 0), isTransportStream(data, 192, 4):
		return container{"mpeg-ts", "mpegts", false}, true
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
		return bytes.Count(data, []byte("vide")) > 1
	case "matroska":
		return bytes.Count(head, []byte("\x83\x81\x01")) > 1 // TrackType video
	case "avi":
		return bytes.Count(head, []byte("vids")) > 1
	}
	return false
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
