package media

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

const twoFrames = `#software: Lavf59.27.100
#tb 0: 1/1000000
#media_type 0: video
#codec_id 0: wrapped_avframe
#dimensions 0: 640x480
#sar 0: 4/3
0,          0,          0,    40000,      472, 0xfe0512d3
0,      40000,      40000,    40000,      472, 0x22e3143b
`

func TestTimestamps(t *testing.T) {
	limits := timestamps{maxTime: time.Second, maxCount: 3}
	tests := []struct {
		name, text string
		want       error
		count      int
	}{
		{"two frames", twoFrames, nil, 2},
		{"nothing", "", nil, 0},
		{"larger than was asked for", "0, 0, 0, 40000, 961, 0x0\n", errTimestamps, 1},
		{"no size", "0, 0, 0, 40000, 0, 0x0\n", errTimestamps, 1},
		{"negative size", "0, 0, 0, 40000, -640, 0x0\n", errTimestamps, 1},
		{"a clock that starts late", "0, 0, 65000000, 1, 1, 0\n0, 0, 66000000, 1, 1, 0\n", nil, 2},
		{"no numbers", twoFrames + "0, a, b, c, d\n", errTimestamps, 2},
		{"too few fields", twoFrames + "0, 1\n", errTimestamps, 2},
		{"endless line", twoFrames + strings.Repeat("0", 1<<20), errTimestamps, 2},
		{"too late", twoFrames + "0, 0, 1000001, 1, 1, 0\n", ErrTooLong, 3},
		{"far too late", twoFrames + fmt.Sprintf("0, 0, %d, 1, 1, 0\n", int64(math.MaxInt64)), ErrTooLong, 3},
		{"too many", twoFrames + strings.Repeat("0, 0, 50000, 1, 1, 0\n", 3), ErrTooLong, 4},
		{"back in time", twoFrames + "0, 0, -5, 1, 1, 0\n", nil, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := limits
			times := make(chan frameLine, limits.maxCount)
			if err := got.read(strings.NewReader(test.text), times); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if got.count != test.count {
				t.Errorf("%d frames, want %d", got.count, test.count)
			}
			close(times)
			last := time.Duration(0)
			for frame := range times {
				at := frame.at
				if at < last {
					t.Errorf("%v after %v", at, last)
				}
				last = at
			}
		})
	}
	got := limits
	if err := got.read(strings.NewReader(twoFrames), nil); err != nil {
		t.Fatal(err)
	}
	if got.size != (frameSize{640, 480, 853}) || got.frameRate() != 25 || got.duration() != 80*time.Millisecond {
		t.Errorf("%+v, %v frames a second, %v long", got.size, got.frameRate(), got.duration())
	}
}

func TestFFmpegLog(t *testing.T) {
	var log ffmpegLog
	text := `Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/proc/self/fd/3':
  Metadata:
    title           : Stream mapping:
  Duration: 01:02:03.50, start: 0.250000, bitrate: 143 kb/s
  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 640x480, 25 fps
      displaymatrix: rotation of -90.00 degrees
Stream mapping:
  Stream #0:0 (h264) -> settb:default (graph 0)
[h264 @ 0x1] Picture size 60000x60000 exceeds specified max pixel count 9437184
` + strings.Repeat("x", 1<<20) + "\nlast\x1b[31m words"
	for _, part := range []string{text[:100], text[100:]} {
		if n, err := log.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if log.codec != "h264" || log.rotation != -90 || !log.started || !log.tooLarge {
		t.Errorf("%+v", log)
	}
	if got := log.last(); got != "last?[31m words" {
		t.Errorf("last words %q", got)
	}
	if held := cap(log.line) + cap(log.ended); held > 4096 {
		t.Errorf("holds %d bytes", held)
	}
}

func FuzzTimestamps(f *testing.F) {
	f.Add(twoFrames)
	f.Fuzz(func(t *testing.T, text string) {
		got := timestamps{maxTime: time.Second, maxCount: 10}
		times := make(chan frameLine, got.maxCount)
		err := got.read(strings.NewReader(text), times)
		if err != nil && !errors.Is(err, ErrNotReadable) && !errors.Is(err, ErrTooLong) {
			t.Errorf("untyped: %v", err)
		}
		close(times)
		for frame := range times {
			if frame.bytes < 1 || frame.bytes > longSide || frame.at < 0 {
				t.Errorf("%+v", frame)
			}
		}
	})
}

func FuzzFFmpegLog(f *testing.F) {
	f.Add([]byte("Stream mapping:\n  Stream #0:0 (h264) -> settb\n  Duration: 00:00:01.00, start\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		log := ffmpegLog{}
		if _, err := log.Write(text); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(log.last()+log.codec, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("unprintable: %q %q", log.last(), log.codec)
		}
	})
}

func FuzzSniff(f *testing.F) {
	for _, seed := range []string{"\x00\x00\x00\x18ftypmp42", "\x1a\x45\xdf\xa3webm", "RIFF    AVI ", "RIFF    WEBP", "G", "BM"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if c, ok := sniffContainer(data); ok {
			c.mayHaveSound(data)
		}
		sniffPicture(data)
	})
}
