package lips

import "math"

const (
	digits = 10
	// Each digit is a chain of this many states, passed from first to last: its minimum length in mouth pictures.
	states = 4
	// classes is the width of the model's output: silence, other speech, and the digits' states.
	classes = 2 + digits*states
)

var never = math.Inf(-1)

// evidence is how well each mouth picture fits each state, as scaled log-likelihoods. A gap is silence or speech that is
// no digit; it may stand before, between and after digits.
type evidence struct {
	gap   []float64
	digit [][digits][states]float64
}

// weigh turns the model's log posteriors (classes a picture) into evidence: divided by a power of the prior, so that
// they behave as likelihoods (Bourlard and Morgan 1994), and scaled down because neighbouring pictures are not independent.
func (p *parameters) weigh(posteriors []float32) evidence {
	n := len(posteriors) / classes
	e := evidence{gap: make([]float64, n), digit: make([][digits][states]float64, n)}
	for t := range n {
		row := posteriors[t*classes : (t+1)*classes]
		value := func(class int) float64 {
			return p.Scale * (float64(row[class]) - p.PriorPower*math.Log(p.Prior[class]))
		}
		e.gap[t] = add(value(0), value(1))
		for d := range digits {
			for s := range states {
				e.digit[t][d][s] = value(2 + d*states + s)
			}
		}
	}
	return e
}

// add is log(exp(a) + exp(b)).
func add(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if b == never {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// phrase is the log-likelihood of the phrase: the forward algorithm (Rabiner 1989) over gap, digit, gap, digit, … gap,
// each gap optional.
func (e evidence) phrase(phrase []int) float64 {
	return e.forward(len(phrase), func(slot int) []int { return phrase[slot : slot+1] })
}

var all = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}

// anyOf is the log of the summed likelihoods of all phrases of n digits.
func (e evidence) anyOf(n int) float64 {
	return e.forward(n, func(int) []int { return all })
}

// nothing is the log-likelihood of no digit at all.
func (e evidence) nothing() float64 {
	var sum float64
	for _, g := range e.gap {
		sum += g
	}
	return sum
}

// forward sums over every way of passing n slots in order, each filled by one of its allowed digits.
func (e evidence) forward(n int, allowed func(slot int) []int) float64 {
	if len(e.gap) < n*states {
		return never
	}
	type slot [digits][states]float64
	now, gaps := make([]slot, n), make([]float64, n+1)
	for i := range now {
		for d := range digits {
			now[i][d] = [states]float64{never, never, never, never}
		}
		gaps[i+1] = never
	}
	gaps[0] = 0
	ended := make([]float64, n) // the slot's digit ended with the last picture
	for t := range e.gap {
		enter := gaps[0] // into the slot, at this picture
		for i := range n {
			ended[i] = never
			for _, d := range allowed(i) {
				ended[i] = add(ended[i], now[i][d][states-1])
				chain, fit := &now[i][d], &e.digit[t][d]
				for s := states - 1; s > 0; s-- {
					chain[s] = add(chain[s], chain[s-1]) + fit[s]
				}
				chain[0] = add(chain[0], enter) + fit[0]
			}
			enter = add(gaps[i+1], ended[i])
		}
		gaps[0] += e.gap[t]
		for i := range n {
			gaps[i+1] = add(gaps[i+1], ended[i]) + e.gap[t]
		}
	}
	total := gaps[n]
	for _, d := range allowed(n - 1) {
		total = add(total, now[n-1][d][states-1])
	}
	return total
}

// span is where a digit was seen: pictures from..to, to not included.
type span struct{ from, to int }

// path is the phrase's best way through the pictures (Viterbi 1967).
func (e evidence) path(phrase []int) []span {
	n := len(phrase)
	total := n*(states+1) + 1 // gap, states, gap, states, … gap
	if len(e.gap) < n*states {
		return nil
	}
	fit := func(t, k int) float64 {
		if k%(states+1) == 0 {
			return e.gap[t]
		}
		return e.digit[t][phrase[k/(states+1)]][k%(states+1)-1]
	}
	best := make([]float64, total)
	for k := range best {
		best[k] = never
	}
	best[0], best[1] = fit(0, 0), fit(0, 1)
	came := make([][]uint8, len(e.gap)) // how many states back the best way came from
	came[0] = make([]uint8, total)
	for t := 1; t < len(e.gap); t++ {
		came[t] = make([]uint8, total)
		for k := total - 1; k >= 0; k-- {
			from := 0
			for _, back := range []int{1, 2} {
				// Two back: over a gap, into a digit.
				if back > k || back == 2 && k%(states+1) != 1 {
					continue
				}
				if best[k-back] > best[k-from] {
					from = back
				}
			}
			best[k] = best[k-from] + fit(t, k)
			came[t][k] = uint8(from)
		}
	}
	k := total - 1
	if best[k-1] > best[k] {
		k--
	}
	spans := make([]span, n)
	for t := len(e.gap) - 1; t >= 0; t-- {
		if k%(states+1) != 0 {
			s := &spans[k/(states+1)]
			s.from = t
			if s.to == 0 {
				s.to = t + 1
			}
		}
		k -= int(came[t][k])
	}
	return spans
}

// match says how well one span holds digit d: fit is the log of its probability among the ten digits, given that the
// span holds exactly one; ratio is its log-likelihood ratio to a gap, a picture.
func (e evidence) match(s span, d int) (fit, ratio float64) {
	part := evidence{gap: e.gap[s.from:s.to], digit: e.digit[s.from:s.to]}
	sum := never
	for other := range digits {
		sum = add(sum, part.chain(other))
	}
	own := part.chain(d)
	return own - sum, (own - part.nothing()) / float64(s.to-s.from)
}

// chain is the log-likelihood of one digit over all the pictures, without gaps.
func (e evidence) chain(d int) float64 {
	at := [states]float64{e.digit[0][d][0], never, never, never}
	for _, row := range e.digit[1:] {
		for s := states - 1; s > 0; s-- {
			at[s] = add(at[s], at[s-1]) + row[d][s]
		}
		at[0] += row[d][0]
	}
	return at[states-1]
}
