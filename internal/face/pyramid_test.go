package face

import (
	"math"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// slope returns a picture that grows brighter evenly, so that every way of shrinking it gives the same.
func slope(width, height int) *liveness.Picture {
	p := liveness.NewPicture(width, height)
	for i := range p.Pixels {
		x, y := i/3%width, i/3/width
		p.Pixels[i] = byte(255 * (x + y) / (width + height))
	}
	return p
}

func TestPyramidIsThePicture(t *testing.T) {
	for _, size := range [][2]int{{640, 480}, {1009, 757}, {90, 1400}} {
		p := slope(size[0], size[1])
		for _, shrink := range []float64{0.7, 1.2, 1.6, 2, 3.3, 7.9} {
			box := liveness.Box{X: 21, Y: 33, Width: 64 * shrink, Height: 48 * shrink}
			turn := liveness.Affine{A: 0.8 * shrink, B: -0.6 * shrink, C: 50, D: 0.6 * shrink, E: 0.8 * shrink, F: 20}
			for name, pair := range map[string][2]*liveness.Picture{
				"crop": {p.Crop(box, 64, 48), (&pyramid{Picture: p}).Crop(box, 64, 48)},
				"warp": {p.Warp(turn, 32, 32), (&pyramid{Picture: p}).Warp(turn, 32, 32)},
			} {
				for i, v := range pair[0].Pixels {
					if math.Abs(float64(v)-float64(pair[1].Pixels[i])) > 3 {
						t.Fatalf("%s of %v by %v: byte %d is %d, not %d", name, size, shrink, i, pair[1].Pixels[i], v)
					}
				}
			}
		}
	}
}
