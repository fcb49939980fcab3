package evaluate

import (
	"fmt"
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

// event is one of a person's; it counts or not.
type event struct {
	person string
	counts bool
}

func shareOfEvents(events []event) *Rate {
	return share(events, func(e event) string { return e.person }, func(e event) bool { return e.counts })
}

func TestIntervalOverPeople(t *testing.T) {
	// Twenty people of ten events each; the errors are all of two of them.
	var clustered, spread []event
	for person := range 20 {
		for i := range 10 {
			clustered = append(clustered, event{fmt.Sprint(person), person < 2})
			spread = append(spread, event{fmt.Sprint(person), i == 0})
		}
	}
	c, s := shareOfEvents(clustered), shareOfEvents(spread)
	if c.Count != 20 || s.Count != 20 || c.Interval95 != s.Interval95 {
		t.Fatalf("%+v, %+v", *c, *s)
	}
	// Two people of twenty: a binomial of 20 at 0.1 has its 2.5% and 97.5% points at 0 and 5.
	if got := *c.PeopleInterval95; got != (Interval{0, 0.25}) {
		t.Errorf("errors of two people: %+v", got)
	}
	// Everybody has one error of ten, so that any draw of people has.
	if got := *s.PeopleInterval95; !near(got.Low, 0.1, 1e-12) || !near(got.High, 0.1, 1e-12) {
		t.Errorf("errors of all: %+v", got)
	}
	if c.upperBound() != 0.25 || s.upperBound() != s.Interval95.High {
		t.Errorf("upper bounds %g, %g", c.upperBound(), s.upperBound())
	}
	for name, c := range map[string]struct {
		events []event
		want   Interval
	}{
		"none of four people's": {[]event{{"a", false}, {"a", false}, {"b", false}, {"c", false}, {"d", false}}, Interval{0, 0.75}},
		"all of four people's":  {[]event{{"a", true}, {"a", true}, {"b", true}, {"c", true}, {"d", true}}, Interval{0.25, 1}},
		"one person":            {[]event{{"a", true}, {"a", false}}, Interval{0, 1}},
	} {
		if got := shareOfEvents(c.events).PeopleInterval95; got == nil || *got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	var nobody []event
	for person := range 60 {
		nobody = append(nobody, event{fmt.Sprint(person), false}, event{fmt.Sprint(person), false})
	}
	if r := shareOfEvents(nobody); *r.PeopleInterval95 != (Interval{0, 0.05}) || r.Interval95 != (Interval{0, 0.025}) {
		t.Errorf("no error of 60 people: %+v, %+v", r.Interval95, *r.PeopleInterval95)
	}
	if r := share(clustered, nil, func(e event) bool { return e.counts }); r.PeopleInterval95 != nil {
		t.Errorf("people that are not known: %+v", *r.PeopleInterval95)
	}
}
