package face

import "github.com/bonafide-id/bonafide/liveness"

// What the detector takes for a face is one when any of three models is sure. The limits were chosen on 746 faces with
// things drawn over them (training/occlusion/render.py: none of the 366 that are not occluded is lost, and 26 of the 380
// that are) and on three things that the detector takes for faces, a clock and fruit among them.
const (
	// sureOfFace is the detector's confidence from which there is no doubt.
	sureOfFace = 0.997
	// mostDoubt is the doubt of the pose (see pose) up to which it is that of a face: under 4 for free faces, profiles too.
	mostDoubt = 6.2
	// leastLength is the length of the embedding, before it is made 1, from which it is that of a face: 2.7 and more for
	// frontal ones.
	leastLength = 2.1
)

// plausible reports whether what the detector took for a face is one.
func (f *Finder) plausible(p *liveness.Picture, face liveness.Face, doubt float64) (bool, error) {
	if face.Confidence >= sureOfFace || doubt <= mostDoubt {
		return true, nil
	}
	raw, err := f.rawEmbedding(p, face.Landmarks)
	return err == nil && length(raw) >= leastLength, err
}
