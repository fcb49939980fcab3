package system

import (
	"encoding/base64"
	"image"
	"image/color"
	"image/draw"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Each error of the face liveness protocol, from a picture that has just that fault.
func TestEachFaceError(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("faults")
	ask := func(picture image.Image) map[string]any {
		t.Helper()
		r := s.faceLiveness(c, base64.StdEncoding.EncodeToString(encode(t, picture)))
		if r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return r.json(t)
	}
	faultless := portrait(t, frontal, 640, 640, 320, 320, 220)
	if m := ask(faultless); m["hasError"] != false || m["score"] == nil {
		t.Errorf("the faultless picture: %v", m)
	}
	for want, picture := range map[string]image.Image{
		"FACE_NOT_FOUND":       image.NewUniform(color.RGBA{120, 130, 140, 255}),
		"TOO_MANY_FACES":       beside(faultless, portrait(t, other, 640, 640, 320, 320, 220)),
		"FACE_TOO_SMALL":       portrait(t, frontal, 640, 640, 320, 320, 90),
		"FACE_CROPPED":         portrait(t, frontal, 640, 640, 90, 320, 330),
		"FACE_TOO_CLOSE":       portrait(t, frontal, 640, 640, 320, 320, 430),
		"FACE_CLOSE_TO_BORDER": portrait(t, frontal, 640, 640, 118, 320, 220),
		"FACE_ANGLE_TOO_LARGE": portrait(t, turned, 640, 640, 320, 320, 220),
		"FACE_IS_OCCLUDED":     coverEyes(portrait(t, frontal, 640, 640, 320, 320, 220)),
	} {
		if uniform, ok := picture.(*image.Uniform); ok {
			wall := image.NewRGBA(image.Rect(0, 0, 640, 640))
			draw.Draw(wall, wall.Bounds(), uniform, image.Point{}, draw.Src)
			picture = wall
		}
		if m := ask(picture); m["hasError"] != true || m["error"] != want || m["score"] != nil {
			t.Errorf("%s: got %v", want, m)
			save(t, want, picture)
		}
	}
}

// beside puts two pictures of one size side by side.
func beside(left, right image.Image) image.Image {
	w, h := left.Bounds().Dx(), left.Bounds().Dy()
	both := image.NewRGBA(image.Rect(0, 0, 2*w, h))
	draw.Draw(both, image.Rect(0, 0, w, h), left, image.Point{}, draw.Src)
	draw.Draw(both, image.Rect(w, 0, 2*w, h), right, image.Point{}, draw.Src)
	return both
}

// coverEyes holds a strip of lined paper before the eyes of the face in the middle.
func coverEyes(picture *image.RGBA) image.Image {
	paper := image.Rect(215, 240, 425, 318)
	for y := paper.Min.Y; y < paper.Max.Y; y++ {
		for x := paper.Min.X; x < paper.Max.X; x++ {
			shade := color.RGBA{235, 232, 224, 255}
			if (y-paper.Min.Y)%18 < 2 {
				shade = color.RGBA{150, 165, 200, 255}
			}
			picture.Set(x, y, shade)
		}
	}
	return picture
}

// save keeps a picture that a test is not content with (for good with go test -artifacts).
func save(t *testing.T, name string, picture image.Image) {
	t.Helper()
	file := filepath.Join(t.ArtifactDir(), name+".jpg")
	if err := os.WriteFile(file, encode(t, picture), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("the picture is %s", file)
}
