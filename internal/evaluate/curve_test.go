package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func samples(positives, negatives []float64) []sample {
	var all []sample
	for _, score := range positives {
		all = append(all, sample{score: score, positive: true})
	}
	for _, score := range negatives {
		all = append(all, sample{score: score})
	}
	return all
}

func TestFiguresOfKnownCases(t *testing.T) {
	for _, c := range []struct {
		name                 string
		positives, negatives []float64
		auc, eer             float64
	}{
		{"apart", []float64{.7, .8, .9}, []float64{.1, .2, .3}, 1, 0},
		{"upside down", []float64{.1, .2}, []float64{.8, .9}, 0, 1},
		{"all the same", []float64{.5, .5, .5}, []float64{.5, .5}, 0.5, 0.5},
		// Of 16 pairs 15 are in order. At a threshold of .6 one of four is wrong on either side only half the time. The curve
		// goes from (far 1/4, frr 0) down to (1/4, 1/4).
		{"one swapped", []float64{.5, .7, .8, .9}, []float64{.1, .2, .3, .6}, 15. / 16, 0.25},
		// One tied pair of four: 3 1/2 of 4 pairs. The curve goes from (far 1/2, frr 0) to (0, 1/2).
		{"one tie", []float64{.5, .9}, []float64{.1, .5}, 3.5 / 4, 0.25},
		// From (far 1, frr 0) through (1/3, 0), (1/3, 1/2): crosses on the upright at 1/3.
		{"unequal counts", []float64{.5, .9}, []float64{.1, .2, .7}, 5. / 6, 1. / 3},
	} {
		auc, eer, ok := newCurve(samples(c.positives, c.negatives), nil).figures(nil)
		if !ok || !near(auc, c.auc, 1e-12) || !near(eer, c.eer, 1e-12) {
			t.Errorf("%s: AUC %g, EER %g, %v; want %g, %g", c.name, auc, eer, ok, c.auc, c.eer)
		}
	}
	for _, one := range [][]sample{nil, samples([]float64{1, 2}, nil), samples(nil, []float64{1})} {
		if auc, eer := newCurve(one, nil).estimates(); auc != nil || eer != nil {
			t.Errorf("estimates of %v: %v, %v; want none", one, auc, eer)
		}
	}
}

// randomSamples draws overlapping scores from few enough values that many are tied.
func randomSamples(random *rand.Rand, values int) []sample {
	var all []sample
	for range 2 + random.IntN(60) {
		s := sample{positive: random.IntN(2) == 0}
		s.score = float64(random.IntN(values))
		if s.positive {
			s.score += float64(random.IntN(values) / 2)
		}
		all = append(all, s)
	}
	return append(all, sample{score: 0, positive: true}, sample{score: 1})
}

// bruteArea compares every pair.
func bruteArea(all []sample) float64 {
	var won, pairs float64
	for _, p := range all {
		for _, n := range all {
			if !p.positive || n.positive {
				continue
			}
			pairs++
			switch {
			case p.score > n.score:
				won++
			case p.score == n.score:
				won += 0.5
			}
		}
	}
	return won / pairs
}

// bruteEqualError seeks the crossing by bisection along the polyline of the operating points at every threshold.
func bruteEqualError(all []sample) float64 {
	rates := func(threshold float64) (far, frr float64) {
		var positives, negatives float64
		for _, s := range all {
			if s.positive {
				positives++
				if s.score < threshold {
					frr++
				}
			} else {
				negatives++
				if s.score >= threshold {
					far++
				}
			}
		}
		return far / negatives, frr / positives
	}
	// at(u) is the point a share of the way from threshold k to threshold k+1, for u = k + share. Scores are whole.
	at := func(u float64) (far, frr float64) {
		k, part := math.Modf(u)
		far0, frr0 := rates(k)
		far1, frr1 := rates(k + 1)
		return far0 + part*(far1-far0), frr0 + part*(frr1-frr0)
	}
	low, high := 0.0, 200.0
	for range 80 {
		middle := (low + high) / 2
		if far, frr := at(middle); frr < far {
			low = middle
		} else {
			high = middle
		}
	}
	_, frr := at(high)
	return frr
}

func TestFiguresAgainstBruteForce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		all := randomSamples(random, 2+random.IntN(40))
		auc, eer, ok := newCurve(all, nil).figures(nil)
		if !ok || !near(auc, bruteArea(all), 1e-9) || !near(eer, bruteEqualError(all), 1e-9) {
			t.Fatalf("round %d: AUC %g, EER %g; brute force says %g, %g for %v", round, auc, eer, bruteArea(all), bruteEqualError(all), all)
		}
	}
}

func TestWeightIsRepetition(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		all := randomSamples(random, 20)
		weight := []int{2, 0, 1, 3}
		names := make([]string, len(all))
		repeated := []sample{}
		for i := range all {
			person := i % len(weight)
			names[i] = fmt.Sprint(person)
			for range weight[person] {
				repeated = append(repeated, all[i])
			}
		}
		auc, eer, ok := newCurve(all, names).figures(weight)
		wantAUC, wantEER, wantOK := newCurve(repeated, nil).figures(nil)
		if ok != wantOK || !near(auc, wantAUC, 1e-9) || !near(eer, wantEER, 1e-9) {
			t.Fatalf("weighted %g, %g, %v; repeated %g, %g, %v", auc, eer, ok, wantAUC, wantEER, wantOK)
		}
	}
}

// crowd makes scores of people, each of whom has a bias of their own, and three scores of either kind.
func crowd(people int) (all []sample, names []string) {
	random := rand.New(rand.NewPCG(5, 6))
	for person := range people {
		bias := random.NormFloat64()
		for i := range 6 {
			s := sample{positive: i < 3, score: bias + random.NormFloat64()}
			if s.positive {
				s.score++
			}
			all = append(all, s)
			names = append(names, fmt.Sprint(person))
		}
	}
	return all, names
}

func TestBootstrapIsOverPeople(t *testing.T) {
	all, names := crowd(20)
	auc, eer := newCurve(all, names).estimates()
	for name, e := range map[string]*Estimate{"AUC": auc, "EER": eer} {
		if i := e.Interval95; i == nil || !(i.Low < e.Value && e.Value < i.High) {
			t.Errorf("%s %+v is not inside its interval %+v", name, e.Value, i)
		}
	}
	again, _ := newCurve(all, names).estimates()
	if *again.Interval95 != *auc.Interval95 {
		t.Errorf("a second run gave %+v, the first %+v", *again.Interval95, *auc.Interval95)
	}
	// Ten copies of every score tell nothing new when the people stay the same.
	copies, copyNames := []sample{}, []string{}
	for range 10 {
		copies, copyNames = append(copies, all...), append(copyNames, names...)
	}
	same, _ := newCurve(copies, copyNames).estimates()
	if !near(same.Interval95.Low, auc.Interval95.Low, 1e-9) || !near(same.Interval95.High, auc.Interval95.High, 1e-9) {
		t.Errorf("with copies %+v, without %+v", *same.Interval95, *auc.Interval95)
	}
	// More people do.
	more, moreNames := crowd(320)
	narrow, _ := newCurve(more, moreNames).estimates()
	width, before := narrow.Interval95.High-narrow.Interval95.Low, auc.Interval95.High-auc.Interval95.Low
	if width > before/2 {
		t.Errorf("320 people: %g wide, 20 people: %g", width, before)
	}
}

func TestBootstrapNeedsTwoPeopleOfEitherKind(t *testing.T) {
	all := samples([]float64{.5, .8, .9}, []float64{.1, .6, .7})
	for _, c := range []struct {
		names []string
		want  bool
	}{
		{nil, false},
		{[]string{"a", "a", "a", "a", "a", "a"}, false},
		{[]string{"a", "b", "c", "d", "d", "d"}, false},
		{[]string{"a", "b", "a", "b", "a", "b"}, true},
	} {
		if auc, eer := newCurve(all, c.names).estimates(); (auc.Interval95 != nil) != c.want || (eer.Interval95 != nil) != c.want {
			t.Errorf("%v: %v, %v; want an interval: %v", c.names, auc.Interval95, eer.Interval95, c.want)
		}
	}
}

// BenchmarkEstimates is a curve of 5,000 scores with its bootstrap.
func BenchmarkEstimates(b *testing.B) {
	all, names := crowd(5000 / 6)
	for b.Loop() {
		newCurve(all, names).estimates()
	}
}
