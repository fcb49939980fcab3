// Package edits finds signs that a recording was put together and not filmed in one go. These are joints between parts, held
// frames, a face that does not move with its mouth, and people who take turns. Trace gathers what is needed while a recording is decoded; no frame is kept.
package edits

import (
	"math"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// PatchSide is the side, in pixels, of the grey square about the face that is kept of each frame. patchWidth is what it
	// shows, in pupil distances: from the hair to below the chin.
	PatchSide  = 96
	patchWidth = 3.6

	// SceneWidth and SceneHeight are the size of the grey thumbnail that is kept of each whole frame, in pixels.
	SceneWidth, SceneHeight = 64, 48

	// CellsAcross is how many cells the square has along one side for the measures that are taken from the frame's own pixels.
	CellsAcross = 12

	// maxFrames bounds what is kept, 13 KB a frame: the media package passes on at most 1200 frames.
	maxFrames = 1500
)

// Trace gathers what is needed of one recording. It is for one goroutine.
type Trace struct {
	Frames []Frame

	width, height int  // of the frames
	before, spare luma // of the last frame, and memory to write the next one over
}

// Frame is what is kept of one frame that shows the face.
type Frame struct {
	At        time.Duration
	Landmarks liveness.Landmarks
	// Centre and Step are the middle of Patch in pixels of the frame, and how many of them one pixel of Patch is wide.
	Centre liveness.Point
	Step   float64
	// Patch is the luma of the square about the face, upright in the frame, 0..255, row-major.
	Patch [PatchSide * PatchSide]uint8
	// Scene is the luma of the whole frame, 0..255, row-major.
	Scene [SceneHeight * SceneWidth]uint8
	// Detail is the mean absolute Laplacian of the frame's luma in each cell of the square. Change is the mean absolute
	// difference from the frame before at the same place; 0 in the first frame.
	Detail, Change [CellsAcross * CellsAcross]float32
	// Equal is the share of the frame's pixels that are exactly those of the frame before; 0 in the first frame.
	Equal float64
}

// luma is the brightness of a frame, 0..255, row-major.
type luma struct {
	pixels        []uint8
	width, height int
}

// Add takes a frame with its face. Frames beyond the most that are kept, and faces without usable landmarks, are left out.
func (t *Trace) Add(p *liveness.Picture, f liveness.Face, at time.Duration) {
	centre, scale := place(&f.Landmarks)
	if len(t.Frames) >= maxFrames || !(scale >= 4 && scale < 1e5) || !(math.Abs(centre.X)+math.Abs(centre.Y) < 1e6) {
		return
	}
	t.Frames = append(t.Frames, Frame{At: at, Landmarks: f.Landmarks, Centre: centre, Step: scale * patchWidth / PatchSide})
	n := &t.Frames[len(t.Frames)-1]
	t.width, t.height = p.Width, p.Height
	side := scale * patchWidth
	box := liveness.Box{X: centre.X - side/2, Y: centre.Y - side/2, Width: side, Height: side}
	toLuma(p.Crop(box, PatchSide, PatchSide).Pixels, n.Patch[:])
	toLuma(p.Crop(liveness.Box{Width: float64(p.Width), Height: float64(p.Height)}, SceneWidth, SceneHeight).Pixels, n.Scene[:])
	now := t.spare
	if len(now.pixels) != p.Width*p.Height {
		now.pixels = make([]uint8, p.Width*p.Height)
	}
	now.width, now.height = p.Width, p.Height
	toLuma(p.Pixels, now.pixels)
	now.measure(t.before, box, n)
	t.before, t.spare = now, t.before
}

// toLuma turns RGB pixels into brightness (ITU-R BT.601).
func toLuma(rgb []byte, out []uint8) {
	for i := range out {
		c := rgb[3*i : 3*i+3 : 3*i+3]
		out[i] = uint8((77*uint32(c[0]) + 150*uint32(c[1]) + 29*uint32(c[2]) + 128) >> 8)
	}
}

// measure takes from the frame's own pixels the detail and the change in each cell of a box.
func (l luma) measure(before luma, box liveness.Box, n *Frame) {
	compared := len(before.pixels) == len(l.pixels) && before.width == l.width
	if compared {
		equal := 0
		for i, v := range l.pixels {
			if v == before.pixels[i] {
				equal++
			}
		}
		n.Equal = float64(equal) / float64(max(len(l.pixels), 1))
	}
	step := box.Width / CellsAcross
	for cell := range n.Detail {
		x, y := box.X+step*float64(cell%CellsAcross), box.Y+step*float64(cell/CellsAcross)
		left, right := int(max(x, 1)), int(min(x+step, float64(l.width-1)))
		top, bottom := int(max(y, 1)), int(min(y+step, float64(l.height-1)))
		detail, change := 0, 0
		for v := top; v < bottom; v++ {
			for i := v*l.width + left; i < v*l.width+right; i++ {
				c := int(l.pixels[i])
				detail += absolute(4*c - int(l.pixels[i-1]) - int(l.pixels[i+1]) - int(l.pixels[i-l.width]) - int(l.pixels[i+l.width]))
				if compared {
					change += absolute(c - int(before.pixels[i]))
				}
			}
		}
		if area := (right - left) * (bottom - top); right > left && bottom > top {
			n.Detail[cell], n.Change[cell] = float32(detail)/float32(area), float32(change)/float32(area)
		}
	}
}

func absolute(v int) int {
	if v < 0 {
		return -v
	}
	return v
}

// reference is where the points of a face lie that speech does not move, in pupil distances from the middle between the eyes.
// They are the centres of the two eyes, and the root, the tip and the base of the nose.
var reference = []liveness.Point{{X: -0.5}, {X: 0.5}, {Y: -0.070}, {Y: 0.570}, {Y: 0.789}}

// rigid picks the same five points of a face, in pixels.
func rigid(l *liveness.Landmarks) []liveness.Point {
	return []liveness.Point{liveness.Centre(l[36:42]), liveness.Centre(l[42:48]), l[27], l[30], l[33]}
}

// place returns the middle of the rigid points and the pupil distance that fits them best, in pixels.
func place(l *liveness.Landmarks) (centre liveness.Point, scale float64) {
	points := rigid(l)
	m := liveness.FitSimilarity(reference, points)
	return liveness.Centre(points), math.Hypot(m.A, m.D)
}

// Crop returns the square about a face, so many pupil distances wide, with the eyes level, as a picture of so many pixels a side.
func Crop(p *liveness.Picture, l liveness.Landmarks, width float64, side int) *liveness.Picture {
	points := rigid(&l)
	m := liveness.FitSimilarity(reference, points)
	c := liveness.Centre(reference)
	step := width / float64(side)
	left, top := c.X-width/2, c.Y-width/2
	return p.Warp(liveness.Affine{
		A: m.A * step, B: m.B * step, C: m.A*left + m.B*top + m.C,
		D: m.D * step, E: m.E * step, F: m.D*left + m.E*top + m.F,
	}, side, side)
}
