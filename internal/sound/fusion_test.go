package sound

import (
	"math"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/phrase"
)

// plain returns parameters without calibration: even priors, every feature weighs 1.
func plain() *parameters {
	prior := make([]float64, phrase.Classes)
	for i := range prior {
		prior[i] = 1.0 / phrase.Classes
	}
	w := phrase.Weights{Scale: 1, PriorPower: 1, Prior: prior}
	p := &parameters{Weights: w, Insertion: 1, Phrase: logistic{Weights: []float64{1, 1, 1, 1}}}
	p.Fusion = fusion{Lips: w, logistic: logistic{Weights: []float64{1, 1, 1, 1, 1}}}
	return p
}

// synthesise returns sure posteriors of a phrase, rate rows a second for seconds. The digits begin at the given time; each has
// 0.4 s, with 0.1 s of silence between.
func synthesise(digits []int, begin, seconds float64, rate int) []float32 {
	out := make([]float32, 0, int(seconds*float64(rate))*phrase.Classes)
	for row := range int(seconds * float64(rate)) {
		at := (float64(row)+0.5)/float64(rate) - begin
		class := 0
		if i := int(math.Floor(at / 0.5)); i >= 0 && i < len(digits) && at-0.5*float64(i) < 0.4 {
			class = 2 + digits[i]*phrase.States + int((at-0.5*float64(i))/0.1)
		}
		for c := range phrase.Classes {
			p := 0.02 / (phrase.Classes - 1)
			if c == class {
				p = 0.98
			}
			out = append(out, float32(math.Log(p)))
		}
	}
	return out
}

// flat returns posteriors that know nothing.
func flat(rows int) []float32 {
	out := make([]float32, rows*phrase.Classes)
	for i := range out {
		out[i] = float32(math.Log(1.0 / phrase.Classes))
	}
	return out
}

var said = []int{5, 9, 7, 6, 9, 2}

const saidText = "597692"

func TestCompareFindsTheOffset(t *testing.T) {
	h := plain().analyse(synthesise(said, 1, 5, RowRate))
	for _, late := range []float64{0, 0.1, -0.1, 0.4, -0.4, 0.6} {
		c := h.Compare(saidText, Mouth{Posteriors: synthesise(said, 1-late, 5, pictureRate)})
		if math.Abs(c.Offset.Seconds()-late) > 0.03 {
			t.Errorf("sound %v s late: offset %v", late, c.Offset)
		}
		if moves := c.Agreement > 0.5; moves != (math.Abs(late) < 0.2) {
			t.Errorf("sound %v s late: agreement %v", late, c.Agreement)
		}
	}
}

func TestCompareKnowsWhenTheMouthStarts(t *testing.T) {
	h := plain().analyse(synthesise(said, 1, 5, RowRate))
	c := h.Compare(saidText, Mouth{Posteriors: synthesise(said, 0.6, 4.6, pictureRate), Start: 400 * time.Millisecond})
	if c.Offset.Abs() > 30*time.Millisecond || c.Agreement < 1 {
		t.Errorf("offset %v, agreement %v", c.Offset, c.Agreement)
	}
}

func TestCompareRefusesWhatDoesNotAgree(t *testing.T) {
	h := plain().analyse(synthesise(said, 1, 5, RowRate))
	genuine := h.Compare(saidText, Mouth{Posteriors: synthesise(said, 1, 5, pictureRate)})
	if genuine.Score < 0.98 {
		t.Errorf("genuine scores %v", genuine.Score)
	}
	for name, mouth := range map[string]Mouth{
		"another phrase at the same times": {Posteriors: synthesise([]int{4, 0, 1, 3, 8, 0}, 1, 5, pictureRate)},
		"one that knows nothing":           {Posteriors: flat(125)},
		"closed":                           {Posteriors: synthesise(nil, 1, 5, pictureRate)},
		"400 ms early":                     {Posteriors: synthesise(said, 0.6, 5, pictureRate)},
		"400 ms late":                      {Posteriors: synthesise(said, 1.4, 5, pictureRate)},
		"seen for a second only":           {Posteriors: synthesise(said, 1, 1.5, pictureRate)},
		"of one picture":                   {Posteriors: flat(1)},
		"none":                             {},
	} {
		if c := h.Compare(saidText, mouth); c.Score >= 0.5 || math.IsNaN(float64(c.Score)) {
			t.Errorf("mouth %s scores %v (%+v)", name, c.Score, c)
		}
	}
}

func TestScoreTellsPhrasesApart(t *testing.T) {
	h := plain().analyse(synthesise(said, 1, 5, RowRate))
	if s := h.Score(saidText); s < 0.4 {
		t.Errorf("the phrase scores %v", s)
	}
	for _, other := range []string{"597691", "957692", "59769", "5976922", "111111"} {
		if s := h.Score(other); s > 0.3 {
			t.Errorf("%s scores %v", other, s)
		}
	}
	var heard []int
	for _, d := range h.Digits() {
		heard = append(heard, d.Digit)
	}
	if len(heard) != len(said) {
		t.Fatalf("heard %v", heard)
	}
	for i, d := range h.Digits() {
		begin := time.Second + time.Duration(i)*500*time.Millisecond
		if d.Digit != said[i] || (d.From-begin).Abs() > 40*time.Millisecond || (d.To-begin-400*time.Millisecond).Abs() > 40*time.Millisecond {
			t.Errorf("digit %d is %+v", i, d)
		}
	}
}

func TestCombine(t *testing.T) {
	mouth := Mouth{Posteriors: synthesise(said, 1, 5, pictureRate)}
	h := plain().analyse(synthesise(said, 1, 5, RowRate))
	h.parameters.Phrase.Bias = 5
	if j := h.Combine(saidText, mouth, 0.4); j.Score < 0.98 || j.Score != min(j.Spoken, j.Comparison.Score) {
		t.Errorf("lips and sound say the phrase: %+v", j)
	}
	if j := h.Combine("401380", mouth, 0.99); j.Score > 0.01 {
		t.Errorf("lips and sound say another phrase: %+v", j)
	}
	dubbed := Mouth{Posteriors: synthesise([]int{4, 0, 1, 3, 8, 0}, 1, 5, pictureRate)}
	if j := h.Combine(saidText, dubbed, 0.99); j.Score > 0.5 || j.Spoken < 0.9 {
		t.Errorf("the sound says the phrase and the lips do not: %+v", j)
	}
	for name, quiet := range map[string]*Analysis{"a silent track": plain().analyse(synthesise(nil, 1, 5, RowRate)), "no track": plain().analyse(nil)} {
		if j := quiet.Combine(saidText, mouth, 0.7); j != (Combination{Score: 0.7}) {
			t.Errorf("%s: %+v, want the lips' own score", name, j)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	h := plain().analyse(synthesise(said, 1, 5, RowRate))
	mouth := Mouth{Posteriors: synthesise(said, 1, 5, pictureRate)}
	for b.Loop() {
		h.Compare(saidText, mouth)
	}
}
