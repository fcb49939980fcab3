package process

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/image/draw"
)

// Portrait returns one person, from the front, of the test-only photograph of a group; 360x480 pixels.
func Portrait(checkout string) (*image.RGBA, error) {
	data, err := os.ReadFile(filepath.Join(checkout, "bin", "testdata", "faces", "sample6.jpg"))
	if err != nil {
		return nil, fmt.Errorf("the test pictures are not there: run `make testdata`: %w", err)
	}
	whole, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	portrait := image.NewRGBA(image.Rect(0, 0, 360, 480))
	draw.CatmullRom.Scale(portrait, portrait.Bounds(), whole, image.Rect(163, 375, 553, 895), draw.Src, nil)
	return portrait, nil
}

// JPEG encodes a picture.
func JPEG(picture image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 92})
	return b.Bytes(), err
}

// Film returns a recording of so many seconds in which a picture is held before the camera, as MP4.
func Film(picture image.Image, seconds float64) ([]byte, error) {
	folder, err := os.MkdirTemp("", "bonafide-film-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	still, err := JPEG(picture)
	if err != nil {
		return nil, err
	}
	from, to := filepath.Join(folder, "still.jpg"), filepath.Join(folder, "film.mp4")
	if err := os.WriteFile(from, still, 0o600); err != nil {
		return nil, err
	}
	make := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-loop", "1", "-i", from, "-f", "lavfi", "-i", "sine=frequency=300",
		"-t", fmt.Sprint(seconds), "-r", "25", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", to)
	if out, err := make.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w\n%s", err, out)
	}
	return os.ReadFile(to)
}
