package check

import (
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// checkRun is one check under way: the verdict so far and the time that the gate at hand began.
type checkRun struct {
	verdict liveness.Verdict
	began   time.Time
}

func newCheckRun(threshold float64, models []liveness.ModelRef) *checkRun {
	return &checkRun{
		verdict: liveness.Verdict{
			Outcome: liveness.Undecided, Threshold: threshold,
			Faces: []liveness.Face{}, Gates: []liveness.Gate{}, Models: models,
		},
		began: time.Now(),
	}
}

// addGates notes gates and reports whether the check goes on: the first gate that does not pass and has a reason ends it. The
// time since the last gates is the first one's, unless that says otherwise; what the others hold was measured with it.
func (c *checkRun) addGates(gates ...liveness.Gate) bool {
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

// fail adds a failed gate for a defect without a measure, such as bytes that are not a picture.
func (c *checkRun) fail(gate string, reason liveness.Reason) liveness.Verdict {
	c.addGates(liveness.Gate{Name: gate, Reason: reason})
	return c.verdict
}

// conclude settles the outcome. Where a gate gave a reason the score is told, but nothing is concluded from it.
func (c *checkRun) conclude(s liveness.Score) liveness.Verdict {
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
