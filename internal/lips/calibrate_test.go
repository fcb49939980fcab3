package lips

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/bonafide-id/bonafide/internal/phrase"
)

// splicedRecording has the model's outputs for a spliced recording, and the features that training/lips/phrase.py computes.
type splicedRecording struct {
	Weights       phrase.Weights `json:"weights"`
	LogPosteriors [][]float32    `json:"log_posteriors"`
	Trials        []struct {
		Phrase   string    `json:"phrase"`
		Features []float64 `json:"features"`
	} `json:"trials"`
}

func loadSplicedRecording(t *testing.T) (splicedRecording, phrase.Evidence, float64) {
	t.Helper()
	raw, err := os.ReadFile("testdata/recording.json")
	if err != nil {
		t.Fatal(err)
	}
	var r splicedRecording
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	var rows []float32
	for _, row := range r.LogPosteriors {
		rows = append(rows, row...)
	}
	return r, r.Weights.Weigh(rows), digitEntropy(rows)
}

func TestFeaturesAreThoseOfTraining(t *testing.T) {
	r, e, doubt := loadSplicedRecording(t)
	for _, trial := range r.Trials {
		digits, _ := phrase.Parse(trial.Phrase)
		got, _ := features(e, doubt, digits)
		for i, want := range trial.Features {
			if math.Abs(got[i]-want) > 1e-3 {
				t.Errorf("phrase %s, feature %d: %v, in training %v", trial.Phrase, i, got[i], want)
			}
		}
	}
}

func TestSpokenPhraseScoresHighest(t *testing.T) {
	r, e, doubt := loadSplicedRecording(t)
	spoken := r.Trials[0].Phrase
	reading := Reading{evidence: e, entropy: doubt, parameters: &parameters{Weights: r.Weights}}
	reading.parameters.Calibration.Weights = [featureCount]float64{1, 0.3, 1.5}
	best := reading.Score(spoken)
	for _, trial := range r.Trials[1:] {
		if s := reading.Score(trial.Phrase); s.Score >= best.Score {
			t.Errorf("%s scores %v, the spoken %s %v", trial.Phrase, s.Score, spoken, best.Score)
		}
	}
	for i, d := range best.Digits {
		if d.Digit != int(spoken[i]-'0') || d.To <= d.From || i > 0 && d.From < best.Digits[i-1].To {
			t.Errorf("digit %d of %s: %+v", i, spoken, d)
		}
		if d.Fit < 0 || d.Fit > 1 {
			t.Errorf("digit %d fits by %v", i, d.Fit)
		}
	}
}

func TestPhraseOfOneDigit(t *testing.T) {
	_, e, doubt := loadSplicedRecording(t)
	for d := range phrase.Digits {
		f, places := features(e, doubt, []int{d})
		for i, v := range f {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("digit %d, feature %d: %v", d, i, v)
			}
		}
		if len(places) != 1 || math.Abs(places[0]*doubt-f[0]) > 1e-9 {
			t.Errorf("digit %d: %v in its place, %v of all phrases", d, places, f[0])
		}
	}
}
