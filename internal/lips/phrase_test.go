package lips

import (
	"math"
	"math/rand/v2"
	"testing"
)

// random evidence of n pictures.
func random(rng *rand.Rand, n int) evidence {
	e := evidence{gap: make([]float64, n), digit: make([][digits][states]float64, n)}
	for t := range n {
		e.gap[t] = rng.NormFloat64()
		for d := range digits {
			for s := range states {
				e.digit[t][d][s] = rng.NormFloat64()
			}
		}
	}
	return e
}

// ways lists every way of laying the phrase over n pictures: for each picture -1 (gap) or 4*slot+state.
func ways(n, slots int) [][]int {
	var out [][]int
	var walk func(way []int)
	walk = func(way []int) {
		if len(way) == n {
			last := way[n-1]
			if last == slots*states-1 || last <= -1 && -last-1 == slots {
				out = append(out, append([]int(nil), way...))
			}
			return
		}
		// Gaps are written -1-slots passed, so that what may follow is known.
		var next []int
		switch last := -1; {
		case len(way) == 0:
			next = []int{-1, 0}
		case way[len(way)-1] < 0:
			last = way[len(way)-1]
			next = []int{last}
			if passed := -last - 1; passed < slots {
				next = append(next, passed*states)
			}
		default:
			last = way[len(way)-1]
			next = []int{last}
			if last%states < states-1 {
				next = append(next, last+1)
			} else {
				next = append(next, -1-(last/states+1))
				if last+1 < slots*states {
					next = append(next, last+1)
				}
			}
		}
		for _, k := range next {
			walk(append(way, k))
		}
	}
	walk(nil)
	return out
}

func (e evidence) of(way []int, phrase []int) float64 {
	var sum float64
	for t, k := range way {
		if k < 0 {
			sum += e.gap[t]
		} else {
			sum += e.digit[t][phrase[k/states]][k%states]
		}
	}
	return sum
}

func TestForwardIsTheSumOverAllWays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, phrase := range [][]int{{3}, {4, 4}, {0, 9}} {
		for n := len(phrase) * states; n < len(phrase)*states+4; n++ {
			e := random(rng, n)
			want, best := never, never
			for _, way := range ways(n, len(phrase)) {
				l := e.of(way, phrase)
				want, best = add(want, l), max(best, l)
			}
			if got := e.phrase(phrase); math.Abs(got-want) > 1e-9 {
				t.Errorf("phrase %v over %d pictures: %v, want %v", phrase, n, got, want)
			}
			if got := e.along(e.path(phrase), phrase); math.Abs(got-best) > 1e-9 {
				t.Errorf("best way of %v over %d pictures: %v, want %v", phrase, n, got, best)
			}
		}
	}
}

// along is the likelihood of the best way through the digits' spans, gaps elsewhere.
func (e evidence) along(spans []span, phrase []int) float64 {
	inside := make([]bool, len(e.gap))
	var sum float64
	for i, s := range spans {
		best := never
		for _, way := range ways(s.to-s.from, 1) {
			if way[0] == 0 && way[len(way)-1] == states-1 {
				part := evidence{gap: e.gap[s.from:s.to], digit: e.digit[s.from:s.to]}
				best = max(best, part.of(way, phrase[i:i+1]))
			}
		}
		sum += best
		for t := s.from; t < s.to; t++ {
			inside[t] = true
		}
	}
	for t, in := range inside {
		if !in {
			sum += e.gap[t]
		}
	}
	return sum
}

func TestAnyOfSumsAllPhrases(t *testing.T) {
	e := random(rand.New(rand.NewPCG(3, 4)), 11)
	want := never
	for a := range digits {
		for b := range digits {
			want = add(want, e.phrase([]int{a, b}))
		}
	}
	if got := e.anyOf(2); math.Abs(got-want) > 1e-9 {
		t.Errorf("any of two digits: %v, want %v", got, want)
	}
}

func TestTooShortForThePhrase(t *testing.T) {
	e := random(rand.New(rand.NewPCG(5, 6)), 2*states-1)
	if got := e.phrase([]int{1, 2}); !math.IsInf(got, -1) {
		t.Errorf("two digits in %d pictures: %v", len(e.gap), got)
	}
	if e.path([]int{1, 2}) != nil {
		t.Error("a path through too few pictures")
	}
}
