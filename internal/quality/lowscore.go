package quality

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// Limits of a face that may be called an attack. Chosen on pictures made worse; docs/decisions/poor-pictures.md
// says what they catch and cost.
const (
	maxBurntOut = 0.1
	minLuma     = 50
	maxNoise    = 0.13
	minDetail   = 0.195
)

// LowScoreGates returns the gates for a face with a low score. A face that fails them may look like an attack because of its
// blur, noise or light. They are measured only when asked for; where there is no face there are none.
func (j Assessment) LowScoreGates() []liveness.Gate {
	if j.Quality == nil {
		return nil
	}
	luma := lumaOf(j.skin)
	// Bilinear sampling keeps more detail just above a picture's own size than at other sizes. So the detail is that of the face
	// at twice the size, halved. Not so the noise: of a large face that would take the skin's texture for one.
	smooth := lumaOf(rowsAbove(j.skin.Height, alignedFace(j.picture, j.face, 2).Halve()))
	return []liveness.Gate{
		liveness.AtMost("low_score_burnt_out", burntOut(j.skin), maxBurntOut, "", liveness.PoorIllumination),
		liveness.AtLeast("low_score_brightness", meanOf(luma, 20, faceSize-20), minLuma, "", liveness.PoorIllumination),
		liveness.AtMost("low_score_noise", noise(luma), maxNoise, "", liveness.PoorIllumination),
		liveness.AtLeast("low_score_detail", detail(smooth), minDetail, "", liveness.TooBlurry),
	}
}

// burntOut returns the share of the skin of which a colour is nearly white (from 250 of 255): of skin, red is cut off first.
func burntOut(skin *liveness.Picture) float64 {
	var burnt, n float64
	for y := firstRow; y < skin.Height; y++ {
		for x := 20; x < faceSize-20; x++ {
			i := 3 * (y*faceSize + x)
			if max(skin.Pixels[i], skin.Pixels[i+1], skin.Pixels[i+2]) >= 250 {
				burnt++
			}
			n++
		}
	}
	return burnt / n
}

// coarse is the distance in pixels at which the relief of a face is compared with that of neighbouring pixels.
const coarse = 3

// detail returns the fine part of the face's relief, in the direction with the least of it. It is the root mean square of the
// luma's second differences between neighbours over that at three times the distance. Contrast does not change it. It is 1/9
// where all is smooth and 1 of white noise. Blur lowers it in all directions, shake in one; that the worst direction counts is
// from Crété et al., "The blur effect" (2007).
func detail(luma []float64) float64 {
	least := math.Inf(1)
	for _, step := range []int{1, faceSize, faceSize + 1, faceSize - 1} {
		least = min(least, squaredDifferences(luma, step)/(squaredDifferences(luma, coarse*step)+1e-9))
	}
	return math.Sqrt(least)
}

// squaredDifferences returns the sum of the squares of the luma's second differences between values that are step places apart.
func squaredDifferences(luma []float64, step int) (sum float64) {
	for y := firstRow; y < rowsOf(luma)-coarse; y++ {
		for i := y*faceSize + 20; i < (y+1)*faceSize-20; i++ {
			d := luma[i-step] - 2*luma[i] + luma[i+step]
			sum += d * d
		}
	}
	return sum
}

// noise returns Immerkær's "Fast Noise Variance Estimation" (1996) over the relief of the face, its second differences down the
// face at three pixels. Pure noise gives 1, whatever its strength. Both are means of roots, squared. Unlike in medians, the edges
// of eyes and lips count for little, and so does the rounding to whole levels.
func noise(luma []float64) float64 {
	const down = faceSize
	var fine, own float64
	for y := firstRow; y < rowsOf(luma)-coarse; y++ {
		for i := y*faceSize + 20; i < (y+1)*faceSize-20; i++ {
			v := 4*luma[i] - 2*(luma[i-1]+luma[i+1]+luma[i-down]+luma[i+down]) +
				luma[i-down-1] + luma[i-down+1] + luma[i+down-1] + luma[i+down+1]
			fine += math.Sqrt(math.Abs(v))
			own += math.Sqrt(math.Abs(luma[i-coarse*down] - 2*luma[i] + luma[i+coarse*down]))
		}
	}
	ratio := fine / (own + 1e-9)
	return ratio * ratio / math.Sqrt(6) // of white noise of deviation 1 the two have deviations of 6 and of the root of 6
}
