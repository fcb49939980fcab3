package face

import "github.com/bonafide-id/bonafide/liveness"

const (
	// mostDoubt is the doubt of the pose (see pose) up to which it is that of a face: it is under 4 on faces, profiles
	// too, up to 6 on masked ones, and 6 to 11 on things that the detector takes for a face.
	mostDoubt = 5
	// leastLength is the length of the embedding, before it is made 1, from which it is that of a face: those of frontal
	// faces, masked ones too, are 2.7 and more, those of things at most 2.1.
	leastLength = 2.4
)

// plausible reports whether what the detector took for a face is one. Either model's word is enough: the pose model
// doubts masks, and the embeddings of profiles are short.
func (f *Finder) plausible(p *liveness.Picture, points liveness.Landmarks, doubt float64) (bool, error) {
	if doubt <= mostDoubt {
		return true, nil
	}
	raw, err := f.rawEmbedding(p, points)
	return err == nil && length(raw) >= leastLength, err
}
