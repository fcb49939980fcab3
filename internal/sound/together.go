package sound

import (
	"math"
	"slices"
	"time"

	"github.com/bonafide-id/bonafide/internal/phrase"
	"github.com/bonafide-id/bonafide/liveness"
)

// together is how the lips' posteriors are read beside the sound.
type together struct {
	logistic
	// Lips weighs the lips' posteriors.
	Lips phrase.Weights `json:"lips"`
}

// Mouth is what the lips' model saw.
type Mouth struct {
	// Posteriors has log probabilities of phrase.Classes classes for each picture, 25 a second.
	Posteriors []float32
	// Start is the first picture's time in the recording.
	Start time.Duration
}

const (
	pictureRate = 25
	// furthest is how far the sound is moved against the mouth to find the best place, in rows: 0.6 s.
	furthest = RowRate * 6 / 10
	// tolerance is how late or early an honest recorder's sound may be, in rows: 160 ms.
	tolerance = RowRate * 16 / 100
	// disagreement is what pictures and sound that have nothing in common are worth at least, so that no picture spoils all.
	disagreement = 0.1
)

// Comparison is how a mouth and the sound go together.
type Comparison struct {
	// Offset is how much later the sound comes than the mouth, where the two agree best, within 0.6 s.
	Offset time.Duration
	// Agreement is the mean log ratio, over the time of speech, of mouth and sound showing the same state of the same
	// digit to their doing so by chance, at the best offset that honest recorders have (within 160 ms). Above 0.5 the
	// mouth moves with the sound; a still face and another's voice are below 0.
	Agreement float64
	// Score is the probability that the mouth says the phrase at the times at which the sound does. It is the lips'
	// evidence: the sound only says where to look.
	Score liveness.Score
}

// Compare lays the sound over the mouth. A phrase that is not of digits, or that is too long for the recording, and a
// hearing or mouth without rows score 0.
func (h *Hearing) Compare(digits string, mouth Mouth) Comparison {
	claimed, ok := phrase.Parse(digits)
	if !ok || h.evidence.Rows() < len(claimed)*phrase.States || len(mouth.Posteriors) < phrase.Classes {
		return Comparison{}
	}
	c, features := h.compare(claimed, mouth)
	c.Score = h.parameters.Together.score(features)
	return c
}

// togetherFeatures is the number of features of Compare's score.
const togetherFeatures = 5

// compare gives the features, each the larger the better:
//
//	0  Comparison.Agreement
//	1  by how much it exceeds the agreement at the offsets that honest recorders do not have
//	2  mean over the phrase's digits of the log probability, among the ten digits, of what the lips show at its time
//	3  the same, mean of the worst two
//	4  mean over the digits of the log-likelihood ratio of the lips' showing it to their showing no digit, a picture
func (h *Hearing) compare(claimed []int, mouth Mouth) (Comparison, []float64) {
	agreement := h.agreement(mouth)
	near := agreement[furthest-tolerance : furthest+tolerance+1]
	peak := slices.Max(near)
	var far float64 // mean of exp(3 x): its larger values count
	for i, a := range agreement {
		if i < furthest-tolerance || i > furthest+tolerance {
			far += math.Exp(3*a) / float64(len(agreement)-len(near))
		}
	}
	offset := slices.Index(near, peak) - tolerance
	fits, ratio := h.windows(claimed, mouth, offset)
	slices.Sort(fits)
	worst := fits[:min(2, len(fits))]
	best := slices.Index(agreement, slices.Max(agreement)) - furthest
	return Comparison{Offset: at(best), Agreement: peak},
		[]float64{peak, peak - math.Log(far)/3, mean(fits), mean(worst), ratio}
}

func mean(all []float64) float64 {
	var sum float64
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

// agreement is the mean log ratio of Comparison for each offset from -furthest to furthest.
func (h *Hearing) agreement(mouth Mouth) []float64 {
	seen := h.parameters.Together.Lips.Ratios(mouth.Posteriors)
	heard := make([]float64, len(h.Posteriors)) // probabilities
	for i, v := range h.Posteriors {
		heard[i] = math.Exp(float64(v))
	}
	rows := len(heard) / phrase.Classes
	first := int(math.Round(mouth.Start.Seconds() * RowRate))
	out := make([]float64, 0, 2*furthest+1)
	for offset := -furthest; offset <= furthest; offset++ {
		var sum, speech float64
		for i := range len(seen) / phrase.Classes {
			// A picture is shown for two rows.
			for row := first + 2*i + offset; row < first+2*i+offset+2; row++ {
				if row < 0 || row >= rows {
					continue
				}
				p, q := heard[row*phrase.Classes:(row+1)*phrase.Classes], seen[i*phrase.Classes:(i+1)*phrase.Classes]
				var same float64
				for c := range q {
					same += p[c] * q[c]
				}
				sum += (1 - p[0]) * math.Log(disagreement+same)
				speech += 1 - p[0]
			}
		}
		out = append(out, sum/max(speech, RowRate/10))
	}
	return out
}

// unlikely is what a digit is worth whose time is outside of what was seen of the mouth.
const unlikely = -10

// windows looks at the lips where the sound, moved by offset rows, says the phrase's digits: each digit's log
// probability among the ten, and the mean over the digits of the log-likelihood ratio to a gap, a picture.
func (h *Hearing) windows(claimed []int, mouth Mouth, offset int) (fits []float64, ratio float64) {
	seen := h.parameters.Together.Lips.Weigh(mouth.Posteriors)
	first := int(math.Round(mouth.Start.Seconds() * RowRate))
	const shortest = phrase.States + 1 // pictures
	for i, span := range h.evidence.Path(claimed) {
		from := int(math.Round(float64(span.From-offset-first) / 2))
		to := int(math.Round(float64(span.To-offset-first) / 2))
		if short := shortest - (to - from); short > 0 {
			from -= (short + 1) / 2
			to += short / 2
		}
		from, to = max(from, 0), min(to, seen.Rows())
		if to-from < phrase.States {
			fits = append(fits, unlikely)
			ratio += unlikely / float64(len(claimed))
			continue
		}
		window := phrase.Span{From: from, To: to}
		fits = append(fits, seen.LogFit(window, claimed[i]))
		ratio += seen.Ratio(window, claimed[i]) / float64(to-from) / float64(len(claimed))
	}
	return fits, ratio
}
