package evaluate

import (
	"math/rand/v2"
	"testing"
)

func TestReliabilityOfAKnownCase(t *testing.T) {
	// Two positives and four negatives at a prior of one half: a positive weighs 1/4, a negative 1/8.
	r := reliability(samples([]float64{0.95, 0.25}, []float64{0.05, 0.05, 0.25, 1}), 0.5)
	if r == nil || len(r.Bins) != 3 {
		t.Fatalf("%+v", r)
	}
	for i, want := range []struct {
		low                  float64
		positives, negatives int
		score, share         float64
	}{
		{0.0, 0, 2, 0.05, 0},
		{0.2, 1, 1, 0.25, 2. / 3},
		{0.9, 1, 1, (0.25*0.95 + 0.125*1) / 0.375, 2. / 3},
	} {
		b := r.Bins[i]
		if !near(b.Low, want.low, 1e-12) || !near(b.High, want.low+0.1, 1e-12) || b.Positives != want.positives ||
			b.Negatives != want.negatives || !near(b.Score, want.score, 1e-12) || !near(b.Share, want.share, 1e-12) {
			t.Errorf("bin %d is %+v, want %+v", i, b, want)
		}
		if !(b.Interval95.Low <= b.Share && b.Share <= b.Interval95.High) {
			t.Errorf("bin %d: %g is outside %+v", i, b.Share, b.Interval95)
		}
	}
	ece := 0.25*0.05 + 0.375*(2./3-0.25) + 0.375*((0.25*0.95+0.125)/0.375-2./3)
	if !near(r.ECE, ece, 1e-12) {
		t.Errorf("ECE %g, want %g", r.ECE, ece)
	}
	for _, one := range [][]sample{nil, samples([]float64{1}, nil), samples(nil, []float64{1})} {
		if r := reliability(one, 0.5); r != nil {
			t.Errorf("%v: %+v", one, r)
		}
	}
}

// drawCalibrated draws a score, and makes it positive as often as it promises at a prior of one half. Then it keeps only some of
// the negatives, as sets do.
func drawCalibrated(random *rand.Rand, n int, keep float64) (all []sample) {
	for range n {
		s := sample{score: random.Float64()}
		if s.positive = random.Float64() < s.score; s.positive || random.Float64() < keep {
			all = append(all, s)
		}
	}
	return all
}

func TestReliabilityDoesNotDependOnTheMixture(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, keep := range []float64{1, 0.2} {
		if r := reliability(drawCalibrated(random, 40_000, keep), 0.5); r.ECE > 0.01 {
			t.Errorf("calibrated scores, %g of the negatives kept: ECE %g", keep, r.ECE)
		}
	}
	// The same scores are off by as much as the prior that they are held to is.
	if r := reliability(drawCalibrated(random, 40_000, 1), 0.9); r.ECE < 0.1 {
		t.Errorf("scores of another prior: ECE %g", r.ECE)
	}
}
