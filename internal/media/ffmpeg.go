package media

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// decoders are all that ffmpeg may use on a recording: what phones and browsers record with.
var decoders = strings.Join([]string{
	"h264", "hevc", "vp8", "vp9", "libdav1d", "libaom-av1", "av1", "mpeg4", "h263", "mpeg1video", "mpeg2video", "mjpeg", "flv",
	"aac", "aac_latm", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "amrnb", "amrwb", "ac3", "eac3", "flac", "alac",
	"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw",
	"adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "nellymoser", "speex",
}, ",")

const (
	// timeBase is the unit of the timestamps that ffmpeg writes.
	timeBase = time.Microsecond
	// latest is the time, from the recording's start, from which frames count as shown then and sound is not read.
	latest = time.Hour
)

// arguments returns those of ffmpeg for this recording. The order of the outputs matters, because ffmpeg writes them one after the
// other. The short timestamps must come before the pixels, which block until they are read.
//
// Frames keep their own shapes (no autoscale). The pixels do not say which. So a row and a column of each frame go to separate
// lists, as grey pixels of a byte. Their sizes in bytes are the frame's width and height.
func (r *recording) arguments() []string {
	scale := fmt.Sprintf("min(1,%d/max(iw*sar,ih))", longSide)
	graph := fmt.Sprintf("[0:V:%d]settb=1/1000000,split[all][v];"+
		"[v]select='isnan(prev_selected_t)+gte(t-prev_selected_t,%g)',"+
		"scale=w='max(2,round(iw*sar*%s))':h='max(2,round(ih*%s))':flags=bilinear,setsar=1,format=rgb24,split=3[pixels][row][column];"+
		"[row]crop=iw:1:0:0,format=gray[times];[column]crop=1:ih:0:0,format=gray[heights]",
		r.track, minInterval, scale, scale)
	output := func(label string, rest ...string) []string {
		return append([]string{"-map", label, "-fps_mode", "passthrough", "-enc_time_base", "1:1000000", "-autoscale", "0"}, rest...)
	}
	timestamps := func(codec string, fd int) []string {
		return []string{"-c:v", codec, "-flush_packets", "1", "-f", "framecrc", pipeURL(fd)}
	}
	args := append(r.inputArguments(), "-filter_complex", graph)
	args = append(args, output("[all]", timestamps("wrapped_avframe", fdAllTimes)...)...)
	args = append(args, output("[times]", timestamps("rawvideo", fdTimes)...)...)
	args = append(args, output("[heights]", timestamps("rawvideo", fdHeights)...)...)
	args = append(args, output("[pixels]", "-c:v", "rawvideo", "-f", "rawvideo", pipeURL(fdPixels))...)
	if r.sound {
		args = append(args, "-map", "0:a:0?", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", strconv.Itoa(soundRate),
			"-t", strconv.Itoa(int(latest.Seconds())), "-c:a", "pcm_s16le", "-f", "s16le", pipeURL(fdSound))
	}
	return args
}

// inputArguments returns ffmpeg's arguments up to the input, which is the same for every child.
func (r *recording) inputArguments() []string {
	return []string{
		"-hide_banner", "-nostdin", "-nostats", "-loglevel", "info",
		"-filter_threads", "1", "-filter_complex_threads", "1", "-max_error_rate", "1",
		"-protocol_whitelist", "file,pipe", "-format_whitelist", r.container.demuxer, "-f", r.container.demuxer,
		"-codec_whitelist", decoders, "-max_pixels", strconv.Itoa(r.limits.MaxPixels), "-threads", "1", "-sn", "-dn",
		"-i", fmt.Sprintf("file:/proc/self/fd/%d", fdRecording),
	}
}

func pipeURL(fd int) string { return fmt.Sprintf("pipe:%d", fd) }

// frameSize is what a list of timestamps says of its first frame, in pixels. shownWidth is the width with square pixels.
type frameSize struct{ width, height, shownWidth int }

// frameLine is what a list says of one frame: when it is shown, and how many bytes it has.
type frameLine struct {
	at    time.Duration
	bytes int
}

// timestamps reads ffmpeg's framecrc format: lines that start with # and describe the stream, then one for each frame,
// "stream, dts, pts, duration, size, checksum". The child is not trusted: what it writes is checked.
type timestamps struct {
	maxTime  time.Duration
	maxCount int
	begun    chan<- time.Duration // gets when the first frame is shown, and needs a free slot for it; may be nil

	size        frameSize
	count       int
	first, last time.Duration
}

// read reads to the end. It sends each frame's line, of 1 to longSide bytes, to frames, unless that is nil. frames needs a capacity
// of maxCount. The times there are from the first frame on.
func (t *timestamps) read(pipe io.Reader, frames chan<- frameLine) error {
	lines := bufio.NewScanner(pipe)
	lines.Buffer(make([]byte, 1024), 1024)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			t.describe(line)
			continue
		}
		frame, err := parseFrame(line)
		if err != nil {
			return err
		}
		if t.count == 0 {
			t.first, t.last = frame.at, frame.at
			if t.begun != nil {
				t.begun <- frame.at
			}
		}
		t.count++
		t.last = max(t.last, frame.at)
		if t.last-t.first > t.maxTime || t.count > t.maxCount {
			return fmt.Errorf("%w: over %v or %d frames", ErrTooLong, t.maxTime, t.maxCount)
		}
		if frames != nil {
			if frame.bytes < 1 || frame.bytes > longSide {
				return errTimestamps
			}
			frames <- frameLine{t.last - t.first, frame.bytes}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return errTimestamps
	}
	return nil // a broken pipe is the child's end, and its exit says why
}

var errTimestamps = fmt.Errorf("%w: the decoder's timestamps make no sense", ErrNotReadable)

// describe reads "#dimensions 0: 640x480" and "#sar 0: 1/1".
func (t *timestamps) describe(line string) {
	var width, height, num, den int
	if n, _ := fmt.Sscanf(line, "#dimensions 0: %dx%d", &width, &height); n == 2 {
		t.size = frameSize{width, height, width}
	}
	if n, _ := fmt.Sscanf(line, "#sar 0: %d/%d", &num, &den); n == 2 && num > 0 && den > 0 {
		t.size.shownWidth = int(float64(t.size.width)*float64(num)/float64(den) + 0.5)
	}
}

func parseFrame(line string) (f frameLine, err error) {
	fields := strings.SplitN(line, ",", 6)
	if len(fields) < 6 {
		return f, errTimestamps
	}
	pts, err := strconv.ParseInt(strings.TrimSpace(fields[2]), 10, 64)
	if err != nil {
		return f, errTimestamps
	}
	if f.bytes, err = strconv.Atoi(strings.TrimSpace(fields[4])); err != nil {
		return f, errTimestamps
	}
	f.at = time.Duration(min(max(pts, 0), int64(latest/timeBase))) * timeBase
	return f, nil
}

// frameRate returns the frames a second.
func (t *timestamps) frameRate() float64 {
	if t.count < 2 || t.last <= t.first {
		return 0
	}
	return float64(t.count-1) / (t.last - t.first).Seconds()
}

// duration returns from the first frame to the end of the last, if that is shown as long as the others are.
func (t *timestamps) duration() time.Duration {
	if t.count < 2 {
		return 0
	}
	return (t.last - t.first) / time.Duration(t.count-1) * time.Duration(t.count)
}

// ffmpegLog picks from ffmpeg's messages what no other output says. They contain text of the recording: what is picked
// serves labels and early ends only, never safety.
type ffmpegLog struct {
	started  bool // the container could be opened
	tooLarge bool
	codec    string
	rotation float64

	mapping bool // inside "Stream mapping:"
	line    []byte
	ended   []byte // the last whole line
}

var (
	codecLine    = regexp.MustCompile(`^  Stream #0:\d+ \(([a-z0-9]{1,16})\) ->`)
	rotationLine = regexp.MustCompile(`^ +displaymatrix: rotation of (-?\d{1,3}\.\d\d) degrees$`)
)

// Write takes any amount and keeps little.
func (l *ffmpegLog) Write(data []byte) (int, error) {
	const longest = 512
	for _, b := range data {
		if b == '\n' {
			l.endLine()
		} else if len(l.line) < longest {
			l.line = append(l.line, b)
		}
	}
	return len(data), nil
}

func (l *ffmpegLog) endLine() {
	line := string(l.line)
	l.ended, l.line = append(l.ended[:0], l.line...), l.line[:0]
	switch {
	case line == "Stream mapping:":
		l.mapping = true
	case l.mapping && l.codec == "":
		if m := codecLine.FindStringSubmatch(line); m != nil {
			l.codec = m[1]
		}
	case strings.Contains(line, "exceeds specified max pixel count"):
		l.tooLarge = true
	case strings.HasPrefix(line, "Input #0, "):
		l.started = true
	default:
		l.parseFacts(line)
	}
}

func (l *ffmpegLog) parseFacts(line string) {
	if m := rotationLine.FindStringSubmatch(line); m != nil && l.rotation == 0 {
		l.rotation, _ = strconv.ParseFloat(m[1], 64)
	}
}

// last returns the last line, fit for a log.
func (l *ffmpegLog) last() string {
	if len(l.line) > 0 {
		return lastLine(l.line)
	}
	return lastLine(l.ended)
}

// lastLine returns the last line of a child's messages, fit for a log.
func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return printable(lines[len(lines)-1])
}

// printable returns the start of a text that a decoder wrote, which may quote what it decodes, without control characters.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text[:min(len(text), 200)])
}
