package evaluate

import "math"

// Interval is a 95% confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Rate is a share of independent events. In reports a nil *Rate stands for a share of none.
type Rate struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Value float64 `json:"value"`
	// Interval95 is Wilson's score interval; where none, or all, of the events count, the bound away from the value is
	// the rule of three's instead.
	Interval95 Interval `json:"interval95"`
}

// rate is count/of with its interval; nil when of is 0.
func rate(count, of int) *Rate {
	if of == 0 {
		return nil
	}
	return &Rate{count, of, float64(count) / float64(of), rateInterval(count, of)}
}

// rateInterval is E. B. Wilson's score interval (1927) at 95%. At 0 of n its upper bound is min(1, 3/n), the rule of
// three (Hanley and Lippman-Hand 1983), and at n of n its lower bound is 1 less that.
func rateInterval(count, of int) Interval {
	n := float64(of)
	switch count {
	case 0:
		return Interval{0, min(1, 3/n)}
	case of:
		return Interval{max(0, 1-3/n), 1}
	}
	const z = 1.959963984540054 // the 97.5% point of the normal distribution
	p := float64(count) / n
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return Interval{centre - half, centre + half}
}
