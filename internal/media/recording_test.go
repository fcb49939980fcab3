package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// collect decodes a whole recording.
func collect(t testing.TB, data []byte, limits VideoLimits) ([]Frame, RecordingInfo, error) {
	t.Helper()
	var frames []Frame
	clip, err := testDecoder(t).DecodeFrames(t.Context(), data, limits, func(f Frame) error {
		pixels := slices.Clone(f.Picture.Pixels)
		frames = append(frames, Frame{Picture: &liveness.Picture{Width: f.Picture.Width, Height: f.Picture.Height, Pixels: pixels}, At: f.At})
		return nil
	})
	return frames, clip, err
}

func TestRecordingsOfEveryKind(t *testing.T) {
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	vp9 := []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"}
	small := flag("160x120", "25")
	tests := []struct {
		name string
		args []string
		// What is zero here is 25 frames of 160x120 at 25 a second. Some kinds get a longer first frame from ffmpeg, so their
		// rate is lower.
		want  RecordingInfo
		sound bool
	}{
		{"mp4 H.264 with its index at the end", join(small, tone, h264, []string{"x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4"}, true},
		{"mp4 H.264 with its index at the start", join(small, h264, []string{"-movflags", "faststart", "x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4"}, false},
		{"mp4 in fragments", join(small, tone, h264, []string{"-movflags", "frag_keyframe+empty_moov+default_base_moof", "-bf", "0", "x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4", FrameRate: 24.4}, true},
		{"mov HEVC", join(small, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1", "x.mov"}), RecordingInfo{Codec: "hevc", Container: "quicktime"}, false},
		{"webm VP8 Vorbis", join(small, tone, []string{"-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis", "x.webm"}), RecordingInfo{Codec: "vp8", Container: "webm"}, true},
		{"webm VP9 Opus without a duration, as browsers record", join(small, tone, vp9, []string{"-c:a", "libopus", "-live", "1", "x.webm"}), RecordingInfo{Codec: "vp9", Container: "webm"}, true},
		{"webm AV1", join(small, []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "x.webm"}), RecordingInfo{Codec: "libdav1d", Container: "webm"}, false},
		{"mkv H.264 PCM", join(small, tone, h264, []string{"-c:a", "pcm_s16le", "x.mkv"}), RecordingInfo{Codec: "h264", Container: "matroska"}, true},
		{"mpeg program stream", join(small, tone, []string{"-c:v", "mpeg1video", "x.mpg"}), RecordingInfo{Codec: "mpeg1video", Container: "mpeg-ps"}, true},
		{"mpeg program stream without sound", join(small, []string{"-c:v", "mpeg2video", "x.mpg"}), RecordingInfo{Codec: "mpeg2video", Container: "mpeg-ps"}, false},
		{"mpeg transport stream", join(small, tone, h264, []string{"x.ts"}), RecordingInfo{Codec: "h264", Container: "mpeg-ts"}, true},
		{"mpeg video alone", join(small, []string{"-c:v", "mpeg1video", "x.m1v"}), RecordingInfo{Codec: "mpeg1video", Container: "mpeg-video", FrameRate: 24}, false},
		{"avi MJPEG", join(small, tone, []string{"-c:v", "mjpeg", "-c:a", "pcm_s16le", "x.avi"}), RecordingInfo{Codec: "mjpeg", Container: "avi"}, true},
		{"avi MPEG-4", join(small, []string{"-c:v", "mpeg4", "x.avi"}), RecordingInfo{Codec: "mpeg4", Container: "avi"}, false},
		{"3gp H.263", join(flag("176x144", "25"), []string{"-c:v", "h263", "x.3gp"}), RecordingInfo{Codec: "h263", Container: "3gp", Width: 176, Height: 144}, false},
		{"flv", join(small, tone, []string{"-c:v", "flv", "-ar", "44100", "x.flv"}), RecordingInfo{Codec: "flv", Container: "flv"}, true},
		{"HEVC of 10 bits in HDR", join(small, []string{"-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", "-tag:v", "hvc1", "x.mp4"}), RecordingInfo{Codec: "hevc", Container: "mp4"}, false},
		{"VP9 with alpha", join(small, vp9, []string{"-pix_fmt", "yuva420p", "-metadata:s:v", "alpha_mode=1", "x.webm"}), RecordingInfo{Codec: "vp9", Container: "webm"}, false},
		{"60 frames a second", join(flag("160x120", "60"), h264, []string{"x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4", FrameRate: 60, Frames: 30, SourceFrames: 60}, false},
		{"30 frames a second", join(flag("160x120", "30"), h264, []string{"x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4", FrameRate: 30, Frames: 30, SourceFrames: 30}, false},
		{"8 frames a second", join(flag("160x120", "8"), h264, []string{"x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4", FrameRate: 8, Frames: 8, SourceFrames: 8}, false},
		{"full HD", join(flag("1920x1080", "25"), h264, []string{"x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4", Width: 1920, Height: 1080}, false},
		{"pixels that are not square", join(small, h264, []string{"-vf", "setsar=2", "x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4", Width: 320, Height: 120}, false},
		{"odd sizes", join(flag("160x120", "25"), []string{"-vf", "scale=161:121", "-c:v", "mjpeg", "x.avi"}), RecordingInfo{Codec: "mjpeg", Container: "avi", Width: 161, Height: 121}, false},
		{"sound of a codec that is not read", join(small, tone, []string{"-c:v", "mjpeg", "-c:a", "wmav2", "x.avi"}), RecordingInfo{Codec: "mjpeg", Container: "avi", FrameRate: 23.1}, false},
		{"many frames in another order than shown", join(flag("640x480", "25"), []string{"-c:v", "libx264", "-bf", "16", "-refs", "16", "-x264-params", "b-pyramid=normal:b-adapt=0", "-pix_fmt", "yuv420p", "x.mp4"}), RecordingInfo{Codec: "h264", Container: "mp4", Width: 640, Height: 480}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			frames, clip, err := collect(t, record(t, test.args...), VideoLimits{})
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want.Frames == 0 {
				want.Frames, want.SourceFrames = 25, 25
			}
			if want.FrameRate == 0 {
				want.FrameRate = 25
			}
			if want.Width == 0 {
				want.Width, want.Height = 160, 120
			}
			want.HasSound, want.Duration = test.sound, time.Second
			if d := clip.Duration - want.Duration; d.Abs() < 100*time.Millisecond { // the sound may start earlier
				want.Duration = clip.Duration
			}
			if math.Abs(clip.FrameRate-want.FrameRate) < 0.1 {
				want.FrameRate = clip.FrameRate
			}
			sound := clip.Sound
			clip.Sound = nil
			if got, want := fmt.Sprintf("%+v", clip), fmt.Sprintf("%+v", want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if seconds := float64(len(sound)) / soundRate; test.sound && math.Abs(seconds-1) > 0.15 {
				t.Errorf("%.2f s of sound", seconds)
			}
			checkFrames(t, frames, clip)
		})
	}
}

// checkFrames holds what is true of every flag that was recorded whole.
func checkFrames(t *testing.T, frames []Frame, clip RecordingInfo) {
	t.Helper()
	if len(frames) != clip.Frames {
		t.Errorf("%d frames were passed on, the clip says %d", len(frames), clip.Frames)
	}
	scale := min(1, longSide/float64(max(clip.Width, clip.Height)))
	width, height := int(math.Round(scale*float64(clip.Width))), int(math.Round(scale*float64(clip.Height)))
	last := time.Duration(-1)
	for i, f := range frames {
		if f.Picture.Width != width || f.Picture.Height != height || len(f.Picture.Pixels) != 3*width*height {
			t.Fatalf("frame %d is %dx%d, want %dx%d", i, f.Picture.Width, f.Picture.Height, width, height)
		}
		if !isFlag(f.Picture) {
			t.Fatalf("frame %d does not show the flag", i)
		}
		if f.At <= last {
			t.Fatalf("frame %d at %v comes after one at %v", i, f.At, last)
		}
		last = f.At
	}
}

func TestRotationIsApplied(t *testing.T) {
	tests := []struct {
		name   string
		turned string   // how the frames lie in the file
		matrix [4]int32 // how the track header asks to turn them: (x, y) becomes (x*a + y*c, x*b + y*d)
	}{
		{"clockwise, as phones held upright", "transpose=2", [4]int32{0, 1, -1, 0}},
		{"anticlockwise", "transpose=1", [4]int32{0, -1, 1, 0}},
		{"upside down", "hflip,vflip", [4]int32{-1, 0, 0, -1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := record(t, join(flag("120x160", "25"), []string{"-vf", test.turned, "-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mov"})...)
			setMatrix(t, data, test.matrix)
			frames, clip, err := collect(t, data, VideoLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if clip.Rotation == 0 || clip.Width != 120 || clip.Height != 160 {
				t.Errorf("rotation %v, %dx%d as shown", clip.Rotation, clip.Width, clip.Height)
			}
			checkFrames(t, frames, clip)
		})
	}
}

// setMatrix writes the display matrix of an MP4's only track (ISO/IEC 14496-12, 8.3.2), in 16.16 fixed point.
func setMatrix(t *testing.T, data []byte, m [4]int32) {
	t.Helper()
	header := bytes.Index(data, []byte("tkhd"))
	if header < 0 {
		t.Fatal("no track header")
	}
	const toMatrix = 4 + 40 // the box's name, then what precedes the matrix in version 0
	for i, value := range []int32{m[0], m[1], 0, m[2], m[3], 0} {
		binary.BigEndian.PutUint32(data[header+toMatrix+4*i:], uint32(value<<16))
	}
}

func TestTimestampsAreTheRecordingsOwn(t *testing.T) {
	// Of every three frames the second is missing.
	data := record(t, join(flag("160x120", "25"), []string{"-vf", "select='not(eq(mod(n,3),1))'", "-fps_mode", "vfr", "-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	frames, clip, err := collect(t, data, VideoLimits{})
	if err != nil {
		t.Fatal(err)
	}
	var want []time.Duration
	for n := range 25 {
		if n%3 != 1 {
			want = append(want, time.Duration(n)*40*time.Millisecond)
		}
	}
	if len(frames) != len(want) {
		t.Fatalf("%d frames, want %d", len(frames), len(want))
	}
	for i, f := range frames {
		if d := f.At - want[i]; d.Abs() > time.Millisecond {
			t.Errorf("frame %d at %v, want %v", i, f.At, want[i])
		}
	}
	if math.Abs(clip.FrameRate-16.67) > 0.1 {
		t.Errorf("%v frames a second", clip.FrameRate)
	}
}

func TestSoundIsInStep(t *testing.T) {
	// Silence, then a tone from 0.5 s on.
	data := record(t, join(flag("160x120", "25"), []string{"-f", "lavfi", "-i", "sine=frequency=440:duration=1,volume='gte(t,0.5)':eval=frame", "-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	_, clip, err := collect(t, data, VideoLimits{})
	if err != nil {
		t.Fatal(err)
	}
	loud := 0
	for loud < len(clip.Sound) && clip.Sound[loud] < 1000 && clip.Sound[loud] > -1000 {
		loud++
	}
	if at := float64(loud) / soundRate; math.Abs(at-0.5) > 0.05 {
		t.Errorf("the tone starts at %.3f s", at)
	}
}

func TestHostileRecordings(t *testing.T) {
	good := record(t, join(flag("320x240", "25"), tone, []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	webm := record(t, join(flag("320x240", "25"), []string{"-c:v", "libvpx", "x.webm"})...)
	secret := filepath.Join(t.TempDir(), "secret.mp4")
	if err := os.WriteFile(secret, good, 0o600); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 1<<16)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	playlist := "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + secret + "\n#EXT-X-ENDLIST\n"
	tests := []struct {
		name string
		data []byte
		want error // nil: frames are expected
	}{
		{"nothing", nil, ErrNotReadable},
		{"one byte", []byte{0}, ErrUnsupported},
		{"noise", noise, ErrUnsupported},
		{"text", []byte("this is no video, however long one reads it"), ErrUnsupported},
		{"HLS playlist", []byte(playlist), ErrUnsupported},
		{"concat playlist", []byte("ffconcat version 1.0\nfile " + secret + "\n"), ErrUnsupported},
		{"DASH playlist", []byte(`<?xml version="1.0"?><MPD><BaseURL>file://` + secret + `</BaseURL></MPD>`), ErrUnsupported},
		{"playlist behind an MP4 type", append([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"), playlist...), ErrNotReadable},
		{"playlist behind a WebM type", append([]byte("\x1a\x45\xdf\xa3\x80webm"), playlist...), ErrNotReadable},
		{"QuickTime that refers to another file", referenceMovie(secret), ErrNotReadable},
		{"picture", record(t, join(flag("160x120", "1"), []string{"-frames:v", "1", "x.png"})...), ErrUnsupported},
		{"picture renamed to MP4", append([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"), record(t, join(flag("160x120", "1"), []string{"-frames:v", "1", "x.png"})...)...), ErrNotReadable},
		{"MP4 without its end, where the index is", good[:len(good)/2], ErrNotReadable},
		{"MP4 header alone", good[:48], ErrNotReadable},
		{"WebM without its end", webm[:len(webm)*3/4], nil},
		{"MP4 with a damaged middle", damage(good), nil},
		{"sound alone", record(t, join(tone, []string{"x.m4a"})...), ErrNotReadable},
		{"sound alone in webm", record(t, join(tone, []string{"-c:a", "libopus", "x.webm"})...), ErrNotReadable},
		{"a codec that is not read", record(t, join(flag("160x120", "25"), []string{"-c:v", "ffv1", "x.mkv"})...), ErrNotReadable},
		{"too many pixels", record(t, join(flag("4200x2400", "2"), []string{"-c:v", "mjpeg", "x.avi"})...), ErrTooLarge},
		{"too many pixels in the header only", bytes.ReplaceAll(webm, []byte{0xb0, 0x82, 0x01, 0x40}, []byte{0xb0, 0x82, 0xff, 0xff}), ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, clip, err := collect(t, test.data, VideoLimits{})
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.want == nil && clip.Frames == 0 {
				t.Error("no frames")
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error quotes the recording: %v", err)
			}
		})
	}
}

// damage overwrites a stretch in the middle.
func damage(data []byte) []byte {
	data = bytes.Clone(data)
	for i := len(data) / 2; i < len(data)/2+200; i++ {
		data[i] = 0x55
	}
	return data
}

// referenceMovie returns a QuickTime file with nothing but a reference to another file.
func referenceMovie(path string) []byte {
	box := func(kind string, body ...[]byte) []byte {
		content := bytes.Join(body, nil)
		return append([]byte{0, 0, byte((len(content) + 8) >> 8), byte(len(content) + 8), kind[0], kind[1], kind[2], kind[3]}, content...)
	}
	url := append([]byte(nil), path...)
	reference := box("rdrf", []byte{0, 0, 0, 0}, []byte("url "), []byte{0, 0, 0, byte(len(url))}, url)
	return append(box("ftyp", []byte("qt  \x00\x00\x00\x00")), box("moov", box("rmra", box("rmda", reference)))...)
}

func TestVideoLimits(t *testing.T) {
	args := join(flag("160x120", "25"), []string{"-c:v", "libvpx", "-deadline", "realtime"})
	mp4 := record(t, join(flag("160x120", "25"), []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	live := record(t, join(args, []string{"-live", "1", "x.webm"})...)
	tests := []struct {
		name   string
		data   []byte
		limits VideoLimits
		want   error
		most   int // frames passed on
	}{
		{"duration by the header", mp4, VideoLimits{MaxDuration: 500 * time.Millisecond}, ErrTooLong, 25},
		{"duration by the timestamps", live, VideoLimits{MaxDuration: 500 * time.Millisecond}, ErrTooLong, 14},
		{"just long enough", live, VideoLimits{MaxDuration: time.Second}, nil, 25},
		{"frames", mp4, VideoLimits{MaxFrames: 10}, ErrTooLong, 10},
		{"pixels", mp4, VideoLimits{MaxPixels: 160*120 - 1}, ErrTooLarge, 0},
		{"memory", mp4, VideoLimits{MaxMemory: 16 << 20}, ErrNotReadable, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			frames, _, err := collect(t, test.data, test.limits)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if len(frames) > test.most {
				t.Errorf("%d frames, want at most %d", len(frames), test.most)
			}
		})
	}
}

// TestNothingIsLeftBehind holds that no goroutine, file descriptor or child outlives a call, however it ends.
func TestNothingIsLeftBehind(t *testing.T) {
	d := testDecoder(t)
	data := record(t, join(flag("640x480", "25"), tone, []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	enough := errors.New("enough")
	endings := map[string]func() error{
		"end": func() error {
			_, err := d.DecodeFrames(t.Context(), data, VideoLimits{}, func(Frame) error { return nil })
			return err
		},
		"error of the callee": func() error {
			_, err := d.DecodeFrames(t.Context(), data, VideoLimits{}, func(Frame) error { return enough })
			if !errors.Is(err, enough) {
				return fmt.Errorf("got %w", err)
			}
			return nil
		},
		"cancelled": func() error {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := d.DecodeFrames(ctx, data, VideoLimits{}, func(Frame) error { cancel(); return nil })
			if !errors.Is(err, context.Canceled) {
				return fmt.Errorf("got %w", err)
			}
			return nil
		},
		"panic of the callee": func() (err error) {
			defer func() {
				if recover() == nil {
					err = errors.New("the panic did not pass")
				}
			}()
			_, err = d.DecodeFrames(t.Context(), data, VideoLimits{}, func(Frame) error { panic("no") })
			return err
		},
		"too long": func() error {
			_, err := d.DecodeFrames(t.Context(), data, VideoLimits{MaxFrames: 5}, func(Frame) error { return nil })
			if !errors.Is(err, ErrTooLong) {
				return fmt.Errorf("got %w", err)
			}
			return nil
		},
	}
	for name, ending := range endings {
		t.Run(name, func(t *testing.T) {
			before := openResources(t)
			for range 3 {
				if err := ending(); err != nil {
					t.Fatal(err)
				}
			}
			var after held
			for range 100 {
				after = openResources(t)
				if after.goroutines <= before.goroutines && after.files <= before.files && after.children <= before.children {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("before: %+v, after: %+v", before, after)
		})
	}
}

type held struct{ goroutines, files, children int }

func openResources(t *testing.T) held {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	children := 0
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		data, _ := os.ReadFile(task)
		children += len(strings.Fields(string(data)))
	}
	return held{runtime.NumGoroutine(), len(files), children}
}

func TestErrorOfTheCalleeEndsTheDecoding(t *testing.T) {
	data := record(t, join(flag("160x120", "25"), tone, []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	calls := 0
	_, err := testDecoder(t).DecodeFrames(t.Context(), data, VideoLimits{}, func(Frame) error {
		calls++
		return fmt.Errorf("%w: says the callee", ErrNotReadable)
	})
	if !errors.Is(err, ErrNotReadable) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestSideBySide(t *testing.T) {
	data := record(t, join(flag("320x240", "25"), tone, []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	for range 6 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			frames, clip, err := collect(t, data, VideoLimits{})
			if err != nil {
				t.Fatal(err)
			}
			checkFrames(t, frames, clip)
		})
	}
}

func BenchmarkColdChild(b *testing.B) {
	d := testDecoder(b)
	b.Run("confined", func(b *testing.B) {
		for b.Loop() {
			cmd := d.command(b.Context(), DefaultVideoLimits, 0, "-version")
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ffmpeg_alone", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command(d.ffmpeg, "-version").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	for _, size := range []string{"640x480", "1920x1080"} {
		b.Run(size+"_5s", func(b *testing.B) {
			source := "testsrc2=s=" + size + ":r=25:d=5,noise=alls=8:allf=t"
			data := record(b, "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=d=5", "-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-pix_fmt", "yuv420p", "x.mp4")
			d := testDecoder(b)
			for b.Loop() {
				if _, err := d.DecodeFrames(b.Context(), data, VideoLimits{}, func(Frame) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzFrames starts a child for each input; it is for long runs (go test -fuzz FuzzFrames).
func FuzzFrames(f *testing.F) {
	d := testDecoder(f)
	f.Add(record(f, join(flag("64x48", "5"), []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...))
	f.Add(record(f, join(flag("64x48", "5"), tone, []string{"-c:v", "libvpx", "-c:a", "libopus", "x.webm"})...))
	f.Add(record(f, join(flag("64x48", "25"), []string{"-c:v", "mpeg1video", "x.mpg"})...))
	f.Add(record(f, join(flag("64x48", "5"), []string{"-c:v", "mjpeg", "x.avi"})...))
	limits := VideoLimits{MaxDuration: 5 * time.Second, MaxPixels: 1 << 20, CPUTime: 10 * time.Second}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := d.DecodeFrames(t.Context(), data, limits, func(frame Frame) error {
			if p := frame.Picture; len(p.Pixels) != 3*p.Width*p.Height || frame.At > limits.MaxDuration {
				return fmt.Errorf("%dx%d in %d bytes at %v", p.Width, p.Height, len(p.Pixels), frame.At)
			}
			return nil
		})
		typed := false
		for _, fault := range []error{nil, ErrNotReadable, ErrUnsupported, ErrTooLarge, ErrTooLong} {
			typed = typed || errors.Is(err, fault)
		}
		if !typed {
			t.Errorf("untyped: %v", err)
		}
	})
}
