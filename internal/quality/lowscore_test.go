package quality

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// doubts returns the measures of a face's doubts by their gates' names, and the reason of the first that does not pass.
func (r rig) doubts(t testing.TB, p *liveness.Picture, f liveness.Face) (map[string]float64, liveness.Reason) {
	t.Helper()
	judged, err := r.judge.Assess(p, []liveness.Face{f}, 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	gates, measures := judged.LowScoreGates(), map[string]float64{}
	for _, g := range gates {
		measures[g.Name] = g.Measure
	}
	return measures, reason(gates)
}

// shake returns a picture that moved by steps of (x, y) pixels, so many, while the shutter was open.
func shake(p *liveness.Picture, x, y, steps int) *liveness.Picture {
	out := liveness.NewPicture(p.Width, p.Height)
	for i := range out.Pixels {
		column, row := i/3%p.Width, i/3/p.Width
		sum := 0
		for k := range steps {
			from := min(max(row+k*y, 0), p.Height-1)*p.Width + min(max(column+k*x, 0), p.Width-1)
			sum += int(p.Pixels[3*from+i%3])
		}
		out.Pixels[i] = byte(sum / steps)
	}
	return out
}

// noisy returns a picture with noise of a deviation, always the same.
func noisy(p *liveness.Picture, deviation float64) *liveness.Picture {
	random := rand.New(rand.NewPCG(1, 2))
	return lit(p, func(v, _ float64) float64 { return v + deviation*random.NormFloat64() })
}

// Each doubt grows with its fault, and a faultless face raises none.
func TestLowScoreGatesGrowWithTheirDefect(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	width := int(f.Box.Width)
	faultless, why := r.doubts(t, p, f)
	if why != "" {
		t.Fatalf("a faultless picture is doubted for %q: %v", why, faultless)
	}
	for name, c := range map[string]struct {
		gate   string
		faults []float64
		with   func(fault float64) *liveness.Picture
		sign   float64 // 1 where the measure grows with the fault, -1 where it falls
		reason liveness.Reason
	}{
		"over-exposed": {"low_score_burnt_out", []float64{1.4, 1.8, 2.4}, func(v float64) *liveness.Picture { return lit(p, func(l, _ float64) float64 { return l * v }) }, 1, liveness.PoorIllumination},
		"dark":         {"low_score_brightness", []float64{.6, .4, .2}, func(v float64) *liveness.Picture { return lit(p, func(l, _ float64) float64 { return l * v }) }, -1, liveness.PoorIllumination},
		"noisy":        {"low_score_noise", []float64{5, 10, 20, 40}, func(v float64) *liveness.Picture { return noisy(p, v) }, 1, liveness.PoorIllumination},
		"blurred": {"low_score_detail", []float64{.02, .04, .06}, func(v float64) *liveness.Picture {
			steps := int(v * float64(width))
			return shake(shake(p, 1, 0, steps), 0, 1, steps)
		}, -1, liveness.TooBlurry},
		"shaken across": {"low_score_detail", []float64{.02, .04, .06}, func(v float64) *liveness.Picture { return shake(p, 1, 0, int(v*float64(width))) }, -1, liveness.TooBlurry},
		"shaken down":   {"low_score_detail", []float64{.02, .04, .06}, func(v float64) *liveness.Picture { return shake(p, 0, 1, int(v*float64(width))) }, -1, liveness.TooBlurry},
		"shaken aslant": {"low_score_detail", []float64{.02, .04, .06}, func(v float64) *liveness.Picture { return shake(p, 1, -1, int(v*float64(width))) }, -1, liveness.TooBlurry},
	} {
		last, why := faultless, liveness.Reason("")
		for _, fault := range c.faults {
			var now map[string]float64
			now, why = r.doubts(t, c.with(fault), f)
			if !(c.sign*now[c.gate] > c.sign*last[c.gate]) {
				t.Errorf("%s: %s is %.3f at %v, %.3f before", name, c.gate, now[c.gate], fault, last[c.gate])
			}
			last = now
		}
		if why != c.reason {
			t.Errorf("%s: doubted for %q at the worst, not %q: %v", name, why, c.reason, last)
		}
	}
}

// The scales of the measures end where they say, and a face without any contrast has measures too.
func TestEndsOfTheScales(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	of := func(value func(x, y float64) float64) (fine, noisy float64) {
		luma := make([]float64, faceSize*lastRow)
		for i := range luma {
			luma[i] = value(float64(i%faceSize), float64(i/faceSize))
		}
		return detail(luma), noise(luma)
	}
	for name, c := range map[string]struct {
		value        func(x, y float64) float64
		detail, most float64
		noise        float64
	}{
		"white noise": {func(_, _ float64) float64 { return 128 + 20*random.NormFloat64() }, 1, 0.05, 1},
		"smooth":      {func(x, y float64) float64 { return 0.02*x*x + 0.01*y*y }, 1.0 / 9, 0.001, 0},
		"flat":        {func(_, _ float64) float64 { return 128 }, 0, 0.001, 0},
	} {
		fine, noise := of(c.value)
		if !(math.Abs(fine-c.detail) <= c.most) || !(math.Abs(noise-c.noise) <= 0.05) {
			t.Errorf("%s: detail %.3f, noise %.3f", name, fine, noise)
		}
	}
}

// BenchmarkDoubts is of a picture of 640 x 480 with a face of about 240 pixels, which scored low.
func BenchmarkDoubts(b *testing.B) {
	r := newRig(b)
	p, faces := r.webcam(b)
	judged, err := r.judge.Assess(p, faces, 1, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		judged.LowScoreGates()
	}
}
