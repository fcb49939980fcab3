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
		"two at one time":     {at(500, 1500, 1500, 2500), liveness.UnevenPrompts},
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

func TestDigitsMustBeSaidWhenTheyAreShown(t *testing.T) {
	prompted := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second}
	// said begins each digit so many seconds after it is shown.
	said := func(delays ...float64) (digits []liveness.Digit) {
		for i, delay := range delays {
			start := prompted[i].Seconds() + delay
			digits = append(digits, liveness.Digit{Start: start, End: start + 0.4})
		}
		return digits
	}
	for name, c := range map[string]struct {
		digits []liveness.Digit
		want   liveness.Reason
	}{
		"at one time":                      {said(0.1, 0, 0.2, 0.1, 0, 0.1), ""},
		"after half a second":              {said(0.5, 0.6, 0.4, 0.5, 0.7, 0.5), ""},
		"slowly":                           {said(1.1, 1.2, 1, 1.3, 1.1, 1.2), ""},
		"one was missed by the lip reader": {said(0.5, 0.6, 0.4, -2, 0.7, 0.5), ""},
		"three seconds late":               {said(3, 3, 3, 3, 3, 3), liveness.PromptsNotKept},
		"all after the last":               {said(8, 7.5, 7, 6.5, 6, 5.5), liveness.PromptsNotKept},
		"all before they are shown":        {said(-1, -1.2, -1.4, -1.6, -1.8, -2), liveness.PromptsNotKept},
		"fast, at the end":                 {said(4.6, 4, 3.4, 2.8, 2.2, 1.6), liveness.PromptsNotKept},
	} {
		run := newCheckRun(0.5, nil)
		run.addGates(promptsKept(c.digits, prompted)...)
		if run.verdict.Reason != c.want {
			t.Errorf("%s: reason %q, want %q: %+v", name, run.verdict.Reason, c.want, run.verdict.Gates)
		}
		for i, d := range c.digits {
			if d.Due == nil || *d.Due != prompted[i].Seconds() {
				t.Errorf("%s: digit %d: %+v", name, i, d)
			}
		}
	}
	one := []liveness.Digit{{Start: 1, End: 1.4}}
	if gates := promptsKept(one, []time.Duration{5 * time.Second}); gates[1].Passed {
		t.Errorf("a digit long before it was due: %+v", gates)
	}
}
