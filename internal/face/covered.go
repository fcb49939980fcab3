package face

import (
	"slices"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// unsureFace is the detector's confidence from which a box may be a face of which most is covered.
	unsureFace = 0.5
	// sureCovered is the occlusion net's probability of a face from which there is one under what covers it.
	sureCovered = 0.97
)

// covered looks for a face that something hides from the detector and the mesh: the largest that the occlusion net is sure of,
// whose landmarks are no more than a guess.
func (f *Finder) covered(p *liveness.Picture) ([]detected, error) {
	if f.covers == nil {
		return nil, nil
	}
	found, err := f.detect(p, whole(p), unsureFace)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, larger)
	for _, d := range found[:min(len(found), maxDescribed)] {
		m, err := f.settled(p, regionOf(d))
		if err != nil {
			return nil, err
		}
		if cover, err := f.covers.Look(p, m.landmarks); err != nil {
			return nil, err
		} else if cover.Face >= sureCovered {
			d.mesh = &m
			return []detected{d}, nil
		}
	}
	return nil, nil
}
