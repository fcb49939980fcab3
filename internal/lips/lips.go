// Package lips scores how well the movement of a mouth fits a phrase of digits. It does not use sound. Mouth gathers aligned mouth
// pictures while a recording is decoded. Reader runs the visual speech model over them once. Reading scores any number of known
// phrases: it verifies and does not transcribe.
package lips

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/phrase"
	"github.com/bonafide-id/bonafide/liveness"
)

// parameters is models/lips.json: what was fitted on people that the model was not trained on.
type parameters struct {
	phrase.Weights
	// Calibration is a logistic regression on the features of a phrase (calibrate.go).
	Calibration struct {
		Weights [featureCount]float64 `json:"weights"`
		Bias    float64               `json:"bias"`
	} `json:"calibration"`
	// MinMovement is the movement (Reading.Movement) under which lips do not move.
	MinMovement float64 `json:"still"`
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
	if !r.parameters.Valid() {
		return nil, errors.New("models/lips.json does not fit the program: rebuild it with make -C training lips")
	}
	return r, nil
}

// Model names the weights, for a verdict.
func (r *Reader) Model() liveness.ModelRef { return r.model.Ref() }

// MinMovement returns the movement under which lips do not move.
func (r *Reader) MinMovement() float64 { return r.parameters.MinMovement }

// NewMouth starts a recording.
func (r *Reader) NewMouth() *Mouth { return NewMouth() }

// minPictures is the least number of mouth pictures that the model is run on.
const minPictures = 5

// Read runs the model on a recording's mouth pictures. A recording of fewer than five pictures (0.2 s) gives an empty
// reading, whose scores are 0.
func (r *Reader) Read(m *Mouth) (*Reading, error) {
	pixels, count := m.Pictures(Width, Height)
	reading := &Reading{parameters: &r.parameters}
	if count < minPictures {
		return reading, nil
	}
	shapes := m.Shapes()
	outputs, err := r.model.Run(
		infer.Tensor{Shape: []int64{1, int64(count), Height, Width}, Data: pixels},
		infer.Tensor{Shape: []int64{1, int64(count), ShapeSize}, Data: shapes})
	if err != nil {
		return nil, err
	}
	if len(outputs) != 1 || len(outputs[0].Data) != count*phrase.Classes {
		return nil, fmt.Errorf("model lips does not give %d numbers a mouth picture", phrase.Classes)
	}
	reading.start = m.Start()
	reading.Posteriors = outputs[0].Data
	reading.Movement = movement(shapes)
	reading.evidence, reading.entropy = r.parameters.Weigh(reading.Posteriors), digitEntropy(reading.Posteriors)
	return reading, nil
}

// Reading is what was seen of a mouth in one recording.
type Reading struct {
	// Posteriors has 42 log probabilities for each mouth picture (25 a second): silence, other speech, and four states of each
	// digit, zero first.
	Posteriors []float32
	// Movement is how much lips and chin move: 1 is the stillest measured recording, 0 no movement.
	Movement float64

	start      time.Duration
	evidence   phrase.Evidence
	entropy    float64
	parameters *parameters
}

// Start returns the first mouth picture's time in the recording.
func (r *Reading) Start() time.Duration { return r.start }

// Length returns how long the mouth was seen.
func (r *Reading) Length() time.Duration {
	return time.Duration(len(r.Posteriors)/phrase.Classes) * time.Second / Rate
}

// IsMoving reports whether the lips move at all.
func (r *Reading) IsMoving() bool { return r.Movement >= r.parameters.MinMovement }

// Speech returns how long the mouth speaks, digits or anything else.
func (r *Reading) Speech() time.Duration {
	var sum float64
	for t := 0; t < len(r.Posteriors); t += phrase.Classes {
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
	// Fit is the probability, 0..1, of this digit in its place rather than one of the other nine, given the phrase's other digits.
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

// Score returns how well the recording fits the phrase, which is of decimal digits. A phrase that is empty or has other
// characters, or a recording that is too short for it, scores 0.
func (r *Reading) Score(claimed string) PhraseScore {
	digits, ok := phrase.Parse(claimed)
	if !ok || r.evidence.Rows() < len(digits)*phrase.States {
		return PhraseScore{LogRatio: math.Inf(-1)}
	}
	f, places := features(r.evidence, r.entropy, digits)
	s := PhraseScore{Score: r.parameters.calibrate(f), LogRatio: f[0], Digits: make([]Digit, len(digits))}
	for i, at := range r.evidence.Align(digits) {
		s.Digits[i] = Digit{Digit: digits[i], From: r.time(at.From), To: r.time(at.To), Fit: math.Exp(places[i])}
	}
	return s
}

func (r *Reading) time(picture int) time.Duration {
	return r.start + time.Duration(picture)*time.Second/Rate
}
