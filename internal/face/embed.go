package face

import "github.com/bonafide-id/bonafide/liveness"

// Embed describes whose face it is by a vector: those of one person point the same way. A short vector (under 2.75) is of a face that
// is too blurred, or too little of a face, to tell.
func (f *Finder) Embed(p *liveness.Picture, points liveness.Landmarks) ([]float32, error) {
	return f.rawEmbedding(pyramidOf(p), points)
}
