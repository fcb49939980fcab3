package edits

import "math"

// settleTime is over how many seconds movement is averaged: noise and the encoder's flicker go, what a face does stays.
const settleTime = 0.2

// minStillFrames is the least number of frames in which movement can be measured.
const minStillFrames = 15

// faceMovement returns how much the upper face moves in itself for each movement of the mouth. The head's own path, tilt and size are taken
// out of the crops before. Where the mouth speaks in a picture that stands still, or is only moved as a whole, it is near 0. It reports false where there
// are too few frames.
func faceMovement(placed []crop, rate float64) (float64, bool) {
	if len(placed) < minStillFrames {
		return 0, false
	}
	span := max(3, int(math.Round(settleTime*rate)))
	var upper float64
	areas := []area{forehead, eyes, nose, leftCheek, rightCheek}
	for _, a := range areas {
		upper += movement(placed, a, span) / float64(len(areas))
	}
	return math.Sqrt(upper / max(movement(placed, mouth, span), 1)), true
}

// movement returns the mean variance over time of the pixels of a part of the face. Each is averaged over a span of frames. What the
// noise from frame to frame leaves in such averages is subtracted. The unit is levels of brightness squared.
func movement(placed []crop, a area, span int) float64 {
	var slow, fast float64
	for _, i := range a {
		var sum, total, square float64
		count := 0
		for k := range placed {
			v := float64(placed[k][i])
			sum += v
			if k > 0 {
				d := v - float64(placed[k-1][i])
				fast += d * d / float64(len(placed)-1)
			}
			if k >= span {
				sum -= float64(placed[k-span][i])
			}
			if k >= span-1 {
				mean := sum / float64(span)
				total, square, count = total+mean, square+mean*mean, count+1
			}
		}
		mean := total / float64(count)
		slow += square/float64(count) - mean*mean
	}
	n := float64(len(a))
	return max(slow/n-fast/n/2/float64(span), 0)
}
