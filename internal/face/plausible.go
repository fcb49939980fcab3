package face

import "math"

// What the detector takes for a face is one when the mesh is sure, or when detector, mesh and embedding speak for it together.
// The numbers apply if the mesh is in doubt. They keep the most blurred and occluded faces and the fewest things and textures
// (training/faces/evidence.py).
const (
	// sureMesh is the mesh's probability of a face from which there is no doubt.
	sureMesh = 0.9
	// enough is the minimum evidence for a face. It sums the length of its raw embedding, and the weighted odds of the detector
	// and of the mesh's runs. For one that does not stand upright, as few do, it must be more.
	enough, enoughTurned = 3.0, 4.0
	detectorPart         = 0.25
	meshPart             = 0.08
	// sureLength is the length from which the embedding confirms a detector's likelyFace, whatever the mesh says. Frontal ones
	// have 2.7 and more.
	sureLength, likelyFace = 2.35, 0.95
	// maxOdds bounds odds: what lies beyond is rounding. maxLength is the length that embeddings seldom reach.
	maxOdds, maxLength = 7, 4.5
)

// odds returns the logarithm of the odds of a probability.
func odds(p float64) float64 {
	const tiny = 1e-9
	return min(max(math.Log(max(p, tiny)/max(1-p, tiny)), -maxOdds), maxOdds)
}

// plausible reports whether a detection is a face. Its mesh was run in the region first.
func (f *Finder) plausible(p *pyramid, d detected, r region, m mesh) (bool, error) {
	least := enough
	if r.angle != 0 {
		least = enoughTurned
	}
	sum := detectorPart*odds(d.confidence) + meshPart*(odds(m.first)+odds(m.face))
	if sum+meshPart*maxOdds+maxLength < least {
		return false, nil
	}
	mirrored, err := f.runMirrored(p, r)
	if err != nil {
		return false, err
	}
	raw, err := f.rawEmbedding(p, m.landmarks)
	if err != nil {
		return false, err
	}
	sum += meshPart*odds(mirrored) + vectorLength(raw)
	return sum >= least || r.angle == 0 && d.confidence >= likelyFace && vectorLength(raw) >= sureLength, nil
}
