package evaluate

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Estimate is a figure of a whole set of scores. In reports a nil *Estimate stands for a figure that the set cannot
// give, because it has scores of one kind only.
type Estimate struct {
	Value float64 `json:"value"`
	// Interval95 is the percentile interval of the bootstrap over people. It is nil without a person column, or if fewer than two
	// people have scores of either kind.
	Interval95 *Interval `json:"interval95"`
}

// sample is a score, whether it should be high (bona fide, genuine), and the number of its person in its curve.
type sample struct {
	score    float64
	positive bool
	person   int
}

// curve is the receiver operating characteristic of samples.
type curve struct {
	samples []sample // by rising score
	people  int
}

// newCurve takes the name of each sample's person beside the samples; nil: people are not known.
func newCurve(samples []sample, names []string) curve {
	c := curve{samples: slices.Clone(samples)}
	number := map[string]int{}
	for i, name := range names {
		if _, known := number[name]; !known {
			number[name] = len(number)
		}
		c.samples[i].person = number[name]
	}
	c.people = len(number)
	slices.SortStableFunc(c.samples, func(a, b sample) int { return cmp.Compare(a.score, b.score) })
	return c
}

// figures returns the area under the curve and the equal error rate, where each person counts as often as weight says (nil:
// once). It returns false if there are no samples of one kind.
//
// The area is the probability that a positive sample scores above a negative one, a tie counting one half (Mann-Whitney). The
// curve runs through one point for each distinct score, with straight lines between, as breaking ties at random gives on average.
// The equal error rate is where it crosses "false acceptances = false rejections".
func (c curve) figures(weight []int) (auc, eer float64, ok bool) {
	weigh := func(s sample) (positive, negative float64) {
		w := 1.0
		if weight != nil {
			w = float64(weight[s.person])
		}
		if s.positive {
			return w, 0
		}
		return 0, w
	}
	var positives, negatives float64
	for _, s := range c.samples {
		p, n := weigh(s)
		positives += p
		negatives += n
	}
	if positives == 0 || negatives == 0 {
		return 0, 0, false
	}
	var below, rejected float64 // negatives and positives under the threshold
	gap, crossed := 1.0, false  // false acceptances less false rejections at the last point
	for i := 0; i < len(c.samples); {
		frr := rejected / positives
		var tiedPositive, tiedNegative float64
		for score := c.samples[i].score; i < len(c.samples) && c.samples[i].score == score; i++ {
			p, n := weigh(c.samples[i])
			tiedPositive += p
			tiedNegative += n
		}
		auc += tiedPositive * (below + tiedNegative/2)
		below += tiedNegative
		rejected += tiedPositive
		next := (1 - below/negatives) - rejected/positives
		if !crossed && next <= 0 {
			crossed = true
			eer = frr + (rejected/positives-frr)*gap/(gap-next)
		}
		gap = next
	}
	return auc / (positives * negatives), eer, true
}

const bootstrapRounds = 1000

// estimates returns the area under the curve and the equal error rate with their intervals; nil, nil when there are no
// samples of one kind. The bootstrap draws people with replacement, 1000 times from a fixed seed, and leaves out draws
// without samples of one kind.
func (c curve) estimates() (auc, eer *Estimate) {
	a, e, ok := c.figures(nil)
	if !ok {
		return nil, nil
	}
	auc, eer = &Estimate{Value: a}, &Estimate{Value: e}
	if !c.canBootstrap() {
		return auc, eer
	}
	random := rand.New(rand.NewPCG(30107, 3))
	var areas, errors []float64
	for range bootstrapRounds {
		weight := make([]int, c.people)
		for range c.people {
			weight[random.IntN(c.people)]++
		}
		if a, e, ok := c.figures(weight); ok {
			areas = append(areas, a)
			errors = append(errors, e)
		}
	}
	auc.Interval95, eer.Interval95 = interval95(areas), interval95(errors)
	return auc, eer
}

// canBootstrap reports whether at least two people have positive samples and at least two have negative ones.
func (c curve) canBootstrap() bool {
	if c.people == 0 {
		return false
	}
	people := map[bool]map[int]bool{true: {}, false: {}}
	for _, s := range c.samples {
		people[s.positive][s.person] = true
	}
	return len(people[true]) > 1 && len(people[false]) > 1
}

// interval95 returns the interval from the 2.5% to the 97.5% point of the values, which it sorts.
func interval95(values []float64) *Interval {
	slices.Sort(values)
	cut := len(values) / 40
	return &Interval{values[cut], values[len(values)-1-cut]}
}

// errorPoint has the error rates if scores at and above a threshold are accepted. They are the share of accepted negatives and
// that of rejected positives.
type errorPoint struct{ accepted, rejected float64 }

// points returns one point for each distinct score as the threshold, by rising score, and one for a threshold above all. It
// returns none if there are no samples of one kind.
func (c curve) points() []errorPoint {
	positives, negatives := split(c.samples, func(s sample) bool { return s.positive })
	if len(positives) == 0 || len(negatives) == 0 {
		return nil
	}
	var points []errorPoint
	var below, rejected int
	for i, s := range c.samples {
		if i == 0 || s.score != c.samples[i-1].score {
			points = append(points, errorPoint{
				1 - float64(below)/float64(len(negatives)), float64(rejected) / float64(len(positives))})
		}
		if s.positive {
			rejected++
		} else {
			below++
		}
	}
	return append(points, errorPoint{0, 1})
}
