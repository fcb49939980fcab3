package lips

import (
	"math"
	"slices"

	"github.com/bonafide-id/bonafide/internal/phrase"
	"github.com/bonafide-id/bonafide/liveness"
)

// featureCount is the number of features of a phrase's score.
const featureCount = 3

// features returns the inputs of the score. They are log-likelihood ratios, larger if the phrase fits better:
//
//	0  the phrase to all phrases of its length together, a digit, times the doubt
//	1  the logarithm of that of the phrase to no digit at all (silence or other speech), a digit
//	2  the logarithm of that of the phrase to the phrase with one digit left out, for the digit where that is least
//
// The first distinguishes phrases. The second refuses silence and other speech, and the last a phrase that was said only in part.
// Where the model is sure of every digit, ratios between digits are larger than they mean, where it doubts smaller: doubt evens
// that out. The logarithms let a missing digit count against the phrase, and a clear digit count for little more. The second
// result has, for each place, the log-likelihood ratio of the phrase to any digit there.
func features(e phrase.Evidence, doubt float64, digits []int) (f [featureCount]float64, places []float64) {
	n := float64(len(digits))
	own := e.LogLikelihood(digits)
	least := math.Inf(1)
	for i := range digits {
		places = append(places, own-scoreAnyDigitAt(e, digits, i))
		least = min(least, own-scoreWithoutDigit(e, digits, i))
	}
	between, speech := (own-e.AnyOf(len(digits)))/n, (own-e.NoDigits())/n
	return [featureCount]float64{between * doubt, math.Log(max(speech, minSpeech)), math.Log(max(least, minDigit))}, places
}

// Ratios under these are as bad as can be.
const minSpeech, minDigit = 0.5, 0.05

// digitEntropy returns the mean entropy, in nats, of which digit a picture shows, weighed by the probability that it shows one.
func digitEntropy(posteriors []float32) float64 {
	const first = phrase.Classes - phrase.Digits*phrase.States
	var sum, total float64
	for t := 0; t < len(posteriors); t += phrase.Classes {
		var each [phrase.Digits]float64
		var any, entropy float64
		for d := range each {
			for _, v := range posteriors[t+first+d*phrase.States:][:phrase.States] {
				each[d] += math.Exp(float64(v))
			}
			any += each[d]
		}
		for _, p := range each {
			entropy -= p / any * math.Log(p/any+1e-9)
		}
		sum += any * entropy
		total += any
	}
	return sum / max(total, 1e-9)
}

// scoreAnyDigitAt returns the log of the summed likelihoods of the phrase with each of the ten digits in its i-th place.
func scoreAnyDigitAt(e phrase.Evidence, digits []int, i int) float64 {
	changed := slices.Clone(digits)
	var each [phrase.Digits]float64
	for d := range each {
		changed[i] = d
		each[d] = e.LogLikelihood(changed)
	}
	most := slices.Max(each[:])
	var sum float64
	for _, l := range each {
		sum += math.Exp(l - most)
	}
	return most + math.Log(sum)
}

// scoreWithoutDigit returns the log-likelihood of the phrase without its i-th digit.
func scoreWithoutDigit(e phrase.Evidence, digits []int, i int) float64 {
	if len(digits) == 1 {
		return e.NoDigits()
	}
	return e.LogLikelihood(slices.Delete(slices.Clone(digits), i, i+1))
}

func (p *parameters) calibrate(f [featureCount]float64) liveness.Score {
	z := p.Calibration.Bias
	for i, w := range p.Calibration.Weights {
		z += w * f[i]
	}
	return liveness.Score(1 / (1 + math.Exp(-z)))
}

// ranges are how far parts of a mouth move in the stillest of 280 recordings of seven people. They are the height and width of
// the outer lips, and the chin, in pupil distances (training/lips/calibrate.py prints them).
var ranges = []struct {
	least float64
	of    func(shape []float32) float32
}{
	{0.086, func(s []float32) float32 { return s[2*9+1] - s[2*3+1] }},
	{0.037, func(s []float32) float32 { return s[2*6] - s[2*0] }},
	{0.054, func(s []float32) float32 { return s[2*20+1] }},
}

// movement returns the smallest range of a mouth's shapes, each over that of the stillest recording. A range reaches
// from the fifth to the ninety-fifth percentile, so that a single wrong landmark is none.
func movement(shapes []float32) float64 {
	least := math.Inf(1)
	for _, r := range ranges {
		var values []float32
		for i := 0; i < len(shapes); i += ShapeSize {
			values = append(values, r.of(shapes[i:i+ShapeSize]))
		}
		slices.Sort(values)
		low, high := len(values)/20, len(values)-1-len(values)/20
		least = min(least, float64(values[high]-values[low])/r.least)
	}
	return least
}
