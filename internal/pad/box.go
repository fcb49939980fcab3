package pad

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// The size of the training boxes over the bounds of the 68 landmarks. The third is the distance of their centre above the bounds'
// centre, in their height. All are medians of 466 pictures.
const (
	boxWidth  = 0.987
	boxHeight = 1.349
	boxAbove  = 0.159
)

// Box returns the face's box as its landmarks have it. They hardly move if a picture is mirrored, compressed or scaled; the
// detector's box does. A face without landmarks has only the detector's.
func Box(face liveness.Face, p *liveness.Picture) liveness.Box {
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, m := range face.Landmarks {
		left, top, right, bottom = min(left, m.X), min(top, m.Y), max(right, m.X), max(bottom, m.Y)
	}
	width, height := boxWidth*(right-left), boxHeight*(bottom-top)
	x, y := (left+right-width)/2, (top+bottom-height)/2-boxAbove*(bottom-top)
	// Boxes were labelled within the picture.
	left, right = max(x, 0), min(x+width, float64(p.Width))
	top, bottom = max(y, 0), min(y+height, float64(p.Height))
	if !(right > left && bottom > top) {
		return face.Box
	}
	return liveness.Box{X: left, Y: top, Width: right - left, Height: bottom - top}
}

// enlargedCrop returns the box enlarged margin times, or as far as the picture allows, and moved into it.
func enlargedCrop(box liveness.Box, margin float64, p *liveness.Picture) liveness.Box {
	width, height := float64(p.Width), float64(p.Height)
	margin = min(margin, width/box.Width, height/box.Height)
	crop := liveness.Box{Width: margin * box.Width, Height: margin * box.Height}
	centre := box.Centre()
	crop.X = min(max(centre.X-crop.Width/2, 0), width-crop.Width)
	crop.Y = min(max(centre.Y-crop.Height/2, 0), height-crop.Height)
	return crop
}
