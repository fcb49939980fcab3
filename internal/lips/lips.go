// Package lips tells how well the movement of a mouth fits a phrase of digits, without sound. Mouth gathers aligned
// mouth pictures while a recording is decoded, Reader runs the visual speech model over them once, and Reading scores
// any number of phrases: the phrase is known, so that this is verification, not transcription.
package lips

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// parameters is models/lips.json: what was fitted on people that the model was not trained on.
type parameters struct {
	// Scale and PriorPower turn posteriors into evidence; Prior is the share of each class.
	Scale      float64   `json:"scale"`
	PriorPower float64   `json:"prior_power"`
	Prior      []float64 `json:"prior"`
	// Weights and Bias are a logistic regression on the features of a phrase (calibrate.go).
	Weights []float64 `json:"weights"`
	Bias    float64   `json:"bias"`
	// Still is the movement (Reading.Movement) under which lips do not move.
	Still float64 `json:"still"`
}

func (p *parameters) check() error {
	if len(p.Prior) != classes || len(p.Weights) != featureCount || p.Scale <= 0 {
		return fmt.Errorf("models/lips.json does not fit the program: %d priors, %d weights", len(p.Prior), len(p.Weights))
	}
	for _, v := range p.Prior {
		if v <= 0 {
			return fmt.Errorf("models/lips.json has a prior of %v", v)
		}
	}
	return nil
}

// Reader reads lips. It is safe for concurrent use.
type Reader struct {
	model      *infer.Model
	parameters parameters
}

// New loads the model "lips".
func New(library *infer.Library) (*Reader, error) {
	model, err := library.Model("lips")
	if err != nil {
		return nil, err
	}
	raw, err := model.Parameters()
	if err != nil {
		return nil, err
	}
	r := &Reader{model: model}
	if err := json.Unmarshal(raw, &r.parameters); err != nil {
		return nil, fmt.Errorf("models/lips.json: %w", err)
	}
	return r, r.parameters.check()
}

// Model names the weights, for a verdict.
func (r *Reader) Model() liveness.ModelRef { return r.model.Ref() }

// Still is the movement under which lips do not move.
func (r *Reader) Still() float64 { return r.parameters.Still }

// Begin starts a recording.
func (r *Reader) Begin() *Mouth { return Begin() }

// fewest is the least number of mouth pictures that the model is run on.
const fewest = 5

// Read runs the model on a recording's mouth pictures. A recording of fewer than five pictures (0.2 s) gives an empty
// reading, whose scores are 0.
func (r *Reader) Read(m *Mouth) (*Reading, error) {
	pixels, count := m.Pictures(Width, Height)
	reading := &Reading{parameters: &r.parameters}
	if count < fewest {
		return reading, nil
	}
	outputs, err := r.model.Run(infer.Tensor{Shape: []int64{1, int64(count), Height, Width}, Data: pixels})
	if err != nil {
		return nil, err
	}
	if len(outputs) == 0 || len(outputs[0].Data) != count*classes {
		return nil, fmt.Errorf("model lips gave %d numbers for %d pictures, not %d each", len(outputs[0].Data), count, classes)
	}
	reading.start = m.at[0]
	reading.Posteriors = outputs[0].Data
	reading.Movement = movement(pixels, count)
	reading.evidence = r.parameters.weigh(reading.Posteriors)
	return reading, nil
}

// Reading is what was seen of a mouth in one recording.
type Reading struct {
	// Posteriors has for each mouth picture (25 a second) the log probabilities of 42 classes: silence, other speech,
	// and four states of each digit, zero first.
	Posteriors []float32
	// Movement is how much the mouth pictures change over a quarter of a second, as a share of their contrast.
	Movement float64

	start      time.Duration
	evidence   evidence
	parameters *parameters
}

// Moving reports whether the lips move at all.
func (r *Reading) Moving() bool { return r.Movement >= r.parameters.Still }

// Speech is how long the mouth speaks, digits or anything else.
func (r *Reading) Speech() time.Duration {
	var sum float64
	for t := 0; t < len(r.Posteriors); t += classes {
		sum += 1 - math.Exp(float64(r.Posteriors[t]))
	}
	return time.Duration(sum / Rate * float64(time.Second))
}

// Digit is what was seen of one digit of a phrase.
type Digit struct {
	Digit int `json:"digit"`
	// From and To are the times in the recording between which the digit fits best.
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
	// Fit is the probability, 0..1, that what was seen between them is this digit rather than one of the other nine.
	Fit float64 `json:"fit"`
}

// PhraseScore is how well a recording fits a phrase.
type PhraseScore struct {
	// Score is the calibrated probability of a live response with this phrase.
	Score liveness.Score
	// LogRatio is the log-likelihood ratio of the phrase to all phrases of its length together, a digit (0 or less).
	LogRatio float64
	// Digits has one entry a digit; it is empty where the recording is too short to hold the phrase.
	Digits []Digit
}

// Score says how well the recording fits the phrase, which is of decimal digits. A phrase that is empty or has other
// characters, or a recording that is too short for it, scores 0.
func (r *Reading) Score(phrase string) PhraseScore {
	digits, ok := parse(phrase)
	if !ok || len(r.evidence.gap) < len(digits)*states {
		return PhraseScore{LogRatio: math.Inf(-1)}
	}
	spans := r.evidence.path(digits)
	f := r.evidence.features(digits, spans)
	s := PhraseScore{Score: r.parameters.calibrate(f), LogRatio: f[0], Digits: make([]Digit, len(digits))}
	for i, d := range digits {
		fit, _ := r.evidence.match(spans[i], d)
		s.Digits[i] = Digit{Digit: d, From: r.time(spans[i].from), To: r.time(spans[i].to), Fit: math.Exp(fit)}
	}
	return s
}

func parse(phrase string) ([]int, bool) {
	digits := make([]int, len(phrase))
	for i, c := range []byte(phrase) {
		if c < '0' || c > '9' {
			return nil, false
		}
		digits[i] = int(c - '0')
	}
	return digits, len(digits) > 0
}

func (r *Reading) time(picture int) time.Duration {
	return r.start + time.Duration(picture)*time.Second/Rate
}
