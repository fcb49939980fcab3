package face

import "github.com/bonafide-id/bonafide/liveness"

// What the detector takes for a face is one when the mesh or the detector is sure, or when the embedding of a likely one is that
// of a face. The limits were chosen on 542 pictures of things (the parts of pictures, and drawings) and on 214 faces with things
// before them (training/faces/faults.py).
const (
	// sureMesh is the mesh's probability of a face from which there is no doubt.
	sureMesh = 0.9
	// sureOfFace is the detector's confidence from which there is no doubt, and likelyFace that under which only the mesh can
	// tell.
	sureOfFace, likelyFace = 0.997, 0.95
	// leastLength is the length of the embedding, before it is made 1, from which it is that of a face: 2.7 and more for
	// frontal ones.
	leastLength = 2.2
)

// plausible reports whether what the detector took for a face is one. In a turned picture only the mesh can tell: most
// pictures that are turned show none.
func (f *Finder) plausible(p *liveness.Picture, d detected, m mesh) (bool, error) {
	switch {
	case m.face >= sureMesh:
		return true, nil
	case d.angle != 0 || d.confidence < likelyFace:
		return false, nil
	case d.confidence >= sureOfFace:
		return true, nil
	}
	raw, err := f.rawEmbedding(p, m.landmarks)
	return err == nil && length(raw) >= leastLength, err
}
