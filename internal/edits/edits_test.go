package edits

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

const pupils = 80.0 // pixels between the pupils of the drawn faces

// head is where a drawn head is: its middle in pixels, its tilt in radians, its size.
type head struct{ x, y, tilt, size float64 }

// face returns one at that place, with the landmarks that are used and a mouth that is open so far, in pupil distances.
func (h head) face(open float64) (f liveness.Face) {
	sin, cos := math.Sincos(h.tilt)
	put := func(from, to int, p liveness.Point) {
		for i := from; i < to; i++ {
			x, y := p.X*pupils*h.size, p.Y*pupils*h.size
			f.Landmarks[i] = liveness.Point{X: h.x + cos*x - sin*y, Y: h.y + sin*x + cos*y}
		}
	}
	put(36, 42, reference[0])
	put(42, 48, reference[1])
	put(27, 28, reference[2])
	put(30, 31, reference[3])
	put(33, 34, reference[4])
	put(48, 65, liveness.Point{Y: 1.1 - open/2})
	put(65, 68, liveness.Point{Y: 1.1 + open/2})
	return f
}

// painter is the brightness, 0..1, of a face at a place. The place is in pupil distances from the middle of the eyes.
type painter func(x, y float64) float64

// draw returns a picture of a head before a grey ground, with noise.
func draw(h head, paint painter, ground float64, noise *rand.Rand) *liveness.Picture {
	p := liveness.NewPicture(480, 400)
	sin, cos := math.Sincos(-h.tilt)
	for y := range p.Height {
		for x := range p.Width {
			u, v := (float64(x)-h.x)/pupils/h.size, (float64(y)-h.y)/pupils/h.size
			u, v = cos*u-sin*v, sin*u+cos*v
			b := ground
			if math.Hypot(u, (v-0.6)*0.8) < 1.3 {
				b = paint(u, v)
			}
			c := uint8(min(max(255*b+noise.NormFloat64(), 0), 255))
			copy(p.Pixels[3*(y*p.Width+x):], []byte{c, c, c})
		}
	}
	return p
}

// skin returns a face with features; raised moves its brows and cheeks, in pupil distances, and open its mouth.
func skin(raised, open float64) painter {
	return func(x, y float64) float64 {
		b := 0.6 + 0.1*math.Sin(5*x+1)*math.Cos(4*y)
		spot := func(u, v, w, depth float64) { b -= depth * math.Exp(-((x-u)*(x-u)+(y-v)*(y-v))/w) }
		spot(-0.5, -raised, 0.03, 0.4)
		spot(0.5, -raised, 0.03, 0.4)
		spot(0, 0.55-raised/2, 0.02, 0.2)
		spot(-0.7, 0.6-raised, 0.08, 0.15)
		spot(0.7, 0.6-raised, 0.08, 0.15)
		spot(0, -0.5-raised, 0.05, 0.1)
		spot(0, 1.1, 0.02+0.2*open, 0.4)
		return b
	}
}

// film returns a recording of 25 frames a second in which the mouth opens and closes three times a second.
func film(frames int, at func(i int) (head, float64), ground func(i int) float64) *Trace {
	t, noise := &Trace{}, rand.New(rand.NewPCG(1, 2))
	for i := range frames {
		h, raised := at(i)
		open := 0.15 * (1 + math.Sin(2*math.Pi*3*float64(i)/25))
		t.Add(draw(h, skin(raised, open), ground(i), noise), h.face(open), time.Duration(i)*40*time.Millisecond)
	}
	return t
}

func grey(int) float64 { return 0.3 }

// sway returns a head that moves to and fro.
func sway(i int) head {
	s := 2 * math.Pi * float64(i) / 25
	return head{240 + 9*math.Sin(0.4*s), 150 + 6*math.Sin(0.7*s), 0.03 * math.Sin(0.5*s), 1 + 0.02*math.Sin(0.9*s)}
}

func TestStillFacesDoNotMoveWithTheirMouth(t *testing.T) {
	for name, c := range map[string]struct {
		at    func(i int) (head, float64)
		moves bool
	}{
		"still":        {func(int) (head, float64) { return head{240, 150, 0, 1}, 0 }, false},
		"swaying":      {func(i int) (head, float64) { return sway(i), 0 }, false},
		"living":       {func(i int) (head, float64) { return sway(i), 0.03 * math.Sin(2*math.Pi*float64(i)/25) }, true},
		"living, held": {func(i int) (head, float64) { return head{240, 150, 0, 1}, 0.03 * math.Sin(2*math.Pi*float64(i)/25) }, true},
	} {
		trace := film(60, c.at, grey)
		measure, ok := faceMovement(placeAll(trace.crops()), trace.frameRate())
		if !ok || (measure >= DefaultLimits.FaceMovement) != c.moves {
			t.Errorf("%s: movement %.3f (limit %.3f), %v", name, measure, DefaultLimits.FaceMovement, ok)
		}
	}
}

func TestJumpsBetweenParts(t *testing.T) {
	// The second part begins elsewhere, with other brows and in other light.
	part := func(second float64) (head, float64) {
		return head{240 + 14*second, 150 + 8*second, 0.02 * second, 1 + 0.02*second}, 0.05 * second
	}
	breathing := func(i int, h head) head { h.y += math.Sin(2 * math.Pi * 0.3 * float64(i) / 25); return h }
	weight := func(i, dissolve int) float64 { return min(max(float64(i-30)/float64(dissolve+1), 0), 1) }
	for name, c := range map[string]struct {
		at     func(i int) (head, float64)
		ground func(i int) float64
		jumps  bool
	}{
		"uncut":          {func(i int) (head, float64) { return sway(i), 0.03 * math.Sin(float64(i)/8) }, grey, false},
		"hardly moves":   {func(i int) (head, float64) { return breathing(i, head{240, 150, 0, 1}), 0 }, grey, false},
		"cut":            {func(i int) (head, float64) { h, r := part(weight(i, 0)); return breathing(i, h), r }, func(i int) float64 { return 0.3 + 0.02*weight(i, 0) }, true},
		"in four frames": {func(i int) (head, float64) { h, r := part(weight(i, 4)); return breathing(i, h), r }, func(i int) float64 { return 0.3 + 0.02*weight(i, 4) }, true},
		// A head that turns quickly leaves the background and the light as they are.
		"moves slowly": {func(i int) (head, float64) { h, r := part(weight(i, 20)); return breathing(i, h), r }, grey, false},
	} {
		trace := film(70, c.at, c.ground)
		measure, at, ok := trace.jump(trace.crops())
		if !ok || (measure > DefaultLimits.Jump) != c.jumps {
			t.Errorf("%s: jump %.2f at %v (limit %.2f), %v", name, measure, at, DefaultLimits.Jump, ok)
		}
		if c.jumps && (at < 1*time.Second || at > 1500*time.Millisecond) {
			t.Errorf("%s: the joint at 1.2 s is seen at %v", name, at)
		}
	}
}

func TestHeldFrames(t *testing.T) {
	noise := rand.New(rand.NewPCG(3, 4))
	for name, c := range map[string]struct {
		repeats int
		want    time.Duration
	}{"none": {1, 0}, "doubled": {2, 40 * time.Millisecond}, "held": {9, 320 * time.Millisecond}} {
		var trace Trace
		p := draw(head{240, 150, 0, 1}, skin(0, 0.1), 0.3, noise)
		for i := range 30 {
			if i < 10 || i >= 10+c.repeats {
				p = draw(head{240, 150, 0, 1}, skin(0, 0.1), 0.3, noise)
			}
			trace.Add(p, head{240, 150, 0, 1}.face(0.1), time.Duration(i)*40*time.Millisecond)
		}
		if c.repeats == 1 {
			c.want = 40 * time.Millisecond // frame 10 is frame 9 again
		}
		if got := trace.held(); got < c.want-40*time.Millisecond || got > c.want+40*time.Millisecond {
			t.Errorf("%s: held for %v, want %v", name, got, c.want)
		}
	}
}

func TestShortRecordingsHaveNoFaceGates(t *testing.T) {
	for _, frames := range []int{0, 1, 2, 5} {
		trace := film(frames, func(i int) (head, float64) { return sway(i), 0 }, grey)
		for _, g := range trace.Gates(DefaultLimits) {
			if !g.Passed {
				t.Errorf("%d frames: gate %+v", frames, g)
			}
		}
	}
}

func TestUselessLandmarksAreLeftOut(t *testing.T) {
	var trace Trace
	p := liveness.NewPicture(64, 48)
	trace.Add(p, liveness.Face{}, 0)
	far := head{1e9, 0, 0, 1}.face(0)
	trace.Add(p, far, 0)
	nan := head{math.NaN(), 0, 0, 1}.face(0)
	trace.Add(p, nan, 0)
	if len(trace.Frames) != 0 {
		t.Errorf("%d frames were kept", len(trace.Frames))
	}
	trace.Add(p, head{-500, 2000, 0, 1}.face(0), 0) // outside the picture
	trace.Add(p, head{30, 20, 0, 1}.face(0), 0)     // larger than the picture
	if len(trace.Frames) != 2 {
		t.Errorf("%d frames were kept", len(trace.Frames))
	}
}

func TestJawsMoveWithTheirMouth(t *testing.T) {
	// agreement is that of a face whose jaw goes down by so much when its mouth opens as `jaw` says.
	agreement := func(jaw func(i int) float64) float64 {
		trace, noise := &Trace{}, rand.New(rand.NewPCG(1, 2))
		for i := range 75 {
			open := mumble(i)
			down := jaw(i)
			face := skin(0, open)
			paint := func(x, y float64) float64 {
				return face(x, y) - 0.3*math.Exp(-((y-1.65-down)*(y-1.65-down)+x*x/4)/0.01)
			}
			trace.Add(draw(sway(i), paint, 0.3, noise), sway(i).face(open), time.Duration(i)*40*time.Millisecond)
		}
		measure, ok := trace.jawAgreement(placeAll(trace.crops()))
		if !ok {
			t.Fatal("no measure")
		}
		return measure
	}
	if own := agreement(func(i int) float64 { return mumble(i) / 2 }); own < DefaultLimits.JawAgreement {
		t.Errorf("a jaw that moves with its mouth: %.2f", own)
	}
	if other := agreement(func(i int) float64 { return mumble(2*i+31) / 2 }); other >= DefaultLimits.JawAgreement {
		t.Errorf("a jaw that says something else: %.2f", other)
	}
}

// mumble returns how far a mouth is open over time.
func mumble(i int) float64 {
	s := float64(i) / 25
	return 0.15 * max(math.Sin(7*s)+math.Sin(19*s+1), 0) * (0.3 + math.Abs(math.Sin(1.3*s)))
}

// Of a recording of 5 s, 25 frames a second.
func BenchmarkTrace(b *testing.B) {
	p, noise := draw(head{240, 150, 0, 1}, skin(0, 0.1), 0.3, rand.New(rand.NewPCG(1, 2))), rand.New(rand.NewPCG(1, 2))
	f := head{240, 150, 0, 1}.face(0.1)
	for b.Loop() {
		var trace Trace
		for i := range 125 {
			p.Pixels[noise.IntN(len(p.Pixels))]++
			trace.Add(p, f, time.Duration(i)*40*time.Millisecond)
		}
	}
}

func BenchmarkGates(b *testing.B) {
	trace := film(125, func(i int) (head, float64) { return sway(i), 0.03 * math.Sin(float64(i)/8) }, grey)
	f := NewFingerprinter([]byte("salt"))
	b.Run("gates", func(b *testing.B) {
		for b.Loop() {
			trace.Gates(DefaultLimits)
		}
	})
	b.Run("fingerprints", func(b *testing.B) {
		for b.Loop() {
			f.Recording(trace)
		}
	})
}
