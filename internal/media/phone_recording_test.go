package media

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestClocksThatStartLate: a recording is as long as from its first frame to its last, whatever its clock says.
func TestClocksThatStartLate(t *testing.T) {
	vp8 := []string{"-c:v", "libvpx", "-deadline", "realtime"}
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	picture := flag("160x120", "25")
	for name, args := range map[string][]string{
		"webm at 28 s":             join(picture, tone, vp8, []string{"-output_ts_offset", "28", "x.webm"}),
		"webm at 65 s":             join(picture, tone, vp8, []string{"-output_ts_offset", "65", "x.webm"}),
		"webm at 65 s, no sound":   join(picture, vp8, []string{"-output_ts_offset", "65", "x.webm"}),
		"webm at 65 s, no length":  join(picture, tone, vp8, []string{"-live", "1", "-output_ts_offset", "65", "x.webm"}),
		"mp4 at 65 s":              join(picture, tone, h264, []string{"-output_ts_offset", "65", "x.mp4"}),
		"mp4 in fragments at 65 s": join(picture, h264, []string{"-movflags", "frag_keyframe+empty_moov+default_base_moof", "-output_ts_offset", "65", "x.mp4"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames, clip, err := collect(t, record(t, args...), VideoLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if d := clip.Duration - time.Second; d.Abs() > 100*time.Millisecond || len(frames) != 25 {
				t.Errorf("%v, %d frames", clip.Duration, len(frames))
			}
		})
	}
	late := record(t, join(picture, vp8, []string{"-output_ts_offset", "65", "x.webm"})...)
	if _, _, err := collect(t, late, VideoLimits{MaxDuration: 500 * time.Millisecond}); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v, want %v", err, ErrTooLong)
	}
}

// TestSoundFarFromTheFrames: a recording is as long as its frames, and its sound is what is heard while they are shown.
func TestSoundFarFromTheFrames(t *testing.T) {
	picture := flag("160x120", "25")
	sine := func(seconds string) []string {
		return []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=" + seconds}
	}
	late := func(input []string) []string { return join([]string{"-itsoffset", "40"}, input) }
	for name, test := range map[string]struct {
		args []string
		loud int // samples
	}{
		"sound at 40 s":                      {join(picture, late(sine("1"))), 0},
		"frames at 40 s, sound before":       {join(late(picture), sine("3")), 0},
		"frames at 40 s, sound all the time": {join(late(picture), sine("45")), soundRate},
		"sound goes on":                      {join(picture, sine("45")), soundRate},
	} {
		for _, file := range []string{"x.mp4", "x.mkv"} {
			t.Run(name+" "+file, func(t *testing.T) {
				t.Parallel()
				data := record(t, join(test.args, []string{"-map", "0:v", "-map", "1:a", "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", file})...)
				frames, clip, err := collect(t, data, VideoLimits{})
				if err != nil {
					t.Fatal(err)
				}
				if d := clip.Duration - time.Second; d.Abs() > 100*time.Millisecond || len(frames) != 25 || frames[0].At != 0 {
					t.Errorf("%v, %d frames from %v on", clip.Duration, len(frames), frames[0].At)
				}
				loud := 0
				for i := 1; i < len(clip.Sound); i++ {
					if clip.Sound[i] > 100 || clip.Sound[i] < -100 || clip.Sound[i-1] > 100 || clip.Sound[i-1] < -100 {
						loud++
					}
				}
				if len(clip.Sound) > soundRate || math.Abs(float64(loud-test.loud)) > soundRate/10 {
					t.Errorf("%d samples of sound, of which %d are loud, want %d", len(clip.Sound), loud, test.loud)
				}
			})
		}
	}
}

// TestFramesKeepTheirShape where a phone is turned, or a browser sends fewer pixels, in mid-recording.
func TestFramesKeepTheirShape(t *testing.T) {
	h264 := []string{"-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p"}
	var data []byte
	sizes := []string{"320x240", "240x320", "160x120"}
	for i, size := range sizes {
		data = append(data, record(t, join(flag(size, "25"), h264, []string{"-output_ts_offset", strconv.Itoa(i), "x.ts"})...)...)
	}
	frames, clip, err := collect(t, data, VideoLimits{})
	if err != nil {
		t.Fatal(err)
	}
	if clip.Width != 320 || clip.Height != 240 || len(frames) < 70 {
		t.Errorf("%dx%d at its start, %d frames", clip.Width, clip.Height, len(frames))
	}
	seen := map[string]int{}
	for i, f := range frames {
		seen[strconv.Itoa(f.Picture.Width)+"x"+strconv.Itoa(f.Picture.Height)]++
		if !isFlag(f.Picture) {
			t.Fatalf("frame %d does not show the flag", i)
		}
	}
	for _, size := range sizes {
		if seen[size] < 20 {
			t.Errorf("%d frames of %s: %v", seen[size], size, seen)
		}
	}
}

func TestTheLargestTrackThatMoves(t *testing.T) {
	still := []string{"-f", "lavfi", "-i", "color=gray:s=640x480:r=25:d=1"}
	noisy := []string{"-f", "lavfi", "-i", "color=gray:s=640x480:r=25:d=1,drawbox=w=100:h=100:c=red:t=fill"}
	small := []string{"-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1"}
	camera := []string{"-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=1"}
	one := []string{"-f", "lavfi", "-i", "testsrc2=s=640x480:r=1:d=1"}
	both := []string{"-map", "0:v", "-map", "1:v"}
	codec := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	for name, args := range map[string][]string{
		"the camera second, a still first": join(still, camera, both), "a drawing first": join(noisy, camera, both),
		"one frame first": join(one, camera, both), "a smaller one first": join(small, camera, both), "a smaller one second": join(camera, small, both),
		"a still second": join(camera, still, both), "a cover first": join(one, camera, both, []string{"-disposition:v:0", "attached_pic"}),
	} {
		files := []string{"x.mkv", "x.mp4", "x.ts"}
		if name == "a cover first" { // in the others that is a track like any, or none
			files = files[:1]
		}
		for _, file := range files {
			t.Run(name+" "+file, func(t *testing.T) {
				frames, clip, err := collect(t, record(t, join(args, codec, []string{file})...), VideoLimits{})
				if err != nil {
					t.Fatal(err)
				}
				if clip.Width != 320 || len(frames) != 25 {
					t.Errorf("%dx%d, %d frames", clip.Width, clip.Height, len(frames))
				}
			})
		}
	}
	frames, clip, err := collect(t, record(t, join(still, still, both, codec, []string{"x.mp4"})...), VideoLimits{})
	if err != nil || clip.Width != 640 || len(frames) != 25 {
		t.Errorf("where nothing moves: %v, %d wide, %d frames", err, clip.Width, len(frames))
	}
}

// child returns the process id of the decoder's only child.
func child(t *testing.T) int {
	t.Helper()
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		data, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("no child")
	return 0
}

// TestWhatIsNotTheRecordingsFault: what a busy machine, a stop or a lack of memory does to the decoder process.
func TestWhatIsNotTheRecordingsFault(t *testing.T) {
	data := record(t, "-f", "lavfi", "-i", "testsrc2=s=640x480:r=25:d=10", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "x.mp4")
	for name, signal := range map[string]syscall.Signal{
		"a machine that is too busy": syscall.SIGSTOP, "a lack of memory": syscall.SIGKILL, "a stop": syscall.SIGTERM, "Ctrl+C": syscall.SIGINT,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			sent := false
			_, err := testDecoder(t).DecodeFrames(ctx, data, VideoLimits{CPUTime: 100 * time.Second}, func(Frame) error {
				if !sent {
					sent = true
					if err := syscall.Kill(child(t), signal); err != nil {
						t.Fatal(err)
					}
					if signal == syscall.SIGSTOP {
						cancel()
					}
				}
				return nil
			})
			for _, fault := range []error{nil, ErrNotReadable, ErrUnsupported, ErrTooLarge, ErrTooLong} {
				if errors.Is(err, fault) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// TestProcessorTimeIsLimited: what takes too much of it is the recording's fault; waiting is not.
func TestProcessorTimeIsLimited(t *testing.T) {
	data := record(t, "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25:d=2", "-vf", "loop=loop=11:size=50", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "x.mp4")
	if _, _, err := collectNothing(t, data, VideoLimits{CPUTime: time.Second}); !errors.Is(err, ErrNotReadable) {
		t.Errorf("got %v, want %v", err, ErrNotReadable)
	}
	short := record(t, join(flag("160x120", "25"), []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "x.mp4"})...)
	waited := false
	clip, err := testDecoder(t).DecodeFrames(t.Context(), short, VideoLimits{CPUTime: time.Second}, func(Frame) error {
		if !waited {
			time.Sleep(1500 * time.Millisecond)
		}
		waited = true
		return nil
	})
	if err != nil || clip.Frames != 25 {
		t.Errorf("%d frames, %v", clip.Frames, err)
	}
}

// collectNothing decodes and keeps no frame.
func collectNothing(t *testing.T, data []byte, limits VideoLimits) (int, RecordingInfo, error) {
	t.Helper()
	frames := 0
	clip, err := testDecoder(t).DecodeFrames(t.Context(), data, limits, func(Frame) error { frames++; return nil })
	return frames, clip, err
}

// TestFramesLargerThanAPipe: ffmpeg may write the pixels of a frame before the line that says their size. Frames that do not fit
// into a pipe must not make it wait forever.
func TestFramesLargerThanAPipe(t *testing.T) {
	data := record(t, "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25:d=8", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "x.mp4")
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		frames := 0
		_, err := testDecoder(t).DecodeFrames(ctx, data, VideoLimits{}, func(Frame) error { frames++; return nil })
		cancel()
		if err != nil || frames != 200 {
			t.Fatalf("%d frames, %v", frames, err)
		}
	}
}
