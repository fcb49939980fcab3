// Package phrase computes how well a row of class probabilities, one per picture or 20 ms, fits a phrase of digits. It does not
// run models. A model gives the posteriors, Weights turn them into Evidence, and Evidence answers for any phrase by the forward
// algorithm.
package phrase

import (
	"math"
	"slices"
)

const (
	// Digits is the number of digits.
	Digits = 10
	// States is how many states a digit is a chain of, passed from first to last: its minimum length in rows.
	States = 4
	// Classes is the width of a row of posteriors: silence, other speech, and the digits' states, zero's first.
	Classes = 2 + Digits*States
)

var impossible = math.Inf(-1)

// Parse returns the digits of a phrase, or false if it is empty or has other characters.
func Parse(phrase string) ([]int, bool) {
	digits := make([]int, len(phrase))
	for i, c := range []byte(phrase) {
		if c < '0' || c > '9' {
			return nil, false
		}
		digits[i] = int(c - '0')
	}
	return digits, len(digits) > 0
}

// Weights turn posteriors into evidence.
type Weights struct {
	// Scale is below 1, because neighbouring rows are not independent.
	Scale float64 `json:"scale"`
	// PriorPower is the power of the prior that posteriors are divided by.
	PriorPower float64 `json:"prior_power"`
	// Prior is the share of each class in training.
	Prior []float64 `json:"prior"`
}

// Valid reports whether there is a prior above zero for every class, and a scale above zero.
func (w Weights) Valid() bool {
	for _, p := range w.Prior {
		if !(p > 0) {
			return false
		}
	}
	return len(w.Prior) == Classes && w.Scale > 0
}

// Evidence is how well each row fits each state, as scaled log-likelihoods. A gap is silence or speech without a digit;
// it may stand before, between and after digits.
type Evidence struct {
	gap   []float64
	digit [][Digits][States]float64
}

// Weigh returns the evidence of a model's log posteriors, Classes a row. Divided by a power of the prior they behave as
// likelihoods (Bourlard and Morgan 1994).
func (w Weights) Weigh(posteriors []float32) Evidence {
	n := len(posteriors) / Classes
	e := Evidence{gap: make([]float64, n), digit: make([][Digits][States]float64, n)}
	for t := range n {
		row := posteriors[t*Classes : (t+1)*Classes]
		value := func(class int) float64 {
			return w.Scale * (float64(row[class]) - w.PriorPower*math.Log(w.Prior[class]))
		}
		e.gap[t] = addLogs(value(0), value(1))
		for d := range Digits {
			for s := range States {
				e.digit[t][d][s] = value(2 + d*States + s)
			}
		}
	}
	return e
}

// Ratios returns the probabilities of a model's log posteriors divided by the prior. They say how much more likely each class is
// than by chance. Neither Scale nor PriorPower matters.
func (w Weights) Ratios(posteriors []float32) []float64 {
	out := make([]float64, len(posteriors))
	for i, p := range posteriors {
		out[i] = math.Exp(float64(p)) / w.Prior[i%Classes]
	}
	return out
}

// Rows returns the number of rows.
func (e Evidence) Rows() int { return len(e.gap) }

// addLogs returns log(exp(a) + exp(b)).
func addLogs(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if b == impossible {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// LogLikelihood returns the log-likelihood of the phrase: the forward algorithm (Rabiner 1989) over gap, digit, gap, digit, … gap,
// each gap optional. It is minus infinity where there are too few rows.
func (e Evidence) LogLikelihood(phrase []int) float64 {
	return e.forward(len(phrase), func(slot int) []int { return phrase[slot : slot+1] })
}

var all = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}

// AnyOf returns the log of the summed likelihoods of all phrases of n digits.
func (e Evidence) AnyOf(n int) float64 {
	return e.forward(n, func(int) []int { return all })
}

// NoDigits returns the log-likelihood of no digit at all.
func (e Evidence) NoDigits() float64 {
	var sum float64
	for _, g := range e.gap {
		sum += g
	}
	return sum
}

// forward sums over every way of passing n slots in order, each filled by one of its allowed digits.
func (e Evidence) forward(n int, allowed func(slot int) []int) float64 {
	if n == 0 || len(e.gap) < n*States {
		return impossible
	}
	type slot [Digits][States]float64
	now, gaps := make([]slot, n), make([]float64, n+1)
	for i := range now {
		for d := range Digits {
			now[i][d] = [States]float64{impossible, impossible, impossible, impossible}
		}
		gaps[i+1] = impossible
	}
	ended := make([]float64, n) // the slot's digit ended with the last row
	for t := range e.gap {
		enter := gaps[0] // into the slot, at this row
		for i := range n {
			ended[i] = impossible
			for _, d := range allowed(i) {
				ended[i] = addLogs(ended[i], now[i][d][States-1])
				chain, fit := &now[i][d], &e.digit[t][d]
				for s := States - 1; s > 0; s-- {
					chain[s] = addLogs(chain[s], chain[s-1]) + fit[s]
				}
				chain[0] = addLogs(chain[0], enter) + fit[0]
			}
			enter = addLogs(gaps[i+1], ended[i])
		}
		gaps[0] += e.gap[t]
		for i := range n {
			gaps[i+1] = addLogs(gaps[i+1], ended[i]) + e.gap[t]
		}
	}
	total := gaps[n]
	for _, d := range allowed(n - 1) {
		total = addLogs(total, now[n-1][d][States-1])
	}
	return total
}

// AnyDigits returns the log of the summed likelihoods of all strings of any number of digits, each of which costs `insertion`.
func (e Evidence) AnyDigits(insertion float64) float64 {
	var now [Digits][States]float64
	for d := range now {
		now[d] = [States]float64{impossible, impossible, impossible, impossible}
	}
	gap := 0.0
	for t := range e.gap {
		ended := impossible
		for d := range now {
			ended = addLogs(ended, now[d][States-1])
		}
		outside := addLogs(gap, ended)
		for d := range now {
			chain, fit := &now[d], &e.digit[t][d]
			for s := States - 1; s > 0; s-- {
				chain[s] = addLogs(chain[s], chain[s-1]) + fit[s]
			}
			chain[0] = addLogs(chain[0], outside-insertion) + fit[0]
		}
		gap = outside + e.gap[t]
	}
	for d := range now {
		gap = addLogs(gap, now[d][States-1])
	}
	return gap
}

// Span is where a digit was perceived: rows From to To, To not included.
type Span struct{ From, To int }

// Align returns the phrase's best way through the rows (Viterbi 1967), one span a digit; nil where there are too few rows.
func (e Evidence) Align(phrase []int) []Span {
	n := len(phrase)
	total := n*(States+1) + 1 // gap, states, gap, states, … gap
	if n == 0 || len(e.gap) < n*States {
		return nil
	}
	fit := func(t, k int) float64 {
		if k%(States+1) == 0 {
			return e.gap[t]
		}
		return e.digit[t][phrase[k/(States+1)]][k%(States+1)-1]
	}
	best := make([]float64, total)
	for k := range best {
		best[k] = impossible
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
				if back > k || back == 2 && k%(States+1) != 1 {
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
	spans := make([]Span, n)
	for t := len(e.gap) - 1; t >= 0; t-- {
		if k%(States+1) != 0 {
			s := &spans[k/(States+1)]
			s.From = t
			if s.To == 0 {
				s.To = t + 1
			}
		}
		k -= int(came[t][k])
	}
	return spans
}

// DecodedDigit is a digit and where it was.
type DecodedDigit struct {
	Digit int
	Span
}

// BestDigits returns the most likely string of any number of digits, with their places (Viterbi over a loop of all digits and
// gaps). Every digit costs `insertion` (0 or more), so that noise does not become digits.
func (e Evidence) BestDigits(insertion float64) []DecodedDigit {
	const gap = Digits * States // the loop's states: the digits' ones, then the gap
	best := [gap + 1]float64{}
	for k := range gap {
		best[k] = impossible
	}
	came := make([][gap + 1]uint8, len(e.gap)) // the state of the row before
	for t := range e.gap {
		before := best
		exit, last := before[gap], gap // the best state to start a digit from, or to stay out of digits
		for d := range Digits {
			if k := d*States + States - 1; before[k] > exit {
				exit, last = before[k], k
			}
		}
		for d := range Digits {
			k := d * States
			best[k], came[t][k] = before[k], uint8(k)
			if exit-insertion > before[k] {
				best[k], came[t][k] = exit-insertion, uint8(last)
			}
			best[k] += e.digit[t][d][0]
			for s := 1; s < States; s++ {
				k := d*States + s
				best[k], came[t][k] = before[k], uint8(k)
				if before[k-1] > before[k] {
					best[k], came[t][k] = before[k-1], uint8(k-1)
				}
				best[k] += e.digit[t][d][s]
			}
		}
		best[gap], came[t][gap] = exit+e.gap[t], uint8(last)
	}
	k := gap
	for d := range Digits {
		if end := d*States + States - 1; best[end] > best[k] {
			k = end
		}
	}
	var found []DecodedDigit // last first
	open := false            // the digit that is being walked back through has not begun yet
	for t := len(e.gap) - 1; t >= 0; t-- {
		from := int(came[t][k])
		if k != gap {
			if !open {
				found = append(found, DecodedDigit{Digit: k / States, Span: Span{To: t + 1}})
			}
			found[len(found)-1].From = t
			open = k%States > 0 || from == k
		}
		k = from
	}
	slices.Reverse(found)
	return found
}

// LogFit returns the log probability of digit d among the ten, given that the span holds exactly one.
func (e Evidence) LogFit(s Span, d int) float64 {
	each := e.Each(s)
	sum := impossible
	for _, l := range each {
		sum = addLogs(sum, l)
	}
	return each[d] - sum
}

// Ratio returns the log-likelihood ratio of the span's holding digit d alone to its holding none.
func (e Evidence) Ratio(s Span, d int) float64 {
	return e.Each(s)[d] - Evidence{gap: e.gap[s.From:s.To]}.NoDigits()
}

// Each returns the log-likelihood of each digit, given that the span holds that one alone: over all its rows, without gaps.
// It is minus infinity for spans of fewer rows than States.
func (e Evidence) Each(s Span) (out [Digits]float64) {
	for d := range out {
		at := [States]float64{e.digit[s.From][d][0], impossible, impossible, impossible}
		for _, row := range e.digit[s.From+1 : s.To] {
			for i := States - 1; i > 0; i-- {
				at[i] = addLogs(at[i], at[i-1]) + row[d][i]
			}
			at[0] += row[d][0]
		}
		out[d] = at[States-1]
	}
	return out
}
