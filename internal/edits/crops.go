package edits

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// cropSide is the side, in pixels, of the small pictures of the face with the eyes level, and cropWidth what they show, in pupil
	// distances. Their middle is that of the rigid points, eyesAbove pupil distances below the eyes.
	cropSide  = 48
	cropWidth = 3.2
	eyesAbove = 0.258
)

// crop is a small picture of the face, row-major.
type crop [cropSide * cropSide]float32

// area is a part of the face: indices of a crop's pixels.
type area []int

// areaOf returns the box from (x0, y0) to (x1, y1), in pupil distances from the middle between the eyes.
func areaOf(x0, x1, y0, y1 float64) (a area) {
	at := func(v float64) int { return int((v + cropWidth/2) / cropWidth * cropSide) }
	for y := at(y0 - eyesAbove); y < at(y1-eyesAbove); y++ {
		for x := at(x0); x < at(x1); x++ {
			a = append(a, y*cropSide+x)
		}
	}
	return a
}

// The parts of a face that are looked at. Speech moves the last one itself.
var (
	forehead   = areaOf(-0.6, 0.6, -0.7, -0.35)
	eyes       = areaOf(-0.85, 0.85, -0.25, 0.22)
	nose       = areaOf(-0.3, 0.3, 0.1, 0.75)
	leftCheek  = areaOf(-0.95, -0.42, 0.3, 1.0)
	rightCheek = areaOf(0.42, 0.95, 0.3, 1.0)
	mouth      = areaOf(-0.45, 0.45, 0.9, 1.4)
	jaw        = areaOf(-0.75, 0.75, 1.45, 1.9)

	upperFace = join(forehead, eyes, nose, leftCheek, rightCheek)
)

// join returns several parts together, each pixel once.
func join(areas ...area) (all area) {
	seen := map[int]bool{}
	for _, a := range areas {
		for _, i := range a {
			if !seen[i] {
				seen[i] = true
				all = append(all, i)
			}
		}
	}
	return all
}

// heads returns where the head is in each frame. That is the middle of the rigid points, and the vector of one pupil distance to the
// right. Both are complex numbers in pixels of the frame.
func (t *Trace) heads() (middles, scales []complex128) {
	for i := range t.Frames {
		points := rigid(&t.Frames[i].Landmarks)
		m, c := liveness.FitSimilarity(reference, points), liveness.Centre(points)
		middles, scales = append(middles, complex(c.X, c.Y)), append(scales, complex(m.A, m.D))
	}
	return middles, scales
}

// smooth returns the mean of each value, with half the weight, and of the two around it.
func smooth(values []complex128) []complex128 {
	out := make([]complex128, len(values))
	for i, v := range values {
		out[i] = v/2 + values[max(i-1, 0)]/4 + values[min(i+1, len(values)-1)]/4
	}
	return out
}

// crops returns the faces of all frames, with the eyes level and at the same size.
func (t *Trace) crops() []crop {
	middles, scales := t.heads()
	middles, scales = smooth(middles), smooth(scales)
	out := make([]crop, len(t.Frames))
	for i := range t.Frames {
		f := &t.Frames[i]
		step := scales[i] * complex(cropWidth/cropSide/f.Step, 0)
		corner := (middles[i]-complex(f.Centre.X, f.Centre.Y))/complex(f.Step, 0) + complex(PatchSide-1, PatchSide-1)/2
		for k := range out[i] {
			z := corner + step*complex(float64(k%cropSide)-(cropSide-1)/2.0, float64(k/cropSide)-(cropSide-1)/2.0)
			out[i][k] = between(f.Patch[:], PatchSide, real(z), imag(z))
		}
	}
	return out
}

// between returns the brightness between the pixels of a square picture; outside it repeats the border.
func between[T uint8 | float32](pixels []T, side int, x, y float64) float32 {
	last := float64(side) - 1.001
	x, y = min(max(x, 0), last), min(max(y, 0), last)
	column, row := int(x), int(y)
	u, v := float32(x-float64(column)), float32(y-float64(row))
	p := pixels[row*side+column:]
	return (1-v)*((1-u)*float32(p[0])+u*float32(p[1])) + v*((1-u)*float32(p[side])+u*float32(p[side+1]))
}

// frameRate returns the frames a second, of at least two frames; else 0.
func (t *Trace) frameRate() float64 {
	n := len(t.Frames)
	if n < 2 || t.Frames[n-1].At <= t.Frames[0].At {
		return 0
	}
	return float64(n-1) / (t.Frames[n-1].At - t.Frames[0].At).Seconds()
}

func rootMeanSquare(sum float64, count int) float64 { return math.Sqrt(sum / float64(max(count, 1))) }
