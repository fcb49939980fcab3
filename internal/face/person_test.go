package face

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// frame is one of a recording, and when it is shown.
type frame struct {
	*liveness.Picture
	at time.Duration
}

func framesAt25FPS(list []*liveness.Picture) []frame {
	var frames []frame
	for i, p := range list {
		frames = append(frames, frame{p, time.Duration(i) * 40 * time.Millisecond})
	}
	return frames
}

// changeEach changes every frame by its number.
func changeEach(list []frame, change func(i int, p *liveness.Picture) *liveness.Picture) []frame {
	var changed []frame
	for i, f := range list {
		changed = append(changed, frame{change(i, f.Picture), f.at})
	}
	return changed
}

// paintBox returns the picture with a box of one colour in it, the colour of a point.
func paintBox(p *liveness.Picture, box liveness.Box, like liveness.Point) *liveness.Picture {
	q := &liveness.Picture{Pixels: slices.Clone(p.Pixels), Width: p.Width, Height: p.Height}
	colour := 3 * (int(like.Y)*p.Width + int(like.X))
	for y := max(int(box.Y), 0); y < min(int(box.Y+box.Height), p.Height); y++ {
		for x := max(int(box.X), 0); x < min(int(box.X+box.Width), p.Width); x++ {
			copy(q.Pixels[3*(y*p.Width+x):], p.Pixels[colour:colour+3])
		}
	}
	return q
}

// alone returns the one face of a frame.
func alone(t *testing.T, f *Finder, p *liveness.Picture) liveness.Face {
	t.Helper()
	faces, err := f.Find(p)
	if err != nil || len(faces) != 1 {
		t.Fatalf("%d faces (%v)", len(faces), err)
	}
	return faces[0]
}

// disturbances are what happens to a recording of one person. missing is how many frames then show no face.
var disturbances = []struct {
	name    string
	missing int
	of      func(t *testing.T, f *Finder, list []frame) []frame
}{
	{"zoom from 1 to 1.6 in 2 s", 0, func(_ *testing.T, _ *Finder, list []frame) []frame {
		return changeEach(list, func(i int, p *liveness.Picture) *liveness.Picture {
			s := 1 / (1 + 0.6*min(float64(i)/50, 1))
			return p.Warp(liveness.Affine{A: s, C: 180 * (1 - s), E: s, F: 150 * (1 - s)}, p.Width, p.Height)
		})
	}},
	{"shaken by 5% a frame", 0, func(_ *testing.T, _ *Finder, list []frame) []frame {
		rng := rand.New(rand.NewPCG(1, 2))
		return changeEach(list, func(_ int, p *liveness.Picture) *liveness.Picture {
			by := func(size int) float64 { return 0.05 * float64(size) * (2*rng.Float64() - 1) }
			return p.Warp(liveness.Affine{A: 1, C: by(p.Width), E: 1, F: by(p.Height)}, p.Width, p.Height)
		})
	}},
	{"two black frames, twice", 4, func(_ *testing.T, _ *Finder, list []frame) []frame {
		return changeEach(list, func(i int, p *liveness.Picture) *liveness.Picture {
			if i%30 == 20 || i%30 == 21 {
				return liveness.NewPicture(p.Width, p.Height)
			}
			return p
		})
	}},
	{"covered for two frames, twice", 4, func(t *testing.T, f *Finder, list []frame) []frame {
		box := enlargedBox(alone(t, f, list[0].Picture).Box, 1.3)
		return changeEach(list, func(i int, p *liveness.Picture) *liveness.Picture {
			if i%30 == 20 || i%30 == 21 {
				return paintBox(p, box, liveness.Point{X: 5, Y: 5})
			}
			return p
		})
	}},
	{"eyes closed for 5 frames, twice", 0, func(t *testing.T, f *Finder, list []frame) []frame {
		return changeEach(list, func(i int, p *liveness.Picture) *liveness.Picture {
			if i%30 < 15 || i%30 >= 20 {
				return p
			}
			points := alone(t, f, p).Landmarks
			for _, eye := range [][]liveness.Point{points[36:42], points[42:48]} {
				c, w := liveness.Centre(eye), distance(eye[0], eye[3])
				p = paintBox(p, liveness.Box{X: c.X - 0.6*w, Y: c.Y - 0.25*w, Width: 1.2 * w, Height: 0.5 * w}, liveness.Point{X: c.X, Y: c.Y + 0.8*w})
			}
			return p
		})
	}},
	{"a quarter of the frames dropped", 0, func(_ *testing.T, _ *Finder, list []frame) []frame {
		rng := rand.New(rand.NewPCG(3, 4))
		return slices.DeleteFunc(slices.Clone(list), func(frame) bool { return rng.Float64() < 0.25 })
	}},
}

func TestFollowsThroughDisturbances(t *testing.T) {
	f := openFinder(t)
	for _, name := range []string{"s1", "s4"} {
		list := framesAt25FPS(speakerPictures(t, name, 0))
		for _, d := range disturbances {
			disturbed := d.of(t, f, list)
			track := f.Follow()
			for i, p := range disturbed {
				found, ok, err := track.Next(p.Picture, p.at)
				if err != nil {
					t.Fatal(err)
				}
				if !ok || i%10 != 9 {
					continue
				}
				// The face is where somebody who has not followed it finds it.
				here := alone(t, f, p.Picture)
				if off := distance(liveness.Centre(found.Landmarks[:]), liveness.Centre(here.Landmarks[:])) / here.PupilDistance; off > 0.15 {
					t.Errorf("%s, %s: frame %d is off by %.2f of the pupil distance", name, d.name, i, off)
				}
			}
			seen := track.Seen()
			// After a gap the detector may need one frame more.
			if len(seen.Changed) > 0 || seen.Crowded > 0 || seen.Found < seen.Frames-d.missing-d.missing/2 {
				t.Errorf("%s, %s: seen %+v", name, d.name, seen)
			}
		}
	}
}

// compressX264 returns what is left of frames after x264 at so many kbit/s.
func compressX264(t *testing.T, list []*liveness.Picture, kbits int) []*liveness.Picture {
	t.Helper()
	var raw bytes.Buffer
	for _, p := range list {
		raw.Write(p.Pixels)
	}
	path, rate := filepath.Join(t.TempDir(), "squeezed.mp4"), fmt.Sprintf("%dk", kbits)
	encode := exec.Command("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", list[0].Width, list[0].Height), "-r", "25", "-i", "-",
		"-c:v", "libx264", "-preset", "veryfast", "-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-pix_fmt", "yuv420p", path)
	encode.Stdin = &raw
	if out, err := encode.CombinedOutput(); err != nil {
		t.Skipf("needs ffmpeg with x264: %v %s", err, out)
	}
	return frames(t, path)
}

// TestPersonsAtLowBitrates: splices of one person are not a change, another person is, at 60 to 150 kbit/s. With
// BONAFIDE_PERSONS=all every speaker and all 56 pairs are looked at, and what came out is counted; otherwise a few.
func TestPersonsAtLowBitrates(t *testing.T) {
	f := openFinder(t)
	rates, several := []int{60}, []string{"s4", "s26"}
	if os.Getenv("BONAFIDE_PERSONS") == "all" {
		rates, several = []int{60, 100, 150}, speakers
	}
	clips := map[string][][]*liveness.Picture{}
	for _, name := range several {
		for n := range 2 {
			clips[name] = append(clips[name], speakerPictures(t, name, n))
		}
	}
	for _, rate := range rates {
		falsely, missed, spliced, joined := 0, 0, 0, 0
		for _, name := range several {
			// Twelve pieces of two recordings, joined as spliced words are.
			var list []*liveness.Picture
			for i := range 12 {
				clip := clips[name][i%2]
				from := i * 6 % (len(clip) - 10)
				list = append(list, clip[from:from+10]...)
			}
			spliced++
			if seen := follow(t, f, compressX264(t, list, rate)); len(seen.Changed) > 0 {
				falsely++
				t.Errorf("%s spliced, %d kbit/s: seen %+v", name, rate, seen)
			}
			for _, other := range several {
				if other == name {
					continue
				}
				joined++
				cut := time.Duration(len(clips[name][0])) * 40 * time.Millisecond
				seen := follow(t, f, compressX264(t, slices.Concat(clips[name][0], clips[other][1]), rate))
				if len(seen.Changed) != 1 || seen.Changed[0] < cut-40*time.Millisecond || seen.Changed[0] > cut+time.Second {
					missed++
					t.Errorf("%s then %s at %v, %d kbit/s: seen %+v", name, other, cut, rate, seen)
				}
			}
		}
		t.Logf("%d kbit/s: of %d splices of one person %d are taken for a change; of %d changes %d are missed", rate, spliced, falsely, joined, missed)
	}
}
