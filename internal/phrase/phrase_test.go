package phrase

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// random Evidence of n pictures.
func random(rng *rand.Rand, n int) Evidence {
	e := Evidence{gap: make([]float64, n), digit: make([][Digits][States]float64, n)}
	for t := range n {
		e.gap[t] = rng.NormFloat64()
		for d := range Digits {
			for s := range States {
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
			if last == slots*States-1 || last <= -1 && -last-1 == slots {
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
				next = append(next, passed*States)
			}
		default:
			last = way[len(way)-1]
			next = []int{last}
			if last%States < States-1 {
				next = append(next, last+1)
			} else {
				next = append(next, -1-(last/States+1))
				if last+1 < slots*States {
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

func (e Evidence) pathLikelihood(way []int, phrase []int) float64 {
	var sum float64
	for t, k := range way {
		if k < 0 {
			sum += e.gap[t]
		} else {
			sum += e.digit[t][phrase[k/States]][k%States]
		}
	}
	return sum
}

func TestForwardIsTheSumOverAllWays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, phrase := range [][]int{{3}, {4, 4}, {0, 9}} {
		for n := len(phrase) * States; n < len(phrase)*States+4; n++ {
			e := random(rng, n)
			want, best := impossible, impossible
			for _, way := range ways(n, len(phrase)) {
				l := e.pathLikelihood(way, phrase)
				want, best = addLogs(want, l), max(best, l)
			}
			if got := e.LogLikelihood(phrase); math.Abs(got-want) > 1e-9 {
				t.Errorf("phrase %v over %d pictures: %v, want %v", phrase, n, got, want)
			}
			if got := e.along(e.Align(phrase), phrase); math.Abs(got-best) > 1e-9 {
				t.Errorf("best way of %v over %d pictures: %v, want %v", phrase, n, got, best)
			}
		}
	}
}

// along returns the likelihood of the best way through the digits' spans, gaps elsewhere.
func (e Evidence) along(spans []Span, phrase []int) float64 {
	inside := make([]bool, len(e.gap))
	var sum float64
	for i, s := range spans {
		best := impossible
		for _, way := range ways(s.To-s.From, 1) {
			if way[0] == 0 && way[len(way)-1] == States-1 {
				part := Evidence{gap: e.gap[s.From:s.To], digit: e.digit[s.From:s.To]}
				best = max(best, part.pathLikelihood(way, phrase[i:i+1]))
			}
		}
		sum += best
		for t := s.From; t < s.To; t++ {
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
	want := impossible
	for a := range Digits {
		for b := range Digits {
			want = addLogs(want, e.LogLikelihood([]int{a, b}))
		}
	}
	if got := e.AnyOf(2); math.Abs(got-want) > 1e-9 {
		t.Errorf("any of two digits: %v, want %v", got, want)
	}
}

func TestTooShortForThePhrase(t *testing.T) {
	e := random(rand.New(rand.NewPCG(5, 6)), 2*States-1)
	if got := e.LogLikelihood([]int{1, 2}); !math.IsInf(got, -1) {
		t.Errorf("two digits in %d pictures: %v", len(e.gap), got)
	}
	if e.Align([]int{1, 2}) != nil {
		t.Error("a path through too few pictures")
	}
}

func TestFreeIsTheBestOfAllStrings(t *testing.T) {
	const insertion = 0.7
	rng := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		e := random(rng, 9)
		want := e.NoDigits()
		for a := range Digits {
			want = max(want, e.along(e.Align([]int{a}), []int{a})-insertion)
			for b := range Digits {
				want = max(want, e.along(e.Align([]int{a, b}), []int{a, b})-2*insertion)
			}
		}
		free := e.BestDigits(insertion)
		var phrase []int
		var spans []Span
		for _, p := range free {
			phrase, spans = append(phrase, p.Digit), append(spans, p.Span)
		}
		got := e.NoDigits()
		if len(free) > 0 {
			got = e.along(spans, phrase) - float64(len(free))*insertion
		}
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("free string %v: %v, want %v", free, got, want)
		}
	}
}

func TestLoopSumsStringsOfEveryLength(t *testing.T) {
	const insertion = 0.7
	e := random(rand.New(rand.NewPCG(9, 10)), 3*States-1) // long enough for two digits
	want := e.NoDigits()
	for n := 1; n <= 2; n++ {
		want = addLogs(want, e.AnyOf(n)-float64(n)*insertion)
	}
	if got := e.AnyDigits(insertion); math.Abs(got-want) > 1e-9 {
		t.Errorf("loop: %v, want %v", got, want)
	}
}

func TestFreeTellsARepeatedDigitFromALongOne(t *testing.T) {
	e := Evidence{gap: make([]float64, 2*States), digit: make([][Digits][States]float64, 2*States)}
	for i := range e.digit {
		for d := range Digits {
			for s := range States {
				e.digit[i][d][s] = -5
			}
		}
		e.gap[i] = -5
		e.digit[i][3][i%States] = 5
	}
	want := []DecodedDigit{{3, Span{0, States}}, {3, Span{States, 2 * States}}}
	if got := e.BestDigits(1); !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
}

func TestFreeOfNothing(t *testing.T) {
	if got := (Evidence{}).BestDigits(1); got != nil {
		t.Errorf("heard %v in no rows", got)
	}
}

func TestParse(t *testing.T) {
	if got, ok := Parse("0429"); !ok || !slices.Equal(got, []int{0, 4, 2, 9}) {
		t.Errorf("0429: %v, %v", got, ok)
	}
	for _, bad := range []string{"", "12a", "1 2", "-1", "\u0661"} {
		if _, ok := Parse(bad); ok {
			t.Errorf("%q is a phrase", bad)
		}
	}
}
