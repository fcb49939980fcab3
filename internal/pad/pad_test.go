package pad

import (
	"math"
	"slices"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestFusion(t *testing.T) {
	ensemble := Ensemble{Weights: []float64{1, -2}, Bias: 0.5}
	for _, c := range []struct {
		odds []float64
		want float64
	}{{[]float64{3, 1}, 1.5}, {[]float64{100, 0}, maxOdds}, {[]float64{0, 100}, -maxOdds}} {
		if got, err := ensemble.fuse(c.odds); err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: %v, %v; want %v", c.odds, got, err, c.want)
		}
	}
	if _, err := ensemble.fuse([]float64{1}); err == nil {
		t.Error("two weights accepted one output")
	}
	if _, err := ensemble.fuse([]float64{math.NaN(), 0}); err == nil {
		t.Error("an output that is not a number was accepted")
	}
}

func TestClassOdds(t *testing.T) {
	got, err := classOdds([]float32{1, 2, 2}, 0)
	if want := 1 - 2 - math.Log(2); err != nil || math.Abs(got-want) > 1e-6 {
		t.Errorf("log odds %v, %v; want %v", got, err, want)
	}
	if got, _ := classOdds([]float32{1e4, 0}, 0); got != maxNetOdds {
		t.Errorf("log odds %v are not bounded", got)
	}
	if _, err := classOdds([]float32{0}, 1); err == nil {
		t.Error("a class that is not there was accepted")
	}
}

func TestCropStaysInside(t *testing.T) {
	p := liveness.NewPicture(100, 80)
	got := enlargedCrop(liveness.Box{X: 60, Y: 10, Width: 30, Height: 40}, 2.7, p)
	if want := (liveness.Box{X: 40, Y: 0, Width: 60, Height: 80}); got != want {
		t.Errorf("crop %+v, want %+v", got, want)
	}
}

func TestColourless(t *testing.T) {
	p := liveness.NewPicture(8, 8)
	for i := range p.Pixels {
		p.Pixels[i] = byte(i / 3 * 4)
	}
	if !colourless(p) {
		t.Error("a grey picture has colour")
	}
	for i := 0; i < len(p.Pixels); i += 3 {
		p.Pixels[i] = byte(min(255, int(p.Pixels[i])+6))
	}
	if colourless(p) {
		t.Error("a picture with some red has no colour")
	}
}

func TestBoxOfTheLandmarks(t *testing.T) {
	p := liveness.NewPicture(200, 200)
	face := liveness.Face{Box: liveness.Box{X: 1, Y: 2, Width: 3, Height: 4}}
	if got := Box(face, p); got != face.Box {
		t.Errorf("without landmarks %+v, want the detector's %+v", got, face.Box)
	}
	// The bounds are 100 x 100 pixels about (100, 130), then partly outside the picture.
	for _, c := range []struct{ left, x, width float64 }{{50, 50.65, 98.7}, {-50, 0, 49.35}} {
		face.Landmarks[0], face.Landmarks[1] = liveness.Point{X: c.left, Y: 80}, liveness.Point{X: c.left + 100, Y: 180}
		for i := range face.Landmarks[2:] {
			face.Landmarks[2+i] = face.Landmarks[0]
		}
		want := liveness.Box{X: c.x, Y: 46.65, Width: c.width, Height: 134.9}
		got := Box(face, p)
		if math.Abs(got.X-want.X)+math.Abs(got.Y-want.Y)+math.Abs(got.Width-want.Width)+math.Abs(got.Height-want.Height) > 1e-9 {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestScoresOfSeveralPictures(t *testing.T) {
	one := probability(1.5)
	for _, c := range []struct {
		correlation float64
		n           int
		want        float64
	}{{0.5, 1, 1.5}, {1, 7, 1.5}, {0, 4, 6}, {0.5, 3, 1.5 * 3 / 2}} {
		got := Recipe{Correlation: c.correlation}.odds(slices.Repeat([]liveness.Score{one}, c.n))
		if math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d pictures with correlation %v: log odds %v, want %v", c.n, c.correlation, got, c.want)
		}
	}
	if got := (Recipe{Correlation: 0.5}).odds([]liveness.Score{1, 0}); got != 0 {
		t.Errorf("certain and opposite: log odds %v, want 0", got)
	}
}
