package face

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// minUprightFace is the mesh's probability of a face from which its angle is right. Of 118 upright people it was at least
// 0.99997. If a face is upside down, the mesh often finds an upright one, seldom with this probability.
const minUprightFace = 0.99999

// quarters are the angles of the quarter turns, in radians clockwise.
var quarters = []float64{math.Pi / 2, -math.Pi / 2, math.Pi}

// FindUpright rotates the picture by the quarter turns that bring the largest face upright, or nearest to it. It returns the
// faces of the returned picture. That is p itself, unless p was turned by so many quarter turns clockwise.
func (f *Finder) FindUpright(p *liveness.Picture) (upright *liveness.Picture, turns int, faces []liveness.Face, err error) {
	faces, turns, sure, err := f.findWithTurns(p)
	if err != nil || sure && turns == 0 {
		return p, 0, faces, err
	}
	if !sure { // what was found may be no face, and the face one that is only found where it is upright
		least := minUprightFace
		if len(faces) == 0 {
			least = minTurnedFace
		}
		if better, err := f.findUprightTurns(p, least); err != nil {
			return p, 0, nil, err
		} else if better != 0 {
			turns = better
		}
	}
	if turns == 0 {
		return p, 0, faces, nil
	}
	upright = p.Rotate(-turns)
	found, rest, _, err := f.findWithTurns(upright)
	if err != nil || len(found) == 0 || rest != 0 {
		return p, 0, faces, err
	}
	return upright, turns, found, nil
}

// quarterTurns returns by how many quarter turns, -1 to 2, a face is turned clockwise, and whether the mesh is sure of that.
func (f *Finder) quarterTurns(p *pyramid, d detected) (turns int, sure bool, err error) {
	if d.mesh == nil {
		return 0, false, nil
	}
	best := *d.mesh
	for _, angle := range quarters {
		if best.face >= minUprightFace {
			break
		}
		m, err := f.refineMesh(p, regionOf(detected{box: d.box, angle: angle}))
		if err != nil {
			return 0, false, err
		}
		if m.face > best.face && m.face >= minTurnedFace {
			best = m
		}
	}
	return turnsOf(best), best.face >= minUprightFace, nil
}

// findUprightTurns returns the quarter turns after whose undoing the picture surely shows an upright face, or 0. The mesh's
// probability must be at least the given one. It looks for large faces only.
func (f *Finder) findUprightTurns(p *liveness.Picture, least float64) (int, error) {
	for _, turns := range []int{1, -1, 2} {
		pyramid := pyramidOf(p.Rotate(-turns))
		found, err := f.searchIn(pyramid, []liveness.Box{pictureBox(pyramid), enlargedBox(pictureBox(pyramid), 2)}, nil)
		if err != nil {
			return 0, err
		}
		if len(found) > 0 && found[0].mesh != nil && found[0].mesh.face >= least && turnsOf(*found[0].mesh) == 0 {
			return turns, nil
		}
	}
	return 0, nil
}

func turnsOf(m mesh) int {
	return liveness.Face{Pose: m.pose}.QuarterTurns()
}
