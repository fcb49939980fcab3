package face

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// embeddingSize is the width and height of the embedding model's input in pixels.
const embeddingSize = 112

// template is where the embedding model expects the eyes, the nose's tip and the corners of the mouth in its input.
// These are the points of the model's own package, which are those of ArcFace.
var template = []liveness.Point{{X: 38.29, Y: 51.70}, {X: 73.53, Y: 51.50}, {X: 56.03, Y: 71.74}, {X: 41.55, Y: 92.37}, {X: 70.73, Y: 92.20}}

// normalise returns a raw embedding made 1 long; those of one person are close.
func normalise(raw []float32) []float32 {
	size := float32(vectorLength(raw) + 1e-12)
	v := make([]float32, len(raw))
	for i, x := range raw {
		v[i] = x / size
	}
	return v
}

// rawEmbedding describes a face by a vector. Its direction tells whose it is (unit, likeness), and its length how much like an upright face the crop is.
func (f *Finder) rawEmbedding(p *pyramid, points liveness.Landmarks) ([]float32, error) {
	left, right := eyes(points)
	anchors := []liveness.Point{left, right, points[30], points[48], points[54]}
	aligned := p.Warp(liveness.FitSimilarity(template, anchors), embeddingSize, embeddingSize)
	out, err := f.identifier.RunPictures(detectorColours, aligned)
	if err != nil {
		return nil, err
	}
	return out[0].Data, nil
}

func vectorLength(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// similarity returns the cosine of two embeddings, -1..1.
func similarity(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
