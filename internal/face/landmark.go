package face

import (
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// landmarkSize is the width and height of the landmark model's input in pixels.
const landmarkSize = 64

// refine reads the landmarks again from crops that earlier landmarks place: they jump less than the detector's box
// does. The mean of two crops that are shifted by a pixel of the model's input halves what is left of the jitter
// (BenchmarkJitter measures it).
func (f *Finder) refine(p *liveness.Picture, rough liveness.Landmarks) (liveness.Landmarks, error) {
	var mean liveness.Landmarks
	for _, shift := range []float64{-1.0 / landmarkSize, 1.0 / landmarkSize} {
		crop := cropOf(rough)
		crop.X += shift * crop.Width
		crop.Y += shift * crop.Height
		points, err := f.landmarks(p, crop)
		if err != nil {
			return mean, err
		}
		for i, point := range points {
			mean[i].X += point.X / 2
			mean[i].Y += point.Y / 2
		}
	}
	return mean, nil
}

// landmarks reads the 68 points from a square crop.
func (f *Finder) landmarks(p *liveness.Picture, crop liveness.Box) (liveness.Landmarks, error) {
	var points liveness.Landmarks
	out, err := f.landmarker.Run(infer.Grey(p.Crop(crop, landmarkSize, landmarkSize), 256))
	if err != nil {
		return points, err
	}
	for i := range points {
		points[i] = liveness.Point{
			X: crop.X + float64(out[0].Data[2*i])*crop.Width,
			Y: crop.Y + float64(out[0].Data[2*i+1])*crop.Height,
		}
	}
	return points, nil
}

// square is the square about a box's centre whose side is the box's height: the crop that the landmark and pose models
// were made for.
func square(b liveness.Box) liveness.Box {
	c := b.Centre()
	return liveness.Box{X: c.X - b.Height/2, Y: c.Y - b.Height/2, Width: b.Height, Height: b.Height}
}

// cropSide is the side of the landmark model's crop over the size (root of the area) of the points' bounds.
const cropSide = 1.35

// cropOf is the landmark model's crop for a face whose landmarks are known.
func cropOf(points liveness.Landmarks) liveness.Box {
	b := bounds(points)
	c, side := b.Centre(), cropSide*math.Sqrt(b.Area())
	return liveness.Box{X: c.X - side/2, Y: c.Y - side/2, Width: side, Height: side}
}

// bounds is the smallest upright box that holds the points.
func bounds(points liveness.Landmarks) liveness.Box {
	least, most := points[0], points[0]
	for _, p := range points {
		least.X, least.Y = min(least.X, p.X), min(least.Y, p.Y)
		most.X, most.Y = max(most.X, p.X), max(most.Y, p.Y)
	}
	return liveness.Box{X: least.X, Y: least.Y, Width: most.X - least.X, Height: most.Y - least.Y}
}

// eyes are the centres of the eyes, the one on the picture's left first.
func eyes(points liveness.Landmarks) (left, right liveness.Point) {
	return centre(points[36:42]), centre(points[42:48])
}

func centre(points []liveness.Point) liveness.Point {
	var c liveness.Point
	for _, p := range points {
		c.X += p.X / float64(len(points))
		c.Y += p.Y / float64(len(points))
	}
	return c
}
