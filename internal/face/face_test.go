package face

import (
	"image"
	_ "image/jpeg" // the samples are JPEG
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// finder opens the models that `make test` fetches.
func finder(t testing.TB) *Finder {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../bin/models"
	}
	if err := infer.Verify(folder); err != nil {
		t.Skipf("the models are not all there: %v", err)
	}
	library, err := infer.Open(infer.Config{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(library)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sample reads a picture of real faces that `make test` fetches.
func sample(t testing.TB, name string) *liveness.Picture {
	t.Helper()
	path := filepath.Join("../../bin/testdata/faces", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no pictures of faces: run `make test`, which fetches them (%v)", err)
	}
	return picture(t, path)
}

// shared is a folder of ../shared/data beside the checkout.
func shared(t testing.TB, folder string) string {
	t.Helper()
	path := filepath.Join("../../../shared/data", folder)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs ../shared/data/%s beside the checkout", folder)
	}
	return path
}

func picture(t testing.TB, path string) *liveness.Picture {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	decoded, _, err := image.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	bounds := decoded.Bounds()
	p := liveness.NewPicture(bounds.Dx(), bounds.Dy())
	for i := range p.Width * p.Height {
		r, g, b, _ := decoded.At(bounds.Min.X+i%p.Width, bounds.Min.Y+i/p.Width).RGBA()
		p.Pixels[3*i], p.Pixels[3*i+1], p.Pixels[3*i+2] = byte(r>>8), byte(g>>8), byte(b>>8)
	}
	return p
}

// frames decodes a clip of the GRID corpus.
func frames(t testing.TB, path string) []*liveness.Picture {
	t.Helper()
	const width, height = 360, 288
	raw, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-").Output()
	if err != nil {
		t.Skipf("needs ffmpeg: %v", err)
	}
	var list []*liveness.Picture
	for size := 3 * width * height; len(raw) >= size; raw = raw[size:] {
		list = append(list, &liveness.Picture{Pixels: raw[:size:size], Width: width, Height: height})
	}
	return list
}

// speaker is one clip of each of the corpus's speakers.
func speaker(t testing.TB, name string, n int) []*liveness.Picture {
	t.Helper()
	clips, _ := filepath.Glob(filepath.Join(shared(t, "lips/grid"), name, "*.mp4"))
	if len(clips) <= n {
		t.Skipf("speaker %s has %d clips", name, len(clips))
	}
	return frames(t, clips[n])
}

func follow(t testing.TB, f *Finder, list []*liveness.Picture) Seen {
	t.Helper()
	track := f.Follow()
	for i, p := range list {
		if _, _, err := track.Next(p, time.Duration(i)*40*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	return track.Seen()
}
