package face

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// pyramid is a picture with its halvings, each made when it is first needed. The models run on one face several times, and on few
// pixels of it. It is not safe for concurrent use.
type pyramid struct {
	*liveness.Picture
	next *pyramid
}

func pyramidOf(p *liveness.Picture) *pyramid { return &pyramid{Picture: stretchContrast(p)} }

func (p *pyramid) halve() *pyramid {
	if p.next == nil {
		p.next = &pyramid{Picture: p.Halve()}
	}
	return p.next
}

// Crop returns Picture.Crop, computed from a halving of the picture.
func (p *pyramid) Crop(box liveness.Box, width, height int) *liveness.Picture {
	if box.Width < 2*float64(width) || box.Height < 2*float64(height) {
		return p.Picture.Crop(box, width, height)
	}
	return p.halve().Crop(liveness.Box{X: box.X / 2, Y: box.Y / 2, Width: box.Width / 2, Height: box.Height / 2}, width, height)
}

// Warp returns Picture.Warp, computed from a halving of the picture.
func (p *pyramid) Warp(m liveness.Affine, width, height int) *liveness.Picture {
	if math.Hypot(m.A, m.D) <= maxShrink {
		return p.Picture.Warp(m, width, height)
	}
	return p.halve().Warp(liveness.Affine{A: m.A / 2, B: m.B / 2, C: m.C / 2, D: m.D / 2, E: m.E / 2, F: m.F / 2}, width, height)
}

// maxShrink is by how much a picture may be made smaller between the pixels without loss: beyond, Warp shrinks by area first,
// at each call.
const maxShrink = 1.5
