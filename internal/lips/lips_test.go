package lips

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

const modelsFolder = "../../bin/models"

func reader(t testing.TB) *Reader {
	t.Helper()
	if _, err := os.Stat(modelsFolder); err != nil {
		t.Skip("no models are here: run make models")
	}
	library, err := infer.Open(infer.Config{Folder: modelsFolder})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(library)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shape returns a face of the given tilt, size and place: the rigid points lie as in the reference, the lips below.
func shape(centre, scale complex128) liveness.Face {
	var f liveness.Face
	put := func(from, to int, z complex128) {
		for i := from; i < to; i++ {
			p := centre + scale*z
			f.Landmarks[i] = liveness.Point{X: real(p), Y: imag(p)}
		}
	}
	put(36, 42, reference[0])
	put(42, 48, reference[1])
	put(27, 28, reference[2])
	put(30, 31, reference[3])
	put(33, 34, reference[4])
	put(48, 60, 1.3i)
	return f
}

// scene returns a picture in which brightness depends on the place relative to a head. It is v(x, y), 0..1, in pupil distances from
// the middle between the eyes.
func scene(width, height int, centre, scale complex128, v func(x, y float64) float64) *liveness.Picture {
	p := liveness.NewPicture(width, height)
	for y := range height {
		for x := range width {
			z := (complex(float64(x)+0.5, float64(y)+0.5) - centre) / scale
			b := uint8(255 * min(max(v(real(z), imag(z)), 0), 1))
			copy(p.Pixels[3*(y*width+x):], []byte{b, b, b})
		}
	}
	return p
}

func TestPicturesFollowTheHead(t *testing.T) {
	// A pattern on the head, seen twice as large, shifted and tilted by 15 degrees, gives the same mouth pictures.
	pattern := func(x, y float64) float64 { return 0.5 + 0.25*math.Sin(9*x) + 0.2*math.Cos(7*y) }
	pictures := func(width, height int, centre, scale complex128) []float32 {
		m := NewMouth()
		p, f := scene(width, height, centre, scale, pattern), shape(centre, scale)
		for i := range 10 {
			if err := m.Add(p, f, time.Duration(i)*time.Second/Rate); err != nil {
				t.Fatal(err)
			}
		}
		pixels, count := m.Pictures(Width, Height)
		if count != 10 || len(pixels) != 10*Width*Height {
			t.Fatalf("%d pictures of %d pixels in all", count, len(pixels))
		}
		return pixels
	}
	a := pictures(320, 240, 160+80i, 50)
	b := pictures(640, 480, 330+150i, complex(100*math.Cos(math.Pi/12), 100*math.Sin(math.Pi/12)))
	var worst float64
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i]-b[i])))
	}
	if worst > 4 {
		t.Errorf("pixels differ by up to %v of 255", worst)
	}
}

func TestPicturesAreTwentyFiveASecond(t *testing.T) {
	for _, fps := range []int{10, 15, 25, 30} {
		m := NewMouth()
		for i := 0; i <= 2*fps; i++ { // brightness grows evenly over two seconds
			level := float64(i) / float64(2*fps)
			p := scene(160, 120, 80+40i, 25, func(x, y float64) float64 { return level })
			if err := m.Add(p, shape(80+40i, 25), time.Duration(i)*time.Second/time.Duration(fps)); err != nil {
				t.Fatal(err)
			}
		}
		pixels, count := m.Pictures(Width, Height)
		if count < 50 || count > 51 {
			t.Fatalf("%d frames a second: %d pictures in two seconds", fps, count)
		}
		for k := range count {
			want := 255 * float64(k) / 50
			if got := float64(pixels[k*Width*Height]); math.Abs(got-want) > 2 {
				t.Errorf("%d frames a second, picture %d: brightness %v, want %v", fps, k, got, want)
			}
		}
	}
}

func TestAddIsBounded(t *testing.T) {
	m := NewMouth()
	p, f := liveness.NewPicture(64, 48), shape(32+16i, 10)
	for i := range 2000 { // a thousand frames a second
		if err := m.Add(p, f, time.Duration(i)*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if m.Frames() > 2*fastest {
		t.Errorf("%d frames kept of two seconds", m.Frames())
	}
	if err := m.Add(p, f, 2*time.Minute); err != ErrTooLong {
		t.Errorf("two minutes: %v", err)
	}
	if err := m.Add(p, liveness.Face{}, 3*time.Second); err != nil {
		t.Errorf("a face without landmarks: %v", err)
	}
}

func TestScoreOfOddPhrases(t *testing.T) {
	r := reader(t)
	reading, err := r.Read(NewMouth())
	if err != nil {
		t.Fatal(err)
	}
	for _, phrase := range []string{"", "123456", "12a4", "１２"} {
		if s := reading.Score(phrase); s.Score != 0 || len(s.Digits) != 0 {
			t.Errorf("phrase %q of nothing: %+v", phrase, s)
		}
	}
	if reading.IsMoving() || reading.Speech() != 0 {
		t.Error("nothing moves or speaks")
	}
}

func TestNoiseAndStillPicturesAreNotSpeech(t *testing.T) {
	r := reader(t)
	rng := rand.New(rand.NewPCG(7, 8))
	for name, noise := range map[string]float64{"still": 0, "noise": 40} {
		m := NewMouth()
		for i := range 75 {
			p := scene(160, 120, 80+40i, 25, func(x, y float64) float64 { return 0.5 + 0.2*math.Sin(6*x) })
			for j := range p.Pixels {
				p.Pixels[j] = uint8(min(max(float64(p.Pixels[j])+noise*rng.NormFloat64(), 0), 255))
			}
			if err := m.Add(p, shape(80+40i, 25), time.Duration(i)*time.Second/Rate); err != nil {
				t.Fatal(err)
			}
		}
		reading, err := r.Read(m)
		if err != nil {
			t.Fatal(err)
		}
		if s := reading.Score("597692"); s.Score > 0.5 {
			t.Errorf("%s: score %v", name, s.Score)
		}
		if name == "still" && reading.IsMoving() {
			t.Errorf("still lips move by %v", reading.Movement)
		}
	}
}

func BenchmarkRead125(b *testing.B) {
	r := reader(b)
	m := NewMouth()
	for i := range 125 {
		level := 0.5 + 0.3*math.Sin(float64(i))
		p := scene(160, 120, 80+40i, 25, func(x, y float64) float64 { return level + 0.2*math.Sin(6*x) })
		if err := m.Add(p, shape(80+40i, 25), time.Duration(i)*time.Second/Rate); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		reading, err := r.Read(m)
		if err != nil {
			b.Fatal(err)
		}
		reading.Score("597692")
	}
}

func BenchmarkAdd(b *testing.B) {
	for name, scale := range map[string]complex128{"far": 40, "near": 75, "close": 220} {
		b.Run(name, func(b *testing.B) {
			p, f := liveness.NewPicture(960, 720), shape(480+240i, scale)
			m := NewMouth()
			for b.Loop() {
				if m.Frames() > 100 {
					m = NewMouth()
				}
				if err := m.Add(p, f, time.Duration(m.Frames())*time.Second/Rate); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
