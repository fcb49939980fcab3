package lips

import (
	"math"
	"math/cmplx"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// The reference shape: the points of a face that speech does not move, in pupil distances from the middle between the eyes. They
// are the eyes' centres and the nose's root, tip and base (mean of the GRID corpus's speakers).
var reference = [5]complex128{
	complex(-0.5, 0), complex(0.5, 0), complex(0, -0.070), complex(0, 0.570), complex(0, 0.789),
}

// rigid picks the same five points of a face, in pixels.
func rigid(l *liveness.Landmarks) [5]complex128 {
	return [5]complex128{
		middle(l[36:42]), middle(l[42:48]), complex(l[27].X, l[27].Y), complex(l[30].X, l[30].Y), complex(l[33].X, l[33].Y),
	}
}

func middle(points []liveness.Point) complex128 {
	var sum complex128
	for _, p := range points {
		sum += complex(p.X, p.Y)
	}
	return sum / complex(float64(len(points)), 0)
}

// placement is where a head is in a picture. It has the pixel of the reference shape's centroid. Its complex number turns a
// vector of the reference shape (pupil distances) into one of the picture (pixels).
type placement struct {
	centre, scale complex128
}

// place returns the least-squares similarity (Umeyama 1991, written with complex numbers) from the reference to the face.
func place(l *liveness.Landmarks) placement {
	points := rigid(l)
	var from, to complex128
	for i := range points {
		from += reference[i] / 5
		to += points[i] / 5
	}
	var product complex128
	var norm float64
	for i := range points {
		d := reference[i] - from
		product += cmplx.Conj(d) * (points[i] - to)
		norm += real(d)*real(d) + imag(d)*imag(d)
	}
	return placement{centre: to, scale: product / complex(norm, 0)}
}

// mouth returns the middle of the outer lips, seen from the head: in pupil distances from the centroid of the rigid points.
func (p placement) mouth(l *liveness.Landmarks) complex128 {
	return (middle(l[48:60]) - p.centre) / p.scale
}

// shape returns the lips and the chin, seen from the head as mouth is.
func (p placement) shape(points [shapePoints]complex128) (out [2 * shapePoints]float32) {
	for i, z := range points {
		z = (z - p.centre) / p.scale
		out[2*i], out[2*i+1] = float32(real(z)), float32(imag(z))
	}
	return out
}

// outline picks the points of a shape: the outer lips, the inner lips, the chin.
func outline(l *liveness.Landmarks) (points [shapePoints]complex128) {
	for i, p := range l[48:68] {
		points[i] = complex(p.X, p.Y)
	}
	points[shapePoints-1] = complex(l[8].X, l[8].Y)
	return points
}

// Landmarks tremble from frame to frame by more than a head moves: placements are smoothed over time by a Gaussian of this
// standard deviation. Those that are further away than jitter explains count less (a bilateral filter, Tomasi and Manduchi 1998).
// So a jerk or a dissolve stays sharp. The jitter is in pupil distances.
const (
	smoothing = 100 * time.Millisecond
	jitter    = 0.03
)

// smooth replaces each placement by a weighted mean of those around it.
func smooth(at []time.Duration, raw []placement) []placement {
	out := make([]placement, len(raw))
	first := 0
	for i := range raw {
		for at[i]-at[first] > 4*smoothing {
			first++
		}
		var centre, scale complex128
		var total float64
		for j := first; j < len(raw) && at[j]-at[i] <= 4*smoothing; j++ {
			d := float64(at[j]-at[i]) / float64(smoothing)
			away := length(raw[j].centre-raw[i].centre) / length(raw[i].scale) / jitter
			w := math.Exp(-(d*d + away*away) / 2)
			centre += raw[j].centre * complex(w, 0)
			scale += raw[j].scale * complex(w, 0)
			total += w
		}
		out[i] = placement{centre: centre / complex(total, 0), scale: scale / complex(total, 0)}
	}
	return out
}
