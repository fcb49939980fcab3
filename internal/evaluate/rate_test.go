package evaluate

import (
	"math"
	"testing"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestRateOfKnownCases(t *testing.T) {
	for _, c := range []struct {
		count, of        int
		value, low, high float64
	}{
		// Wilson's interval, computed by hand from its closed form.
		{10, 100, 0.1, 0.05523, 0.17437},
		{5, 10, 0.5, 0.23659, 0.76341},
		{1, 3, 1. / 3, 0.06149, 0.79234},
		{263, 264, 263. / 264, 0.97886, 0.99933},
		// The rule of three.
		{0, 100, 0, 0, 0.03},
		{0, 2, 0, 0, 1},
		{100, 100, 1, 0.97, 1},
		{1, 1, 1, 0, 1},
	} {
		r := rate(c.count, c.of)
		if r.Count != c.count || r.Of != c.of || !near(r.Value, c.value, 1e-12) ||
			!near(r.Interval95.Low, c.low, 1e-5) || !near(r.Interval95.High, c.high, 1e-5) {
			t.Errorf("rate(%d, %d) = %+v, want %g from %g to %g", c.count, c.of, *r, c.value, c.low, c.high)
		}
	}
	if r := rate(0, 0); r != nil {
		t.Errorf("rate(0, 0) = %+v, want nil", *r)
	}
}

// Wilson's bounds are the shares p whose expected count is 1.96 standard deviations from what was counted.
func TestRateIntervalSolvesWilsonsEquation(t *testing.T) {
	for of := 2; of < 400; of += 7 {
		for count := 1; count < of; count++ {
			r := rate(count, of)
			for _, p := range []float64{r.Interval95.Low, r.Interval95.High} {
				deviations := math.Abs(r.Value-p) / math.Sqrt(p*(1-p)/float64(of))
				if !near(deviations, 1.959963984540054, 1e-6) {
					t.Fatalf("%d of %d: the bound %g is %g standard deviations away", count, of, p, deviations)
				}
			}
			if !(0 <= r.Interval95.Low && r.Interval95.Low < r.Value && r.Value < r.Interval95.High && r.Interval95.High <= 1) {
				t.Fatalf("%d of %d: %+v", count, of, *r)
			}
		}
	}
}
