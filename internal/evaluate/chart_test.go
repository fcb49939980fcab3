package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func TestPointsAgainstBruteForce(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		all := randomSamples(random, 20)
		points := newCurve(all, nil).points()
		for threshold := range 41 {
			want := errorRatesAt(all, float64(threshold))
			found := false
			for _, p := range points {
				found = found || near(p.accepted, want.accepted, 1e-12) && near(p.rejected, want.rejected, 1e-12)
			}
			if !found {
				t.Fatalf("at %d: %+v is not among %+v of %v", threshold, want, points, all)
			}
		}
		first, last := points[0], points[len(points)-1]
		if first != (errorPoint{1, 0}) || last != (errorPoint{0, 1}) {
			t.Fatalf("the curve runs from %+v to %+v", first, last)
		}
	}
	if p := newCurve(samples([]float64{1}, nil), nil).points(); p != nil {
		t.Errorf("points of one kind: %v", p)
	}
}

func TestDeviateIsTheNormalQuantile(t *testing.T) {
	for p, want := range map[float64]float64{0.5: 0, 0.975: 1.959963985, 0.001: -3.090232306, 0.99: 2.326347874} {
		if got := deviate(p); !near(got, want, 1e-8) {
			t.Errorf("%g: %g, want %g", p, got, want)
		}
	}
	if low, high := (normalDeviate{}).Normalize(detMin, detMax, detMin), (normalDeviate{}).Normalize(detMin, detMax, detMax); low != 0 || high != 1 {
		t.Errorf("the axis runs from %g to %g", low, high)
	}
}

// level returns what a line shows at a threshold, as PreStep draws it: up or down at the last point, then across.
func level(line plotter.XYs, threshold float64) float64 {
	for _, p := range line {
		if p.X >= threshold {
			return p.Y
		}
	}
	return math.NaN()
}

func TestLinesByThresholdAreThinnedFaithfully(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	var all []sample
	for range 20_000 {
		all = append(all, sample{score: math.Pow(random.Float64(), 4)})
	}
	for _, over := range []bool{false, true} {
		line := belowLine(all, over)
		if len(line) > 1200 {
			t.Errorf("%d points", len(line))
		}
		for range 50 {
			threshold := random.Float64()
			want := shareBelow(all, threshold)
			if over {
				want = 1 - want
			}
			if got := level(line, threshold); !near(got, want, 0.025) {
				t.Errorf("over %v: %g at %g, want %g", over, got, threshold, want)
			}
		}
	}
	few := belowLine(samples([]float64{0.2, 0.2, 0.7}, nil), false)
	for threshold, want := range map[float64]float64{0: 0, 0.1: 0, 0.2: 0, 0.21: 2. / 3, 0.7: 2. / 3, 0.71: 1, 1: 1} {
		if got := level(few, threshold); !near(got, want, 1e-12) {
			t.Errorf("%g below %g, want %g", got, threshold, want)
		}
	}
}

// The line of a large set keeps its shape: no point of the curve is far from a point of the line.
func TestTradeoffsAreThinnedFaithfully(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	all, _ := crowd(3000)
	points := newCurve(all, nil).points()
	line := detLine(points)
	if len(line) > 1000 {
		t.Errorf("%d of %d points are drawn", len(line), len(points))
	}
	scale := func(v float64) float64 { return normalDeviate{}.Normalize(detMin, detMax, v) }
	for range 200 {
		p := points[random.IntN(len(points))]
		want, nearest := detPoint(p), math.Inf(1)
		for _, l := range line {
			nearest = min(nearest, math.Hypot(scale(l.X)-scale(want.X), scale(l.Y)-scale(want.Y)))
		}
		if nearest > 0.005 {
			t.Fatalf("%+v is %g of the axis away from the line", want, nearest)
		}
	}
}
