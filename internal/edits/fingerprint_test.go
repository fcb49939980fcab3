package edits

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// features returns a face with random features, so that no two seeds are alike.
func features(seed uint64) painter {
	type spot struct{ x, y, w, depth float64 }
	var spots []spot
	r := rand.New(rand.NewPCG(seed, 5))
	for range 40 {
		spots = append(spots, spot{3 * (r.Float64() - 0.5), 3*(r.Float64()-0.5) + 0.5, 0.01 + 0.05*r.Float64(), 0.5 * (r.Float64() - 0.5)})
	}
	return func(x, y float64) float64 {
		b := 0.5
		for _, s := range spots {
			b += s.depth * math.Exp(-((x-s.x)*(x-s.x)+(y-s.y)*(y-s.y))/s.w)
		}
		return b
	}
}

func fingerprintOf(t *testing.T, f *Fingerprinter, seed uint64, h head, brighter float64) (print, mirrored liveness.Fingerprint) {
	t.Helper()
	paint := features(seed)
	p := draw(h, func(x, y float64) float64 { return paint(x, y) * brighter }, 0.3*brighter, rand.New(rand.NewPCG(seed, 9)))
	print, mirrored, ok := f.Picture(p, h.face(0.1))
	if !ok {
		t.Fatal("no fingerprint")
	}
	return print, mirrored
}

func TestFingerprintsOfCopies(t *testing.T) {
	f := NewFingerprinter([]byte("salt"))
	original, _ := fingerprintOf(t, f, 1, head{240, 150, 0, 1}, 1)
	for name, c := range map[string]struct {
		h        head
		brighter float64
	}{"smaller": {head{200, 160, 0, 0.6}, 1}, "darker": {head{240, 150, 0, 1}, 0.6}, "landmarks a pixel off": {head{241, 149, 0, 1.005}, 1}} {
		copied, _ := fingerprintOf(t, f, 1, c.h, c.brighter)
		if d := original.Distance(copied); d > 40 {
			t.Errorf("%s: %d bits differ", name, d)
		}
	}
	least := 256
	for seed := uint64(2); seed < 40; seed++ {
		other, mirrored := fingerprintOf(t, f, seed, head{240, 150, 0, 1}, 1)
		least = min(least, original.Distance(other), original.Distance(mirrored))
	}
	if least < 45 {
		t.Errorf("only %d bits of other faces differ", least)
	}
	salted, _ := fingerprintOf(t, NewFingerprinter([]byte("other salt")), 1, head{240, 150, 0, 1}, 1)
	if d := original.Distance(salted); d < 80 || d > 176 {
		t.Errorf("with another salt %d bits differ: it tells something about the face", d)
	}
}

func TestFingerprintsOfTheMirrorImage(t *testing.T) {
	f := NewFingerprinter([]byte("salt"))
	h := head{240, 150, 0, 1}
	p := draw(h, features(1), 0.3, rand.New(rand.NewPCG(1, 9)))
	turned := liveness.NewPicture(p.Width, p.Height)
	for y := range p.Height {
		for x := range p.Width {
			copy(turned.Pixels[3*(y*p.Width+x):3*(y*p.Width+x)+3], p.Pixels[3*(y*p.Width+p.Width-1-x):])
		}
	}
	original, _, _ := f.Picture(p, h.face(0.1))
	_, mirrored, _ := f.Picture(turned, h.face(0.1).Mirror(float64(p.Width)))
	if d := original.Distance(mirrored); d > 20 {
		t.Errorf("%d bits differ", d)
	}
}

func TestMomentsAreThoseOfACopy(t *testing.T) {
	var whole, late Trace
	for i := range 75 {
		open := 0.15 * (1 + math.Sin(2*math.Pi*float64(i)/25*(2+float64(i)/75)))
		f := Frame{At: time.Duration(i) * 40 * time.Millisecond, Step: 1, Landmarks: head{240, 150, 0, 1}.face(open).Landmarks}
		whole.Frames = append(whole.Frames, f)
		if i >= 20 {
			f.At -= 800 * time.Millisecond
			late.Frames = append(late.Frames, f)
		}
	}
	known := map[time.Duration]bool{}
	for _, i := range whole.moments() {
		known[whole.Frames[i].At] = true
	}
	same, moments := 0, late.moments()
	for _, i := range moments {
		if known[late.Frames[i].At+800*time.Millisecond] {
			same++
		}
	}
	if len(moments) < 5 || same < len(moments)-2 {
		t.Errorf("of %d moments of a copy that begins later %d are the recording's", len(moments), same)
	}
}

// talk returns a recording of somebody whose mouth and head move in a way of their own. The seed is what they say and how they hold still.
func talk(seed uint64, rate int, from time.Duration, noise float64, mirrored bool) *Trace {
	r := rand.New(rand.NewPCG(seed, 3))
	var waves [6][3]float64
	for i := range waves {
		waves[i] = [3]float64{0.5 + 3*r.Float64(), 2 * math.Pi * r.Float64(), 0.05 + 0.05*r.Float64()}
	}
	wave := func(i int, at float64) float64 { return waves[i][2] * math.Sin(2*math.Pi*waves[i][0]*at+waves[i][1]) }
	shake := rand.New(rand.NewPCG(seed, 4))
	var t Trace
	for i := range 4 * rate {
		at := time.Duration(i) * time.Second / time.Duration(rate)
		if at < from {
			continue
		}
		s := at.Seconds()
		open := 0.2 + wave(0, s) + wave(1, s)
		h := head{240 + 40*wave(2, s), 150 + 40*wave(3, s), 0.3 * wave(4, s), 1 + 0.3*wave(5, s)}
		f := h.face(open)
		for k := range f.Landmarks {
			f.Landmarks[k].X += noise * shake.NormFloat64()
			f.Landmarks[k].Y += noise * shake.NormFloat64()
		}
		if mirrored {
			f = f.Mirror(480)
		}
		t.Frames = append(t.Frames, Frame{At: at - from, Step: pupils * patchWidth / PatchSide, Landmarks: f.Landmarks})
	}
	return &t
}

func TestFingerprintsOfRecordings(t *testing.T) {
	f := NewFingerprinter([]byte("salt"))
	original, _ := f.Recording(talk(1, 25, 0, 0.3, false))
	// near is how many moments of the other have one like them.
	near := func(prints []liveness.Fingerprint) (count int) {
		for _, p := range prints {
			for _, o := range original {
				if p.Distance(o) <= 52 {
					count++
					break
				}
			}
		}
		return count
	}
	for name, copied := range map[string]*Trace{
		"15 frames a second":      talk(1, 15, 0, 0.5, false),
		"30, beginning 0.8 later": talk(1, 30, 800*time.Millisecond, 0.5, false),
	} {
		if prints, _ := f.Recording(copied); near(prints) < len(prints)*2/3 {
			t.Errorf("%s: %d of %d moments are known", name, near(prints), len(prints))
		}
	}
	if _, turned := f.Recording(talk(1, 25, 0, 0.5, true)); near(turned) < len(turned)*2/3 {
		t.Errorf("mirrored: %d of %d moments are known", near(turned), len(turned))
	}
	for seed := uint64(2); seed < 30; seed++ {
		if prints, _ := f.Recording(talk(seed, 25, 0, 0.3, false)); near(prints) > len(prints)/3 {
			t.Errorf("another recording: %d of %d moments are known", near(prints), len(prints))
		}
	}
}
