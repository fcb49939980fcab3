package face

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// minUprightFace is the mesh's probability of a face, in its first look and in its last, from which the face stands as the
	// mesh says. It was so sure of 217 of 250 faces. In turned pictures it found 140 upright faces that do not exist, with at most
	// 0.99998.
	minUprightFace = 0.999999
	// sureRoll is the roll in degrees from which a face may be as near to another quarter turn.
	sureRoll = 30
)

// standing is a picture after quarter turns, and what speaks for its largest face standing upright in it.
type standing struct {
	picture *liveness.Picture
	turns   int // that the picture sent had, clockwise: they are undone here
	faces   []liveness.Face
	upright bool    // the face stands nearer to upright than to any other quarter turn
	length  float64 // of the face's embedding, before that is made 1; under 0 without a face
}

// FindUpright rotates the picture by the quarter turns that bring the largest face upright, or nearest to it. It returns the
// faces of the returned picture. That is p itself, unless p was turned by so many quarter turns clockwise. The four quarter turns
// of a picture give the same picture. If none surely shows an upright face, all four decide, whichever was sent.
func (f *Finder) FindUpright(p *liveness.Picture) (upright *liveness.Picture, turns int, faces []liveness.Face, err error) {
	best, sure, err := f.stand(p, 0)
	if err != nil || sure {
		return p, 0, best.faces, err
	}
	for _, turns := range []int{1, -1, 2} {
		other, sure, err := f.stand(p, turns)
		if err != nil {
			return p, 0, nil, err
		}
		if sure || other.beats(best) {
			best = other
		}
		if sure {
			break
		}
	}
	return best.picture, best.turns, best.faces, nil
}

// beats compares two quarter turns of one picture. What the mesh takes for an upright face in a turned picture has a shorter
// embedding.
func (s standing) beats(other standing) bool {
	if s.upright != other.upright {
		return s.upright
	}
	return s.length > other.length
}

// stand finds the faces of a picture whose quarter turns are undone, and reports whether the largest surely stands upright. Where
// that is not sure, it measures what speaks for it.
func (f *Finder) stand(p *liveness.Picture, turns int) (s standing, sure bool, err error) {
	s = standing{picture: p.Rotate(-turns), turns: turns, length: -1}
	oriented, mirrored := s.picture.OrientByLight()
	pyramid := pyramidOf(oriented)
	found, err := f.search(pyramid)
	if err != nil || len(found) == 0 {
		return s, false, err
	}
	s.faces = facesOf(found, mirrored, float64(s.picture.Width))
	m := found[0].mesh
	if m == nil { // the larger ones are not faces
		s.length = 0
		return s, false, nil
	}
	if m.first >= minUprightFace && m.face >= minUprightFace && math.Abs(m.pose.Roll) < sureRoll {
		return s, true, nil
	}
	raw, err := f.rawEmbedding(pyramid, m.landmarks)
	s.upright, s.length = s.faces[0].QuarterTurns() == 0, vectorLength(raw)
	return s, false, err
}
