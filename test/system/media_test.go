package system

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	xdraw "golang.org/x/image/draw"
)

// person is somebody in a test picture: where the face is and how wide its box is, in pixels.
type person struct {
	photograph int
	centre     image.Point
	size       int
}

var (
	frontal = person{6, image.Pt(363, 625), 209}
	other   = person{6, image.Pt(1590, 402), 221}
	turned  = person{5, image.Pt(690, 544), 161} // yaw about 45 degrees
)

func openPicture(t testing.TB, n int) image.Image {
	t.Helper()
	picture, err := jpeg.Decode(bytes.NewReader(photograph(t, n)))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// portrait returns a picture of w by h pixels with one person only. The face is `face` pixels wide with its centre at (x, y).
func portrait(t testing.TB, p person, w, h, x, y, face int) *image.RGBA {
	t.Helper()
	source := openPicture(t, p.photograph)
	scale := float64(p.size) / float64(face)
	cut := image.Rect(
		p.centre.X-int(float64(x)*scale), p.centre.Y-int(float64(y)*scale),
		p.centre.X+int(float64(w-x)*scale), p.centre.Y+int(float64(h-y)*scale))
	canvas := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(canvas, canvas.Bounds(), image.NewUniform(color.RGBA{96, 100, 108, 255}), image.Point{}, draw.Src)
	alone := image.Rect(p.centre.X-p.size, p.centre.Y-p.size*6/5, p.centre.X+p.size, p.centre.Y+p.size*3/2)
	inside := cut.Intersect(source.Bounds()).Intersect(alone)
	target := image.Rect(
		int(float64(inside.Min.X-cut.Min.X)/scale), int(float64(inside.Min.Y-cut.Min.Y)/scale),
		int(float64(inside.Max.X-cut.Min.X)/scale), int(float64(inside.Max.Y-cut.Min.Y)/scale))
	xdraw.CatmullRom.Scale(canvas, target, source, inside, xdraw.Src, nil)
	return canvas
}

func encode(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// still returns a video of one picture, held for some seconds: a presentation without life.
func still(t testing.TB, picture image.Image, seconds float64) []byte {
	t.Helper()
	return film(t, "-loop", "1", "-i", write(t, "still.jpg", encode(t, picture)), "-t", strconv.FormatFloat(seconds, 'f', 2, 64), "-r", "25")
}

// film runs ffmpeg and returns the mp4 that it makes.
func film(t testing.TB, args ...string) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "film.mp4")
	args = append(append([]string{"-v", "error", "-y"}, args...), "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", name)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return readFile(t, name)
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var splicing sync.Mutex

// spokenPhrase returns a recording of a GRID speaker "saying" a phrase, spliced from the speaker's own digits.
func spokenPhrase(t testing.TB, speaker, phrase string, flags ...string) []byte {
	t.Helper()
	grid := sharedPath(t, "data", "lips", "grid")
	script := sharedPath(t, "tools", "splice.py")
	if err := exec.Command("/usr/bin/python3", "-c", "import numpy").Run(); err != nil {
		t.Skip("python3-numpy is not there: spoken phrases cannot be made")
	}
	splicing.Lock() // two concurrent ones would only compete for cores
	defer splicing.Unlock()
	name := filepath.Join(t.TempDir(), "recording.mp4")
	args := append([]string{script, "--root", grid, "--speaker", speaker, "--phrase", phrase, "--out", name}, flags...)
	if out, err := exec.Command("/usr/bin/python3", args...).CombinedOutput(); err != nil {
		t.Fatalf("splice.py: %v\n%s", err, out)
	}
	return readFile(t, name)
}
