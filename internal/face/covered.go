package face

import (
	"cmp"
	"slices"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// unsureFace is the detector's confidence from which a box may be a face of which most is covered.
	unsureFace = 0.5
	// sureCovered is the occlusion net's probability of a face from which there is one under what covers it.
	sureCovered = 0.97
)

// covered looks for a face that something hides from the detector and the mesh: what the occlusion net is most sure of, whose
// landmarks are no more than a guess. The picture is looked at as it is and made smaller.
func (f *Finder) covered(p *pyramid) ([]detected, error) {
	if f.covers == nil {
		return nil, nil
	}
	var best []detected
	least := sureCovered
	for _, region := range []liveness.Box{whole(p), about(whole(p), 2)} {
		found, err := f.detect(p, region, unsureFace)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(found, func(a, b detected) int { return cmp.Compare(b.confidence, a.confidence) })
		for _, d := range found[:min(len(found), maxDescribed)] {
			m, err := f.settled(p, regionOf(d))
			if err != nil {
				return nil, err
			}
			cover, err := f.covers.Look(p.Picture, m.landmarks)
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
