package evaluate

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// ErrorRate is one of the two rates that a threshold trades for each other.
type ErrorRate string

const (
	APCER ErrorRate = "apcer" // of every species
	BPCER ErrorRate = "bpcer"
)

// Limit is how high an error rate may be.
type Limit struct {
	Rate ErrorRate `json:"rate"`
	// AtMost is 0 or more and less than 1.
	AtMost float64 `json:"at_most"`
	// Conservative holds the limit against the higher of the rate's upper 95% bounds in place of the rate.
	Conservative bool `json:"conservative"`
}

// Validate returns an error for a limit that is not a rate.
func (l Limit) Validate() error {
	if !(l.AtMost >= 0 && l.AtMost < 1) {
		return fmt.Errorf("the limit of the %s is %v; it must be 0 or more and less than 1", strings.ToUpper(string(l.Rate)), l.AtMost)
	}
	return nil
}

// valueOf returns the value of a rate that is compared with the limit.
func (l Limit) valueOf(r *Rate) float64 {
	if l.Conservative {
		return r.upperBound()
	}
	return r.Value
}

// String names what the limit holds.
func (l Limit) String() string {
	rate := "BPCER"
	if l.Rate == APCER {
		rate = "the APCER of every species"
	}
	if l.Conservative {
		return "the upper 95% bound of " + rate
	}
	return rate
}

// Choice is a threshold that keeps a limit, and the report at that threshold.
type Choice struct {
	Limit Limit `json:"limit"`
	PADReport
}

// Choose finds the threshold that keeps the limit at the lowest cost in the other error rate. If many thresholds do, it is one
// about their middle, with as few decimals as that takes. For a limit of the BPCER live pictures alone are enough: Choose then
// finds the highest threshold. The error says why no threshold keeps the limit.
func (r PADReport) Choose(l Limit) (Choice, error) {
	if err := l.Validate(); err != nil {
		return Choice{}, err
	}
	attacks, bonaFide := split(r.All.responses, func(p picture) bool { return p.attack })
	if len(bonaFide) == 0 || len(attacks) == 0 && l.Rate == APCER {
		return Choice{}, fmt.Errorf("%s has %d attacks and %d bona fide pictures with a response: a limit of the APCER needs both, one of the BPCER bona fide pictures",
			r.File, len(attacks), len(bonaFide))
	}
	held := []group[picture]{{"BPCER", bonaFide}}
	if l.Rate == APCER {
		held = groups(attacks, func(p picture) string { return "APCER of " + p.species })
	}
	steps := steps(r.All.responses)
	safest := steps[0].high
	if l.Rate == APCER {
		safest = steps[len(steps)-1].high
	}
	if len(attacks) == 0 {
		slices.Reverse(steps)
	} else {
		slices.SortStableFunc(steps, l.compareCost)
	}
	for _, s := range steps {
		if !slices.ContainsFunc(held, func(g group[picture]) bool { return r.labels.exceeds(l, g.items, s.high) }) {
			return Choice{l, r.labels.report(r.Measured, s.roundestThreshold())}, nil
		}
	}
	return Choice{}, r.labels.noThreshold(l, held, safest)
}

// step is the thresholds above low, up to and with high, between which no score lies, and the errors that they make.
type step struct {
	low, high          float64
	accepted, rejected int // attacks and bona fide pictures
}

// steps returns all of them, from 0 to 1, by rising threshold.
func steps(responses []picture) []step {
	scores := newCurve(column(responses, picture.sample), nil).samples
	s := step{low: math.Inf(-1)}
	for _, sample := range scores {
		if !sample.positive {
			s.accepted++
		}
	}
	var all []step
	for i, sample := range scores {
		if i == 0 || sample.score != scores[i-1].score {
			s.high = sample.score
			all = append(all, s)
			s.low = s.high
		}
		if sample.positive {
			s.rejected++
		} else {
			s.accepted--
		}
	}
	if s.high = 1; s.low < s.high {
		all = append(all, s)
	}
	return all
}

// compareCost sorts steps by what they cost: first by the errors that the limit does not hold, then by those that it does.
func (l Limit) compareCost(a, b step) int {
	if l.Rate == APCER {
		return cmp.Or(a.rejected-b.rejected, a.accepted-b.accepted)
	}
	return cmp.Or(a.accepted-b.accepted, a.rejected-b.rejected)
}

// roundestThreshold returns the threshold with the fewest decimals in the middle half of the step.
func (s step) roundestThreshold() float64 {
	low := max(s.low, 0)
	middle, margin := (low+s.high)/2, (s.high-low)/4
	for scale := 10.; scale < 1e15; scale *= 10 {
		if round := math.Round(middle*scale) / scale; round > s.low && math.Abs(round-middle) <= margin {
			return round
		}
	}
	return s.high
}

// exceeds reports whether the errors in pictures of one kind, all of which have responded, are over the limit. It draws
// people only where nothing simpler decides.
func (l labels) exceeds(limit Limit, pictures []picture, threshold float64) bool {
	wrong := func(p picture) bool { return p.bonaFideAt(threshold) == p.attack }
	return limit.valueOf(share(pictures, nil, wrong)) > limit.AtMost ||
		limit.Conservative && limit.valueOf(share(pictures, l.personKeys, wrong)) > limit.AtMost
}

// noThreshold returns what stands against the limit at the threshold that suits it best.
func (l labels) noThreshold(limit Limit, held []group[picture], safest float64) error {
	var (
		worst *Rate
		name  string
	)
	for _, g := range held {
		r := share(g.items, l.personKeys, func(p picture) bool { return p.bonaFideAt(safest) == p.attack })
		if worst == nil || limit.valueOf(r) > limit.valueOf(worst) {
			worst, name = r, g.name
		}
	}
	text := fmt.Sprintf("no threshold keeps %s at or under %s: at %.6g, the best one, %s is %d/%d = %s",
		limit.String(), percent(limit.AtMost), safest, name, worst.Count, worst.Of, percent(worst.Value))
	if limit.Conservative {
		text += ", its bound " + percent(worst.upperBound())
	}
	if limit.Conservative && worst.Count == 0 && limit.AtMost > 0 {
		text += fmt.Sprintf("; even without an error the limit needs %.0f pictures, of as many people if the file names them", math.Ceil(3/limit.AtMost))
	}
	return errors.New(text)
}

// WriteText prints the threshold, what it keeps and what it costs.
func (c Choice) WriteText(w io.Writer) error {
	p := &printer{}
	p.writeLine("threshold %v", c.Threshold)
	p.writeLine("\nOn %s it keeps %s at or under %s.", c.File, c.Limit.String(), percent(c.Limit.AtMost))
	p.pad("All", c.All)
	p.writeLine("\nThese rates are optimistic, because the threshold was chosen on these pictures: measure other people, with eval pad.")
	return p.flush(w)
}
