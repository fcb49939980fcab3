package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// The browser plays Motion JPEG at 30 frames a second, from its first frame when the camera is opened, round and round.
func motionJPEG(t *testing.T, filter string, input ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "camera.mjpeg")
	film(t, file, filter, input...)
	return file
}

func film(t *testing.T, file, filter string, input ...string) {
	t.Helper()
	command(t, "ffmpeg", append(append([]string{"-v", "error"}, input...), "-vf", filter, "-pix_fmt", "yuvj420p", "-q:v", "3", "-f", "mjpeg", file)...)
}

// testPicture returns a camera without anybody in front of it.
func testPicture(t *testing.T) string {
	t.Helper()
	return motionJPEG(t, "fps=30", "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=30:duration=4")
}

// rest is how many seconds the camera shows a closed mouth before the first digit.
const rest = 12

var shared = filepath.Join(root, "..", "shared")

func needsShared(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(shared, "data", "lips", "grid")); err != nil {
		t.Skipf("the makers' data is not here, so no recording is played to the camera: %v", err)
	}
}

// spokenPhrase films a person who rests, says a digit every second, and rests: made from the makers' data.
func spokenPhrase(t *testing.T, file, speaker, phrase string) {
	t.Helper()
	folder := t.TempDir()
	var list strings.Builder
	for i, digit := range phrase {
		word := filepath.Join(folder, fmt.Sprintf("%d.mp4", i))
		command(t, "/usr/bin/python3", filepath.Join(shared, "tools", "splice.py"), "--root", filepath.Join(shared, "data", "lips", "grid"),
			"--speaker", speaker, "--phrase", string(digit), "--seed", fmt.Sprint(i), "--mute", "--out", word)
		// A single digit takes about a second; here it takes exactly one.
		second := filepath.Join(folder, fmt.Sprintf("second%d.mp4", i))
		command(t, "ffmpeg", "-v", "error", "-i", word, "-vf", "fps=30,tpad=stop_mode=clone:stop_duration=1,trim=duration=1", "-crf", "12", second)
		fmt.Fprintf(&list, "file '%s'\n", second)
	}
	names := filepath.Join(folder, "list")
	if err := os.WriteFile(names, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	said := filepath.Join(folder, "said.mp4")
	command(t, "ffmpeg", "-v", "error", "-f", "concat", "-safe", "0", "-i", names, "-c", "copy", said)
	// The corpus's faces sit to the left: the crop puts the face into the middle.
	film(t, file, fmt.Sprintf("fps=30,crop=506:380:0:90,scale=640:480,tpad=start_mode=clone:start_duration=%d:stop_mode=clone:stop_duration=20", rest), "-i", said)
}
