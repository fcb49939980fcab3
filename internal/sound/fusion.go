package sound

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/bonafide-id/bonafide/internal/phrase"
	"github.com/bonafide-id/bonafide/liveness"
)

// fusion is how the lips' posteriors are read beside the sound.
type fusion struct {
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
	// maxOffset is how far the sound is moved against the mouth to find the best place, in rows: 0.6 s.
	maxOffset = RowRate * 6 / 10
	// tolerance is how late or early an honest recorder's sound may be, in rows: 160 ms.
	tolerance = RowRate * 16 / 100
	// maxDisagreement is what pictures and sound that have nothing in common are worth at least, so that no picture spoils all.
	maxDisagreement = 0.1
)

// Comparison is how a mouth and the sound go together.
type Comparison struct {
	// Offset is how much later the sound comes than the mouth, where the two agree best, within 0.6 s.
	Offset time.Duration
	// Agreement is the mean log ratio, over the time of speech, of mouth and sound showing the same state of the same digit, to
	// chance. It is taken at the best offset that honest recorders have (within 160 ms). Above 0.5 the mouth moves with the
	// sound; a still face and another's voice are below 0.
	Agreement float64
	// Score is the probability that the mouth says the phrase at the times at which the sound does. It is the lips'
	// evidence: the sound only says where to look.
	Score liveness.Score
}

// Combination is what the sound does to the score of a recording.
type Combination struct {
	// Score is the recording's, with the sound: the lesser of Spoken and of Comparison.Score; the lips' own where nobody
	// speaks.
	Score liveness.Score
	// Spoken is the probability that the spoken digits are the phrase, and Comparison how the mouth goes with them; both
	// are zero where nobody speaks.
	Spoken     liveness.Score
	Comparison Comparison
}

// Combine returns the score of a recording whose lips alone score alone. If somebody speaks, the lips
// are read again at the times of the spoken digits, which beats reading them without; the sound itself only lowers.
func (h *Analysis) Combine(digits string, mouth Mouth, alone liveness.Score) Combination {
	if !h.HasSpeech() {
		return Combination{Score: alone}
	}
	j := Combination{Spoken: h.Score(digits), Comparison: h.Compare(digits, mouth)}
	j.Score = min(j.Spoken, j.Comparison.Score)
	return j
}

// Compare lays the sound over the mouth. A phrase that is not of digits, or that is too long for the recording, and a
// hearing or mouth without rows score 0.
func (h *Analysis) Compare(digits string, mouth Mouth) Comparison {
	claimed, ok := phrase.Parse(digits)
	if !ok || h.evidence.Rows() < len(claimed)*phrase.States || len(mouth.Posteriors) < phrase.Classes {
		return Comparison{}
	}
	c, features := h.compare(claimed, mouth)
	c.Score = h.parameters.Fusion.score(features)
	return c
}

// fusionFeatures is the number of features of Compare's score.
const fusionFeatures = 5

// compare returns the features, larger if mouth and sound agree better.
//
//	0  Comparison.Agreement
//	1  by how much it exceeds the agreement at the offsets that honest recorders do not have
//	2  mean over the phrase's digits of the log probability, among the ten digits, of what the lips show at its time
//	3  the same, mean of the worst two
//	4  mean over the digits of the log-likelihood ratio of the lips' showing it to their showing no digit, a picture
func (h *Analysis) compare(claimed []int, mouth Mouth) (Comparison, []float64) {
	agreement := h.agreement(mouth)
	near := agreement[maxOffset-tolerance : maxOffset+tolerance+1]
	peak := slices.Max(near)
	far := slices.Concat(agreement[:maxOffset-tolerance], agreement[maxOffset+tolerance+1:])
	var tallest float64 // mean of exp(3 x): the larger values count
	for _, a := range far {
		tallest += math.Exp(3*a) / float64(len(far))
	}
	fits, ratio := h.windows(claimed, mouth, slices.Index(near, peak)-tolerance)
	slices.Sort(fits)
	best := slices.Index(agreement, slices.Max(agreement)) - maxOffset
	return Comparison{Offset: rowTime(best), Agreement: peak}, []float64{
		peak, peak - math.Log(tallest)/3, stat.Mean(fits, nil), stat.Mean(fits[:min(2, len(fits))], nil), ratio,
	}
}

// agreement returns the mean log ratio of Comparison for each offset from -furthest to furthest.
func (h *Analysis) agreement(mouth Mouth) []float64 {
	seen := h.parameters.Fusion.Lips.Ratios(mouth.Posteriors)
	heard := make([]float64, len(h.Posteriors)) // probabilities
	for i, v := range h.Posteriors {
		heard[i] = math.Exp(float64(v))
	}
	rows := len(heard) / phrase.Classes
	first := int(math.Round(mouth.Start.Seconds() * RowRate))
	out := make([]float64, 0, 2*maxOffset+1)
	for offset := -maxOffset; offset <= maxOffset; offset++ {
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
				sum += (1 - p[0]) * math.Log(maxDisagreement+same)
				speech += 1 - p[0]
			}
		}
		out = append(out, sum/max(speech, RowRate/10))
	}
	return out
}

// minLogLikelihood is what a digit is worth whose time is outside of what was seen of the mouth.
const minLogLikelihood = -10

// windows scores the lips at the times of the sound's digits, moved by offset rows. It returns each digit's log probability among
// the ten, and the mean log-likelihood ratio to a gap, a picture.
func (h *Analysis) windows(claimed []int, mouth Mouth, offset int) (fits []float64, ratio float64) {
	seen := h.parameters.Fusion.Lips.Weigh(mouth.Posteriors)
	first := int(math.Round(mouth.Start.Seconds() * RowRate))
	for i, span := range h.evidence.Align(claimed) {
		window := pictures(span, offset+first, seen.Rows())
		fit, rate := float64(minLogLikelihood), float64(minLogLikelihood)
		if length := window.To - window.From; length >= phrase.States {
			fit = seen.LogFit(window, claimed[i])
			rate = seen.Ratio(window, claimed[i]) / float64(length)
		}
		fits = append(fits, fit)
		ratio += rate / float64(len(claimed))
	}
	return fits, ratio
}

// pictures returns the span of the mouth's pictures, of which there are count, at the time of a span of rows, moved by offset.
// Where there are as many, it has enough of them for every state.
func pictures(span phrase.Span, offset, count int) phrase.Span {
	from := int(math.Round(float64(span.From-offset) / 2))
	to := int(math.Round(float64(span.To-offset) / 2))
	if short := phrase.States + 1 - (to - from); short > 0 {
		from -= (short + 1) / 2
		to += short / 2
	}
	return phrase.Span{From: max(from, 0), To: min(to, count)}
}
