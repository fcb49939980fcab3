package sound

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bonafide-id/bonafide/internal/phrase"
)

// Measures are what training fits models/sound.json to: the features of one phrase before any calibration.
type Measures struct {
	Phrase    []float64 `json:"phrase"`
	Fusion    []float64 `json:"together,omitempty"`
	Offset    float64   `json:"offset"` // seconds
	Agreement float64   `json:"agreement"`
}

// Measure returns the features of a training model's posteriors for each phrase. It uses the parameters of a file such as
// models/sound.json; without a mouth it returns only those of the sound. The digits that are heard freely come second.
func Measure(file []byte, posteriors []float32, mouth Mouth, phrases []string) ([]Measures, []Digit, time.Duration, error) {
	var p parameters
	if err := json.Unmarshal(file, &p); err != nil {
		return nil, nil, 0, err
	}
	h := p.analyse(posteriors)
	out := make([]Measures, len(phrases))
	for i, digits := range phrases {
		claimed, ok := phrase.Parse(digits)
		if !ok || h.evidence.Rows() < len(claimed)*phrase.States {
			return nil, nil, 0, fmt.Errorf("phrase %q is not of digits, or too long for %d rows", digits, h.evidence.Rows())
		}
		out[i].Phrase = h.phraseFeatures(claimed)
		if len(mouth.Posteriors) > 0 {
			c, features := h.compare(claimed, mouth)
			out[i].Fusion, out[i].Offset, out[i].Agreement = features, c.Offset.Seconds(), c.Agreement
		}
	}
	return out, h.Digits(), h.Speech(), nil
}
