package sound

import (
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/phrase"
)

// tone returns a second of a sine of the given frequency and amplitude (0 to 1).
func tone(hz, amplitude float64) []int16 {
	out := make([]int16, Rate)
	for i := range out {
		out[i] = int16(32767 * amplitude * math.Sin(2*math.Pi*hz*float64(i)/Rate))
	}
	return out
}

func TestSpectraPutAToneInItsBand(t *testing.T) {
	for _, hz := range []float64{300, 1000, 3000, 6000} {
		half := tone(hz, 0.5)
		clear(half[:Rate/2]) // the mean of each band is taken out: a tone from start to end would be nothing
		spectra := Spectra(half)
		if len(spectra) != 100*Bands {
			t.Fatalf("%d numbers for a second", len(spectra))
		}
		row := spectra[75*Bands : 76*Bands]
		best := 0
		for i, v := range row {
			if v > row[best] {
				best = i
			}
		}
		f := filters[best]
		line := int(math.Round(hz * size / Rate))
		if line < f.first-1 || line > f.first+len(f.weights) {
			t.Errorf("%v Hz is loudest in band %d, of lines %d to %d", hz, best, f.first, f.first+len(f.weights)-1)
		}
	}
}

func TestSpectraDoNotDependOnTheLevel(t *testing.T) {
	loud, soft := tone(700, 0.8), tone(700, 0.1)
	clear(loud[:Rate/2])
	clear(soft[:Rate/2])
	a, b := Spectra(loud), Spectra(soft)
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 0.2 {
			t.Fatalf("number %d: %v when loud, %v when soft", i, a[i], b[i])
		}
	}
}

func TestSpectraOfAnything(t *testing.T) {
	for name, samples := range map[string][]int16{"none": nil, "one": {1}, "silence": make([]int16, Rate), "clipped": clippedNoise(Rate)} {
		for _, v := range Spectra(samples) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("%s: %v", name, v)
			}
		}
	}
}

// clippedNoise returns noise at full scale.
func clippedNoise(n int) []int16 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(65535*rng.IntN(2) - 32768)
	}
	return out
}

func TestAudible(t *testing.T) {
	short := make([]int16, Rate)
	copy(short[Rate/2:], tone(200, 0.2)[:Rate/8])
	for _, c := range []struct {
		name    string
		samples []int16
		want    bool
	}{
		{"nothing", nil, false},
		{"digital silence", make([]int16, Rate), false},
		{"the last bits", tone(200, 0.0005), false},
		{"a soft tone", tone(200, 0.01), true},
		{"a short tone", short, true},
	} {
		if got := isAudible(c.samples); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func openReader(t testing.TB) *Reader {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../bin/models"
	}
	library, err := infer.Open(infer.Config{Folder: folder})
	if err != nil {
		t.Skipf("the models are not all there: %v", err)
	}
	listener, err := New(library)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// sentence returns the sound of a recording of the GRID corpus.
func sentence(t testing.TB, name string) []int16 {
	t.Helper()
	file := "../../../shared/data/lips/grid/" + name + ".mp4"
	if _, err := os.Stat(file); err != nil {
		t.Skip("the GRID corpus is not in ../shared/data/lips/grid")
	}
	raw, err := exec.Command("ffmpeg", "-v", "error", "-i", file, "-vn", "-f", "s16le", "-ac", "1", "-ar", "16000", "-").Output()
	if err != nil {
		t.Skipf("ffmpeg: %v", err)
	}
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(raw[2*i]) | int16(raw[2*i+1])<<8
	}
	return out
}

func TestListenHearsADigitAndWhen(t *testing.T) {
	listener := openReader(t)
	// "lay red with p nine again": the digit is spoken from 1.47 to 1.85 s.
	h, err := listener.Read(sentence(t, "s23/lrwp9a"))
	if err != nil {
		t.Fatal(err)
	}
	if !h.HasSpeech() || h.Speech() > 3*time.Second {
		t.Errorf("speech of %v", h.Speech())
	}
	const late = 150 * time.Millisecond
	found := false
	for _, d := range h.Digits() {
		found = found || d.Digit == 9 && (d.From-1470*time.Millisecond).Abs() < late && (d.To-1850*time.Millisecond).Abs() < late
	}
	if !found {
		t.Errorf("no nine at 1.47 to 1.85 s in %v", h.Digits())
	}
	if nine, two := h.Score("9"), h.Score("2"); nine <= two {
		t.Errorf("nine scores %v, two %v", nine, two)
	}
	if six := h.Score("597692"); six >= 0.9 {
		t.Errorf("a phrase of which only the nine was said scores %v", six)
	}
}

func TestListenWithoutAVoice(t *testing.T) {
	listener := openReader(t)
	for name, samples := range map[string][]int16{
		"none": nil, "too short": make([]int16, 100), "silence": make([]int16, 5*Rate), "soft hum": tone(50, 0.002)} {
		h, err := listener.Read(samples)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if h.HasSpeech() {
			t.Errorf("%s: somebody speaks for %v", name, h.Speech())
		}
		if s := h.Score("123456"); s > 0.5 {
			t.Errorf("%s: scores %v", name, s)
		}
	}
}

func TestListenToAnything(t *testing.T) {
	listener := openReader(t)
	h, err := listener.Read(clippedNoise(61 * Rate))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(h.Posteriors) / phrase.Classes; got != 60*RowRate {
		t.Errorf("%d rows, not a minute's", got)
	}
	for _, bad := range []string{"", "12a456", "١٢٣"} {
		if s := h.Score(bad); s != 0 {
			t.Errorf("phrase %q scores %v", bad, s)
		}
		if c := h.Compare(bad, Mouth{Posteriors: make([]float32, 100*phrase.Classes)}); c.Score != 0 {
			t.Errorf("phrase %q compares with %v", bad, c.Score)
		}
	}
}

func BenchmarkListen(b *testing.B) {
	listener := openReader(b)
	samples := append(sentence(b, "s23/lrwp9a"), sentence(b, "s23/priazn")...)[:5*Rate]
	for b.Loop() {
		h, err := listener.Read(samples)
		if err != nil {
			b.Fatal(err)
		}
		h.Score("597692")
	}
}
