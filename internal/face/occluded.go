package face

import (
	"cmp"
	"slices"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// minUnsureFace is the detector's confidence from which a box may be a face of which most is covered.
	minUnsureFace = 0.5
	// minOccluded is the occlusion net's probability of a face from which there is one under what covers it.
	minOccluded = 0.97
)

// findOccluded returns a face that something hides from the detector and the mesh. It is the one with the highest score of the
// occlusion net; its landmarks are only a guess. It is searched at its size and at smaller ones.
func (f *Finder) findOccluded(p *pyramid) ([]detected, error) {
	if f.occlusion == nil {
		return nil, nil
	}
	var best []detected
	least := minOccluded
	for _, region := range []liveness.Box{pictureBox(p), enlargedBox(pictureBox(p), 2)} {
		found, err := f.detect(p, region, minUnsureFace)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(found, func(a, b detected) int { return cmp.Compare(b.confidence, a.confidence) })
		for _, d := range found[:min(len(found), maxDescribed)] {
			m, err := f.refineMesh(p, regionOf(d))
			if err != nil {
				return nil, err
			}
			cover, err := f.occlusion.Run(p.Picture, m.landmarks)
			if err != nil {
				return nil, err
			}
			if cover.Face >= least {
				least, d.mesh = cover.Face, &m
				best = []detected{d}
			}
		}
	}
	return best, nil
}
