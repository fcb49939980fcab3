package face

import "github.com/bonafide-id/bonafide/liveness"

// What the detector takes for a face is one when any of three models is sure. The limits were chosen on 746 faces with
// things drawn over them (training/occlusion: none of the 366 that are not occluded is lost, and 26 of the 380
// that are) and on three things that the detector takes for faces, a clock and fruit among them.
const (
	// sureOfFace is the detector's confidence from which there is no doubt.
	sureOfFace = 0.997
	// sureMesh is the mesh's probability of a face from which there is no doubt.
	sureMesh = 0.9
	// leastLength is the length of the embedding, before it is made 1, from which it is that of a face: 2.7 and more for
	// frontal ones.
	leastLength = 2.1
)

// plausible reports whether what the detector took for a face is one. In a turned picture only the mesh can tell: most
// pictures that are turned show none.
func (f *Finder) plausible(p *liveness.Picture, d detected, m mesh) (bool, error) {
	switch {
	case m.face >= sureMesh:
		return true, nil
	case d.angle != 0:
		return false, nil
	case d.confidence >= sureOfFace:
		return true, nil
	}
	raw, err := f.rawEmbedding(p, m.landmarks)
	return err == nil && length(raw) >= leastLength, err
}
