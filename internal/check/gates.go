package check

import (
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// course is one check under way: the verdict so far and the time that the gate at hand began.
type course struct {
	verdict liveness.Verdict
	began   time.Time
}

func begin(threshold float64, models []liveness.ModelRef) *course {
	return &course{
		verdict: liveness.Verdict{
			Outcome: liveness.Undecided, Threshold: threshold,
			Faces: []liveness.Face{}, Gates: []liveness.Gate{}, Models: models,
		},
		began: time.Now(),
	}
}

// pass notes gates and reports whether the check goes on: the first gate that does not pass and has a reason ends it. The
// time since the last gates is the first one's, unless that says otherwise; what the others hold was measured with it.
func (c *course) pass(gates ...liveness.Gate) bool {
	now := time.Now()
	if len(gates) > 0 && gates[0].Took == 0 {
		gates[0].Took = now.Sub(c.began)
	}
	c.began = now
	for _, g := range gates {
		c.verdict.Gates = append(c.verdict.Gates, g)
		if !g.Passed && g.Reason != "" {
			c.verdict.Reason = g.Reason
			return false
		}
	}
	return true
}

// end is a gate that does not pass, for faults that have no measure, such as bytes that are no picture.
func (c *course) end(gate string, reason liveness.Reason) liveness.Verdict {
	c.pass(liveness.Gate{Name: gate, Reason: reason})
	return c.verdict
}

// score settles the outcome. Where a gate gave a reason the score is told, but nothing is concluded from it.
func (c *course) score(s liveness.Score) liveness.Verdict {
	c.verdict.Score = &s
	switch {
	case c.verdict.Reason != "":
		c.verdict.Outcome = liveness.Undecided
	case float64(s) >= c.verdict.Threshold:
		c.verdict.Outcome = liveness.Live
	default:
		c.verdict.Outcome = liveness.Attack
	}
	return c.verdict
}
