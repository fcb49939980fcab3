package quality

import "github.com/bonafide-id/bonafide/liveness"

const (
	// forehead is the height from the brows to the hair line over that from the brows to the chin. The median of 328 nearly
	// straight faces is 0.34 up to the top of another detector's box. A little more is not yet cropped.
	forehead = 0.37
	// uncertain is how far the outline may be wrong, as a share of the face's height. It is about one deviation from that
	// detector's boxes of those faces.
	uncertain = 0.02
)

// outline returns the box around the whole face as its landmarks place it, from the hair line to the chin. Unlike the
// detector's box it goes on outside the picture: the landmark model guesses where the missing part is.
func outline(f liveness.Face) liveness.Box {
	least, most := f.Landmarks[0], f.Landmarks[0]
	for _, p := range f.Landmarks {
		least.X, least.Y = min(least.X, p.X), min(least.Y, p.Y)
		most.X, most.Y = max(most.X, p.X), max(most.Y, p.Y)
	}
	top := least.Y - forehead*(most.Y-least.Y)
	return liveness.Box{X: least.X, Y: top, Width: most.X - least.X, Height: most.Y - top}
}

// outside returns how far the face reaches out of the picture, at its worst side, as a share of its width or height.
func outside(p *liveness.Picture, f liveness.Face) float64 {
	b := outline(f)
	if b.Width <= 0 || b.Height <= 0 {
		return 0
	}
	across := max(-b.X, b.X+b.Width-float64(p.Width)) / b.Width
	down := max(-b.Y, b.Y+b.Height-float64(p.Height)) / b.Height
	return max(across, down, 0)
}

// edgeDistance returns the distance in pixels that surely lies between the face and the picture's nearest edge; 0 where the face may
// reach it. The detector's box ends at the edge where the face does not, and the outline is a guess: the nearer one counts.
func edgeDistance(p *liveness.Picture, f liveness.Face) float64 {
	o := outline(f)
	return max(min(boxEdgeDistance(p, f.Box), boxEdgeDistance(p, o))-uncertain*o.Height, 0)
}

// boxEdgeDistance returns that of a box from the picture's nearest edge in pixels, negative outside.
func boxEdgeDistance(p *liveness.Picture, b liveness.Box) float64 {
	return min(b.X, b.Y, float64(p.Width)-b.X-b.Width, float64(p.Height)-b.Y-b.Height)
}

// shorterSide returns a box's shorter side.
func shorterSide(b liveness.Box) float64 { return min(b.Width, b.Height) }

// shareOf returns the larger of a box's shares of the picture's width and height.
func shareOf(p *liveness.Picture, b liveness.Box) float64 {
	return max(b.Width/float64(p.Width), b.Height/float64(p.Height))
}
