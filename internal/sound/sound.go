// Package sound scores how well the spoken digits of a recording fit a phrase, and whether the mouth moves with them. It does not
// decode recordings. Sound is further evidence beside the lips: it may lower the lips' score, and tells them where a digit begins
// and ends. A recording without speech is scored by its lips alone.
package sound

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/phrase"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// RowRate is the number of rows of Hearing.Posteriors a second.
	RowRate = Rate / hop / joinedRows
	// joinedRows is how many spectra the model makes one row of.
	joinedRows = 2
	// longest is the most of a recording that is listened to, in samples: a minute.
	longest = 60 * Rate
)

// parameters is models/sound.json: what was fitted on people that the model was not trained on.
type parameters struct {
	phrase.Weights
	// Insertion is what a digit that is heard costs (phrase.Evidence.Free).
	Insertion float64 `json:"insertion"`
	// Phrase calibrates Hearing.Score.
	Phrase logistic `json:"phrase"`
	// Fusion calibrates Hearing.Compare.
	Fusion fusion `json:"together"`
}

// logistic is a logistic regression.
type logistic struct {
	Weights []float64 `json:"weights"`
	Bias    float64   `json:"bias"`
}

// score returns the probability for the features, of which there are as many as weights.
func (l logistic) score(features []float64) liveness.Score {
	z := l.Bias
	for i, w := range l.Weights {
		z += w * features[i]
	}
	return liveness.Score(1 / (1 + math.Exp(-z)))
}

func (p *parameters) check() error {
	if !p.Valid() || !p.Fusion.Lips.Valid() || len(p.Phrase.Weights) != phraseFeatures || len(p.Fusion.Weights) != fusionFeatures {
		return fmt.Errorf("models/sound.json does not fit the program: %d and %d weights", len(p.Phrase.Weights), len(p.Fusion.Weights))
	}
	return nil
}

// Reader listens to recordings. It is safe for concurrent use.
type Reader struct {
	model      *infer.Model
	parameters parameters
}

// New loads the model "sound".
func New(library *infer.Library) (*Reader, error) {
	model, err := library.Model("sound")
	if err != nil {
		return nil, err
	}
	raw, err := model.Parameters()
	if err != nil {
		return nil, err
	}
	l := &Reader{model: model}
	if err := json.Unmarshal(raw, &l.parameters); err != nil {
		return nil, fmt.Errorf("models/sound.json: %w", err)
	}
	return l, l.parameters.check()
}

// Model names the weights, for a verdict.
func (l *Reader) Model() liveness.ModelRef { return l.model.Ref() }

// Read runs the model on mono samples at 16 kHz, which begin with the recording. What comes after a minute is not
// listened to. A track that is too quiet or too short to hold a voice gives a hearing without rows: nobody speaks in it.
func (l *Reader) Read(samples []int16) (*Analysis, error) {
	samples = samples[:min(len(samples), longest)]
	samples = samples[:len(samples)-len(samples)%(hop*joinedRows)]
	if !isAudible(samples) {
		return l.parameters.analyse(nil), nil
	}
	spectra := Spectra(samples)
	count := len(spectra) / Bands
	outputs, err := l.model.Run(infer.Tensor{Shape: []int64{1, int64(count), Bands}, Data: spectra})
	if err != nil {
		return nil, err
	}
	if len(outputs) == 0 || len(outputs[0].Data) != count/joinedRows*phrase.Classes {
		return nil, fmt.Errorf("model sound gave other than %d numbers for %d spectra", phrase.Classes, count)
	}
	return l.parameters.analyse(outputs[0].Data), nil
}

// analyse returns the hearing of a model's log posteriors.
func (p *parameters) analyse(posteriors []float32) *Analysis {
	e := p.Weigh(posteriors)
	return &Analysis{Posteriors: posteriors, evidence: e, digits: e.BestDigits(p.Insertion), parameters: p}
}

// minLevel is the level, as a share of full scale (-60 dB), that the loudest tenth of a second of a voice is above.
// Recorders that were muted leave digital silence or the last bit's noise.
const minLevel = 1e-3

// isAudible reports whether any tenth of a second is louder than quietest.
func isAudible(samples []int16) bool {
	const tenth = Rate / 10
	for ; len(samples) >= tenth; samples = samples[tenth:] {
		var energy float64
		for _, s := range samples[:tenth] {
			energy += float64(s) * float64(s)
		}
		if math.Sqrt(energy/tenth)/32768 > minLevel {
			return true
		}
	}
	return false
}

// Analysis is what was heard in one recording.
type Analysis struct {
	// Posteriors has for every 20 ms of the recording the log probabilities of phrase.Classes classes. It is empty if the track
	// is too quiet for a voice.
	Posteriors []float32

	evidence   phrase.Evidence
	digits     []phrase.DecodedDigit
	parameters *parameters
}

// minSpeech is the shortest speech that counts: one short digit.
const minSpeech = 200 * time.Millisecond

// HasSpeech reports whether the recording has a voice. Without one, the sound is not evidence.
func (h *Analysis) HasSpeech() bool { return h.Speech() >= minSpeech }

// Speech returns how long somebody speaks, digits or anything else.
func (h *Analysis) Speech() time.Duration {
	rows := 0
	for t := 0; t < len(h.Posteriors); t += phrase.Classes {
		if h.Posteriors[t] < -math.Ln2 { // silence is less likely than not
			rows++
		}
	}
	return rowTime(rows)
}

// Digit is a digit that was heard between two times of the recording.
type Digit struct {
	Digit int           `json:"digit"`
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
}

// Digits returns the most likely string of digits, whatever phrase was asked for.
func (h *Analysis) Digits() []Digit {
	out := make([]Digit, len(h.digits))
	for i, p := range h.digits {
		out[i] = Digit{Digit: p.Digit, From: rowTime(p.From), To: rowTime(p.To)}
	}
	return out
}

func rowTime(row int) time.Duration { return time.Duration(row) * time.Second / RowRate }

// phraseFeatures is the number of features of Score.
const phraseFeatures = 4

// Score returns the probability that the spoken digits are the phrase, which is of decimal digits. A phrase that is empty or
// has other characters, or a recording that is too short for it, scores 0.
func (h *Analysis) Score(digits string) liveness.Score {
	claimed, ok := phrase.Parse(digits)
	if !ok || h.evidence.Rows() < len(claimed)*phrase.States {
		return 0
	}
	return h.parameters.Phrase.score(h.phraseFeatures(claimed))
}

// phraseFeatures returns the features, larger if the phrase fits better.
//
//	0  log-likelihood ratio of the phrase to all phrases of its length together, a digit
//	1  log-likelihood ratio of the phrase to the digits that were heard freely, a digit
//	2  log probability, among the ten digits, of the worst digit in its span
//	3  log-likelihood ratio of the worst digit to a gap in its span, a row
func (h *Analysis) phraseFeatures(claimed []int) []float64 {
	n := float64(len(claimed))
	own := h.evidence.LogLikelihood(claimed)
	worst, faintest := 0.0, math.Inf(1)
	for i, span := range h.evidence.Align(claimed) {
		worst = min(worst, h.evidence.LogFit(span, claimed[i]))
		faintest = min(faintest, h.evidence.Ratio(span, claimed[i])/float64(span.To-span.From))
	}
	return []float64{
		(own - h.evidence.AnyOf(len(claimed))) / n,
		(own - h.evidence.AnyDigits(h.parameters.Insertion)) / n,
		worst,
		faintest,
	}
}
