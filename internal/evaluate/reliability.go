package evaluate

// Reliability holds calibrated scores against the share of positives (bona fide, genuine) that they promise.
//
// A set rarely has the share of positives that the scores were calibrated for. So positives and negatives are weighted to that
// share, to measure the scores and not the set's mixture.
type Reliability struct {
	// Prior is the share of positives that the scores were calibrated for.
	Prior float64 `json:"prior"`
	// ECE is the expected calibration error (Guo et al. 2017, ten bins of equal width). It is the weighted mean distance of a
	// bin's mean score from its share of positives.
	ECE float64 `json:"ece"`
	// Bins are those with scores in them, by rising score.
	Bins []ReliabilityBin `json:"bins"`
}

// ReliabilityBin is the scores from Low to under High; the last bin has 1 too.
type ReliabilityBin struct {
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Positives int     `json:"positives"`
	Negatives int     `json:"negatives"`
	// Score is the weighted mean, Share the weighted share of positives with its interval.
	Score      float64  `json:"score"`
	Share      float64  `json:"share"`
	Interval95 Interval `json:"interval95"`
}

const reliabilityBins = 10

// reliability returns nil when there are no samples of one kind. Scores are 0 to 1.
func reliability(samples []sample, prior float64) *Reliability {
	positives, negatives := split(samples, func(s sample) bool { return s.positive })
	if len(positives) == 0 || len(negatives) == 0 {
		return nil
	}
	r := &Reliability{Prior: prior, Bins: []ReliabilityBin{}}
	weight := map[bool]float64{true: prior / float64(len(positives)), false: (1 - prior) / float64(len(negatives))}
	var sums [reliabilityBins]float64 // of the weighted scores
	var bins [reliabilityBins]ReliabilityBin
	for _, s := range samples {
		i := min(max(int(s.score*reliabilityBins), 0), reliabilityBins-1)
		sums[i] += weight[s.positive] * s.score
		if s.positive {
			bins[i].Positives++
		} else {
			bins[i].Negatives++
		}
	}
	for i, b := range bins {
		if b.Positives+b.Negatives == 0 {
			continue
		}
		b.Low, b.High = float64(i)/reliabilityBins, float64(i+1)/reliabilityBins
		p, n := weight[true]*float64(b.Positives), weight[false]*float64(b.Negatives)
		b.Score, b.Share = sums[i]/(p+n), p/(p+n)
		counted := rateInterval(b.Positives, b.Positives+b.Negatives)
		b.Interval95 = Interval{reweigh(counted.Low, weight), reweigh(counted.High, weight)}
		r.ECE += (p + n) * max(b.Score-b.Share, b.Share-b.Score)
		r.Bins = append(r.Bins, b)
	}
	return r
}

// reweigh turns a share of the counted samples into one of the weighted samples.
func reweigh(share float64, weight map[bool]float64) float64 {
	p, n := share*weight[true], (1-share)*weight[false]
	return p / (p + n)
}
