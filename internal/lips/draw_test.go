package lips

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/internal/phrase"
)

// certain returns a reading of silence around one digit that is seen without doubt.
func certain(digit int) *Reading {
	const rows = 30
	p := make([]float32, rows*phrase.Classes)
	for t := range rows {
		class := 0
		if t >= 10 && t < 10+3*phrase.States {
			class = firstDigit + digit*phrase.States + (t-10)/3
		}
		for c := range phrase.Classes {
			p[t*phrase.Classes+c] = float32(math.Log(0.01 / (phrase.Classes - 1)))
		}
		p[t*phrase.Classes+class] = float32(math.Log(0.99))
	}
	flat := make([]float64, phrase.Classes)
	for c := range flat {
		flat[c] = 1.0 / phrase.Classes
	}
	w := parameters{Weights: phrase.Weights{Scale: 1, PriorPower: 1, Prior: flat}}
	return &Reading{Posteriors: p, parameters: &w, evidence: w.Weigh(p)}
}

func TestDrawIsWellFormedAndNamesTheRows(t *testing.T) {
	var out strings.Builder
	if err := certain(7).Draw(&out, "7"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"silence", "other", ">7<", "against 7"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the drawing does not say %q", want)
		}
	}
	for decoder := xml.NewDecoder(strings.NewReader(out.String())); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the drawing is no XML: %v", err)
		}
	}
}

func TestDrawOfNothing(t *testing.T) {
	r := certain(7)
	r.Posteriors, r.evidence = nil, phrase.Evidence{}
	if err := r.Draw(io.Discard, "123456"); err != nil {
		t.Errorf("an empty reading: %v", err)
	}
}
