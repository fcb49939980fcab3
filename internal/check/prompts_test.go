package check

import (
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestPromptsMustBePlausible(t *testing.T) {
	const recorded = 7 * time.Second
	at := func(ms ...int) (times []time.Duration) {
		for _, m := range ms {
			times = append(times, time.Duration(m)*time.Millisecond)
		}
		return times
	}
	for name, c := range map[string]struct {
		prompted []time.Duration
		want     liveness.Reason
	}{
		"as shown":            {at(500, 1500, 2500, 3500, 4500, 5500), ""},
		"a busy phone":        {at(500, 1800, 2500, 4200, 4900, 6100), ""},
		"nobody knows":        {nil, ""},
		"one digit":           {at(0), ""},
		"before the start":    {at(-100, 900), liveness.UnevenPrompts},
		"backwards":           {at(500, 1500, 1400, 2500), liveness.UnevenPrompts},
		"twice at once":       {at(500, 1500, 1500, 2500), liveness.UnevenPrompts},
		"too quick to read":   {at(500, 800, 1100, 1400), liveness.UnevenPrompts},
		"in the background":   {at(500, 1500, 5500), liveness.UnevenPrompts},
		"after the recording": {at(2000, 4000, 6900), liveness.VideoTooShort},
	} {
		run := newCheckRun(0.5, nil)
		run.addGates(promptGates(c.prompted, recorded)...)
		if run.verdict.Reason != c.want {
			t.Errorf("%s: reason %q, want %q", name, run.verdict.Reason, c.want)
		}
	}
}

func TestFollowedNotesWhenEachDigitWasDue(t *testing.T) {
	digits := []liveness.Digit{{Start: 1.1, End: 1.4}, {Start: 2.2, End: 2.5}, {Start: 9, End: 9.4}}
	gate := promptsFollowedGate(digits, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second})
	if gate.Measure != 2.0/3 || !gate.Passed || gate.Reason != "" {
		t.Errorf("gate %+v", gate)
	}
	for i, d := range digits {
		if d.Due == nil || *d.Due != float64(i+1) {
			t.Errorf("digit %d: %+v", i, d)
		}
	}
	if gate := promptsFollowedGate(digits[:1], []time.Duration{5 * time.Second}); gate.Passed {
		t.Errorf("a digit long before it was due: %+v", gate)
	}
}
