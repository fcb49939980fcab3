package face

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// sureUpright is the mesh's probability of a face from which it stands as the mesh says: of 118 people that stand upright it was
// at least 0.99997. Where a face is upside down, the mesh often finds an upright one, of which it is seldom as sure.
const sureUpright = 0.99999

// quarters are the angles of the quarter turns, in radians clockwise.
var quarters = []float64{math.Pi / 2, -math.Pi / 2, math.Pi}

// FindUpright is Find after the quarter turns that bring the largest face upright, or nearest to it: the faces are those of the
// picture that it returns. That is p itself, unless p was turned by so many quarter turns clockwise.
func (f *Finder) FindUpright(p *liveness.Picture) (upright *liveness.Picture, turns int, faces []liveness.Face, err error) {
	faces, turns, err = f.find(p)
	if err != nil || len(faces) > 0 && turns == 0 {
		return p, 0, faces, err
	}
	tries := []int{turns}
	if len(faces) == 0 {
		tries = []int{1, -1, 2}
	}
	for _, turns := range tries {
		upright := p.Turned(-turns)
		if len(faces) == 0 {
			if seen, err := f.seesUpright(upright); err != nil {
				return p, 0, nil, err
			} else if !seen {
				continue
			}
		}
		found, rest, err := f.find(upright)
		if err != nil {
			return p, 0, nil, err
		}
		if len(found) > 0 && rest == 0 {
			return upright, turns, found, nil
		}
	}
	return p, 0, faces, nil
}

// quarterTurns is by how many quarter turns, -1 to 2, a face is turned clockwise.
func (f *Finder) quarterTurns(p *pyramid, d detected) (int, error) {
	if d.mesh == nil {
		return 0, nil
	}
	best := *d.mesh
	if turns := turnsOf(best); turns != 0 || best.face >= sureUpright {
		return turns, nil
	}
	for _, angle := range quarters {
		m, err := f.settled(p, regionOf(detected{box: d.box, angle: angle}))
		if err != nil {
			return 0, err
		}
		if m.face > best.face && m.face >= sureTurned {
			best = m
		}
	}
	return turnsOf(best), nil
}

func turnsOf(m mesh) int {
	return liveness.Face{Pose: m.pose}.QuarterTurns()
}

// seesUpright reports, after a short look, whether a picture surely shows an upright face.
func (f *Finder) seesUpright(p *liveness.Picture) (bool, error) {
	pyramid := pyramidOf(p)
	found, err := f.searchIn(pyramid, []liveness.Box{whole(pyramid), about(whole(pyramid), 2)}, nil)
	if err != nil || len(found) == 0 || found[0].mesh == nil {
		return false, err
	}
	return found[0].mesh.face >= sureTurned && turnsOf(*found[0].mesh) == 0, nil
}
