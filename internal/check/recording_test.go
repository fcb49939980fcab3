package check

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/liveness"
)

func TestMain(m *testing.M) {
	media.RunIfDecoderProcess()
	os.Exit(m.Run())
}

// encodeRecording returns a file that ffmpeg makes; the last argument names it.
func encodeRecording(t *testing.T, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), args[len(args)-1])
	args = append([]string{"-v", "error", "-nostdin", "-threads", "1"}, append(args[:len(args)-1:len(args)-1], file)...)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// trackRecording decodes a recording and follows the face, as Read does, without its other looks.
func trackRecording(t *testing.T, c *Checker, data []byte) (*frameStats, face.Seen, media.RecordingInfo) {
	t.Helper()
	w := &frameStats{checker: c, track: c.Faces.Follow()}
	clip, err := c.Decoder.DecodeFrames(t.Context(), data, c.config.Video, func(f media.Frame) error {
		_, found, ok, err := w.trackFace(f)
		if ok {
			w.last = found
			w.frame.width, w.frame.height = f.Picture.Width, f.Picture.Height
			if w.firstFrame.width == 0 {
				w.firstFrame = w.frame
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, w.track.Seen(), clip
}

// portrait is a picture in the folder of the models' test data.
const portrait = "../../bin/testdata/faces/sample3.jpg"

// alone cuts out one of the faces in it.
const alone = "crop=460:560:960:80,"

func withDecoder(t *testing.T) *Checker {
	t.Helper()
	c := pictures(t)
	if _, err := os.Stat(portrait); err != nil {
		t.Skipf("needs %s: run `bonafide models fetch`", portrait)
	}
	var err error
	if c.Decoder, err = media.NewDecoder(context.Background()); err != nil {
		t.Fatal(err)
	}
	return c
}

var h264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-pix_fmt", "yuv420p"}

// TestFacesOfTurnedRecordings: the face is found in every frame, upright, and stands where it was sent.
func TestFacesOfTurnedRecordings(t *testing.T) {
	c := withDecoder(t)
	for turns, filter := range map[int]string{0: "null", 1: "transpose=1", 2: "hflip,vflip", -1: "transpose=2"} {
		args := append([]string{"-loop", "1", "-framerate", "25", "-t", "1", "-i", portrait, "-vf", alone + "scale=480:480:force_original_aspect_ratio=decrease:force_divisible_by=2," + filter}, h264...)
		w, seen, clip := trackRecording(t, c, encodeRecording(t, append(args, "x.mp4")...))
		if w.turns != turns || seen.Found < 25 || len(seen.Changed) > 0 {
			t.Errorf("turned by %d: found as turned by %d, %+v", turns, w.turns, seen)
		}
		if got := w.faceAsSent(clip).QuarterTurns(); got != turns || w.last.QuarterTurns() != 0 {
			t.Errorf("turned by %d: the face is shown turned by %d", turns, got)
		}
	}
}

// TestAFaceWhoseFramesChangeTheirSize is the same person's, as where a phone is turned.
func TestAFaceWhoseFramesChangeTheirSize(t *testing.T) {
	c := withDecoder(t)
	var data []byte
	for i, crop := range []string{"scale=640:480:force_original_aspect_ratio=decrease,pad=640:480:-1:-1", "scale=480:640:force_original_aspect_ratio=decrease,pad=480:640:-1:-1"} {
		args := append([]string{"-loop", "1", "-framerate", "25", "-t", "2", "-i", portrait, "-vf", alone + crop}, h264...)
		data = append(data, encodeRecording(t, append(args, "-output_ts_offset", []string{"0", "2"}[i], "x.ts")...)...)
	}
	if _, seen, _ := trackRecording(t, c, data); len(seen.Changed) > 0 || seen.Found < 90 {
		t.Errorf("%+v", seen)
	}
}

// TestVideosOfTooManyPixels have a reason of their own.
func TestVideosOfTooManyPixels(t *testing.T) {
	c := withDecoder(t)
	data := encodeRecording(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=3840x2880:r=25:d=0.2"}, append(h264, "x.mp4")...)...)
	_, err := c.Decoder.DecodeFrames(t.Context(), data, c.config.Video, func(media.Frame) error { return nil })
	if got := mediaReason(err, liveness.VideoNotReadable, liveness.VideoNotReadable, liveness.VideoTooLarge); got != liveness.VideoTooLarge {
		t.Errorf("%v: %s", err, got)
	}
}
