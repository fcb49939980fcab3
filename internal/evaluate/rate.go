package evaluate

import (
	"math"
	"math/rand/v2"
)

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
	// PeopleInterval95 is the percentile interval of the bootstrap over people, who are drawn with replacement, each with all of
	// their events. If none or all of the events count, the draws say nothing. Then its bound is the rule of three's, with people
	// for events. One person says nothing of others, so the interval is 0 to 1. It is nil without a column person.
	PeopleInterval95 *Interval `json:"people_interval95"`
}

// upperBound returns the highest that the rate may be, by either interval.
func (r Rate) upperBound() float64 {
	if r.PeopleInterval95 == nil {
		return r.Interval95.High
	}
	return max(r.Interval95.High, r.PeopleInterval95.High)
}

// share returns the rate of the items that have a property, nil if there are none. The function whose names an item's person;
// nil: people are not known.
func share[T any](items []T, whose func(T) string, has func(T) bool) *Rate {
	count := 0
	for _, item := range items {
		if has(item) {
			count++
		}
	}
	r := rate(count, len(items))
	if r == nil || whose == nil {
		return r
	}
	var people []tally
	number := map[string]int{}
	for _, item := range items {
		name := whose(item)
		i, known := number[name]
		if !known {
			i = len(people)
			number[name] = i
			people = append(people, tally{})
		}
		people[i].of++
		if has(item) {
			people[i].count++
		}
	}
	r.PeopleInterval95 = peopleInterval(people)
	return r
}

// rate returns count/of with its interval; nil when of is 0.
func rate(count, of int) *Rate {
	if of == 0 {
		return nil
	}
	return &Rate{Count: count, Of: of, Value: float64(count) / float64(of), Interval95: rateInterval(count, of)}
}

// rateInterval returns E. B. Wilson's score interval (1927) at 95%. At 0 of n its upper bound is min(1, 3/n), the rule of three
// (Hanley and Lippman-Hand 1983). At n of n its lower bound is 1 less that.
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

// tally is one person's events: how many count, of how many.
type tally struct{ count, of int }

// peopleInterval draws as many people as there are with replacement, bootstrapRounds times from a fixed seed.
func peopleInterval(people []tally) *Interval {
	if len(people) == 1 {
		return &Interval{0, 1}
	}
	var all tally
	for _, p := range people {
		all.count += p.count
		all.of += p.of
	}
	switch all.count {
	case 0:
		return &Interval{0, min(1, 3/float64(len(people)))}
	case all.of:
		return &Interval{max(0, 1-3/float64(len(people))), 1}
	}
	random := rand.New(rand.NewPCG(30107, 3))
	rates := make([]float64, bootstrapRounds)
	for round := range rates {
		var drawn tally
		for range people {
			p := people[random.IntN(len(people))]
			drawn.count += p.count
			drawn.of += p.of
		}
		rates[round] = float64(drawn.count) / float64(drawn.of)
	}
	return interval95(rates)
}
