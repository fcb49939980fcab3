package check

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"github.com/bonafide-id/bonafide/liveness"
)

// worsened are pictures too poor for a decision, each with one fault that is far beyond its limit.
var worsened = map[string]struct {
	by     func(*vips.ImageRef) ([]byte, error)
	reason liveness.Reason
}{
	"blurred": {func(r *vips.ImageRef) ([]byte, error) {
		if err := r.GaussianBlur(5); err != nil {
			return nil, err
		}
		return asPNG(r)
	}, liveness.TooBlurry},
	"dark":       {func(r *vips.ImageRef) ([]byte, error) { return lit(r, 0.1) }, liveness.PoorIllumination},
	"burnt out":  {func(r *vips.ImageRef) ([]byte, error) { return lit(r, 2.5) }, liveness.PoorIllumination},
	"compressed": {func(r *vips.ImageRef) ([]byte, error) { return asJPEG(r, 3) }, liveness.TooCompressed},
}

func lit(r *vips.ImageRef, by float64) ([]byte, error) {
	if err := r.Linear1(by, 0); err != nil {
		return nil, err
	}
	return asPNG(r)
}

// TestPoorPicturesAreNoAttacks: bona fide pictures may be undecided for their quality, and live where they bear it, never attacks.
func TestPoorPicturesAreNoAttacks(t *testing.T) {
	paths, err := filepath.Glob("../../../shared/data/pad/lfw/*_00??1.jpg")
	if err != nil || len(paths) == 0 {
		t.Skip("needs ../shared/data/pad beside the checkout")
	}
	c := pictures(t)
	for name, fault := range worsened {
		found := 0
		for _, path := range paths[:min(len(paths), 10)] {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			judge(t, c, data) // starts libvips as the server does
			source, err := vips.NewImageFromBuffer(data)
			if err != nil {
				t.Fatal(err)
			}
			poor, err := fault.by(source)
			source.Close()
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.Picture(context.Background(), poor, PictureOptions{Threshold: 0.5, LargestFace: true})
			if err != nil {
				t.Fatal(err)
			}
			if v.Outcome == liveness.Attack {
				t.Errorf("%s, %s: an attack, with a score of %.3f", name, filepath.Base(path), *v.Score)
			}
			if v.Reason == fault.reason {
				found++
			}
		}
		// Some bear it and are live, in some no face is found.
		if found < 4 {
			t.Errorf("%s: only %d of 10 pictures are undecided for it", name, found)
		}
	}
}
