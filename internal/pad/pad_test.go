package pad

import (
	"math"
	"slices"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestFusionFollowsTheFraming(t *testing.T) {
	recipe := Recipe{
		Ramp:  [2]float64{1, 2},
		Loose: Fusion{Weights: []float64{1, 0}, Bias: 1},
		Tight: Fusion{Weights: []float64{0, 2}, Bias: -1},
	}
	odds := []float64{3, 5}
	for _, c := range []struct{ reach, want float64 }{{0.5, 9}, {1, 9}, {1.5, 6.5}, {2, 4}, {7, 4}} {
		if got, err := recipe.fuse(odds, c.reach); err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("reach %v: %v, %v; want %v", c.reach, got, err, c.want)
		}
	}
	if _, err := recipe.fuse(odds[:1], 1); err == nil {
		t.Error("a recipe with two weights took one answer")
	}
}

func TestFusionTrustsKnownCameras(t *testing.T) {
	recipe := Recipe{
		Ramp:  [2]float64{1, 2},
		Loose: Fusion{Weights: []float64{1, 0, 0}},
		Tight: Fusion{Weights: []float64{1, 0, 0}},
		Known: &Fusion{Weights: []float64{0, 2, 0}, Bias: 1},
		Gate:  2,
		Max:   4,
	}
	for _, c := range []struct{ expert, gate, want float64 }{
		{-5, -maxOdds, 3}, {-5, 0, (3 - 9) / 2.}, {-5, math.Log(3), 0.75*-9 + 0.25*3}, {-5, maxOdds, -9}, {5, maxOdds, 4}, {5, -maxOdds, 3},
	} {
		if got, err := recipe.fuse([]float64{3, c.expert, c.gate}, 1); err != nil || math.Abs(got-c.want) > 1e-4 {
			t.Errorf("expert %v, log odds %v of a known camera: %v, %v; want %v", c.expert, c.gate, got, err, c.want)
		}
	}
}

func TestLogOdds(t *testing.T) {
	got, err := logOdds([]float32{1, 2, 2}, 0)
	if want := 1 - 2 - math.Log(2); err != nil || math.Abs(got-want) > 1e-6 {
		t.Errorf("log odds %v, %v; want %v", got, err, want)
	}
	if got, _ := logOdds([]float32{1e4, 0}, 0); got != maxOdds {
		t.Errorf("log odds %v are not bounded", got)
	}
	if _, err := logOdds([]float32{float32(math.NaN()), 0}, 0); err == nil {
		t.Error("an answer that is not a number was taken")
	}
	if _, err := logOdds([]float32{0}, 1); err == nil {
		t.Error("a class that is not there was taken")
	}
}

func TestCropStaysInside(t *testing.T) {
	p := liveness.NewPicture(100, 80)
	got := enlargedCrop(liveness.Box{X: 60, Y: 10, Width: 30, Height: 40}, 2.7, p)
	if want := (liveness.Box{X: 40, Y: 0, Width: 60, Height: 80}); got != want {
		t.Errorf("crop %+v, want %+v", got, want)
	}
	if r := visibleBoxes(p, liveness.Box{Width: 50, Height: 40}); r != 2 {
		t.Errorf("reach %v, want 2", r)
	}
}

func TestBoxOfTheLandmarks(t *testing.T) {
	p := liveness.NewPicture(200, 200)
	face := liveness.Face{Box: liveness.Box{X: 1, Y: 2, Width: 3, Height: 4}}
	if got := boxOf(face, p); got != face.Box {
		t.Errorf("without landmarks %+v, want the detector's %+v", got, face.Box)
	}
	// The bounds are 100 x 100 pixels about (100, 130), then partly outside the picture.
	for _, c := range []struct{ left, x, width float64 }{{50, 50.65, 98.7}, {-50, 0, 49.35}} {
		face.Landmarks[0], face.Landmarks[1] = liveness.Point{X: c.left, Y: 80}, liveness.Point{X: c.left + 100, Y: 180}
		for i := range face.Landmarks[2:] {
			face.Landmarks[2+i] = face.Landmarks[0]
		}
		want := liveness.Box{X: c.x, Y: 46.65, Width: c.width, Height: 134.9}
		got := boxOf(face, p)
		if math.Abs(got.X-want.X)+math.Abs(got.Y-want.Y)+math.Abs(got.Width-want.Width)+math.Abs(got.Height-want.Height) > 1e-9 {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestCombineScores(t *testing.T) {
	odds := func(s liveness.Score) float64 { return math.Log(float64(s) / float64(1-s)) }
	one := probability(1.5)
	for _, c := range []struct {
		alike float64
		n     int
		want  float64
	}{{0.5, 1, 1.5}, {1, 7, 1.5}, {0, 4, 6}, {0.5, 3, 1.5 * 3 / 2}} {
		got := odds(Recipe{Alike: c.alike}.combine(slices.Repeat([]liveness.Score{one}, c.n)))
		if math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d pictures alike %v: log odds %v, want %v", c.n, c.alike, got, c.want)
		}
	}
	if got := (Recipe{Alike: 0.5}).combine([]liveness.Score{1, 0}); got != 0.5 {
		t.Errorf("certain and opposite: %v, want one half", got)
	}
}
