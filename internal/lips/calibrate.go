package lips

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// featureCount is the number of features of a phrase's score.
const featureCount = 4

// features are what the score is made of, each the larger the better the phrase fits:
//
//	0  log-likelihood ratio of the phrase to all phrases of its length together, a digit
//	1  log-likelihood ratio of the phrase to no digit at all (silence or other speech), a digit
//	2  mean over the digits of the log probability among the ten digits, each in its own span
//	3  log-likelihood ratio of the worst digit to a gap in its span, a picture
//
// The first tells phrases apart, the second and the fourth refuse other speech and silence, the third and the fourth
// a phrase of which only a part was said.
func (e evidence) features(phrase []int, spans []span) [featureCount]float64 {
	n := float64(len(phrase))
	own := e.phrase(phrase)
	f := [featureCount]float64{(own - e.anyOf(len(phrase))) / n, (own - e.nothing()) / n, 0, math.Inf(1)}
	for i, d := range phrase {
		fit, ratio := e.match(spans[i], d)
		f[2] += fit / n
		f[3] = min(f[3], ratio)
	}
	return f
}

func (p *parameters) calibrate(f [featureCount]float64) liveness.Score {
	z := p.Bias
	for i, w := range p.Weights {
		z += w * f[i]
	}
	return liveness.Score(1 / (1 + math.Exp(-z)))
}

// movement is the mean absolute change of the pictures over six pictures (0.24 s), divided by the standard deviation of
// the pictures' brightness, so that it depends neither on contrast nor on the frame rate.
func movement(pixels []float32, count int) float64 {
	const apart = 6
	if count <= apart {
		return 0
	}
	size := len(pixels) / count
	var change float64
	for i := apart * size; i < len(pixels); i++ {
		change += math.Abs(float64(pixels[i] - pixels[i-apart*size]))
	}
	change /= float64(len(pixels) - apart*size)
	var sum, squares float64
	for _, v := range pixels {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(pixels))
	deviation := math.Sqrt(max(squares/n-sum*sum/n/n, 1))
	return change / deviation
}
