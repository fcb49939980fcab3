package edits

import (
	"math"
	"slices"
)

// maxJawLag is by how many frames the jaw may move earlier or later than the mouth.
const maxJawLag = 2

// jawAgreement returns how well the jaw moves with the mouth, 0 to 2. It is the sum of two correlations. One is of
// how much both move over time, the other of the jaw's pixels with how far the mouth is open. A mouth from another recording moves on its own. jawAgreement
// reports false if there are too few frames.
func (t *Trace) jawAgreement(placed []crop) (float64, bool) {
	if len(placed) < minStillFrames {
		return 0, false
	}
	moving, following := energy(placed, mouth), energy(placed, jaw)
	best := -1.0
	for lag := -maxJawLag; lag <= maxJawLag; lag++ {
		n := len(moving) - max(lag, -lag)
		best = max(best, correlation(moving[max(lag, 0):][:n], following[max(-lag, 0):][:n]))
	}
	return best + t.jawFollowsOpening(placed), true
}

// jawFollowsOpening returns the correlation, whatever its sign, of the jaw's pixels with the mouth's opening. It is the root mean
// square of the quarter of the pixels that fits best.
func (t *Trace) jawFollowsOpening(placed []crop) float64 {
	opening := make([]float64, len(placed))
	for i, line := range t.curves() {
		opening[i] = line[openingCurve]
	}
	var fits []float64
	pixel := make([]float64, len(placed))
	for _, p := range jaw {
		for i := range placed {
			pixel[i] = float64(placed[i][p])
		}
		c := correlation(pixel, opening)
		fits = append(fits, c*c)
	}
	slices.Sort(fits)
	best := fits[len(fits)*3/4:]
	sum := 0.0
	for _, c := range best {
		sum += c
	}
	return rootMeanSquare(sum, len(best))
}

// energy returns how much a part of the face changes over two frames, each the mean with its neighbours.
func energy(placed []crop, a area) []float64 {
	raw := make([]float64, len(placed)-2)
	for i := range raw {
		for _, p := range a {
			raw[i] += math.Abs(float64(placed[i+2][p]-placed[i][p])) / float64(len(a))
		}
	}
	out := make([]float64, len(raw))
	for i := range raw {
		out[i] = (raw[max(i-1, 0)] + raw[i] + raw[min(i+1, len(raw)-1)]) / 3
	}
	return out
}

// correlation returns that of two series of one length; 0 where one does not change.
func correlation(a, b []float64) float64 {
	var meanA, meanB float64
	for i := range a {
		meanA, meanB = meanA+a[i]/float64(len(a)), meanB+b[i]/float64(len(a))
	}
	var ab, aa, bb float64
	for i := range a {
		x, y := a[i]-meanA, b[i]-meanB
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa < 1e-12 || bb < 1e-12 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
