package check

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"github.com/bonafide-id/bonafide/liveness"
)

// worsened are pictures too poor for a decision, each with one fault that is far beyond its limit.
var worsened = map[string]struct {
	by     func(*vips.ImageRef) ([]byte, error)
	reason liveness.Reason
}{
	"blurred": {func(r *vips.ImageRef) ([]byte, error) {
		if err := r.GaussianBlur(5); err != nil {
			return nil, err
		}
		return asPNG(r)
	}, liveness.TooBlurry},
	"dark":       {func(r *vips.ImageRef) ([]byte, error) { return lit(r, 0.1) }, liveness.PoorIllumination},
	"burnt out":  {func(r *vips.ImageRef) ([]byte, error) { return lit(r, 2.5) }, liveness.PoorIllumination},
	"compressed": {func(r *vips.ImageRef) ([]byte, error) { return asJPEG(r, 3) }, liveness.TooCompressed},
}

func lit(r *vips.ImageRef, by float64) ([]byte, error) {
	if err := r.Linear1(by, 0); err != nil {
		return nil, err
	}
	return asPNG(r)
}

// ofThePress returns ten bona fide pictures.
func ofThePress(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../../../shared/data/pad/lfw/*_00??1.jpg")
	if err != nil || len(paths) == 0 {
		t.Skip("needs ../shared/data/pad beside the checkout")
	}
	return paths[:min(len(paths), 10)]
}

// TestPoorPicturesAreNotAttacks: bona fide pictures may be undecided for their quality, and live where they bear it, never attacks.
func TestPoorPicturesAreNotAttacks(t *testing.T) {
	paths := ofThePress(t)
	c := pictures(t)
	for name, fault := range worsened {
		found := 0
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			judge(t, c, data) // starts libvips as the server does
			source, err := vips.NewImageFromBuffer(data)
			if err != nil {
				t.Fatal(err)
			}
			poor, err := fault.by(source)
			source.Close()
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.CheckPicture(context.Background(), poor, PictureOptions{Threshold: 0.5, LargestFace: true})
			if err != nil {
				t.Fatal(err)
			}
			if v.Outcome == liveness.Attack {
				t.Errorf("%s, %s: an attack, with a score of %.3f", name, filepath.Base(path), *v.Score)
			}
			if v.Reason == fault.reason {
				found++
			}
		}
		// Some bear it and are live, in some no face is found.
		if found < 4 {
			t.Errorf("%s: only %d of 10 pictures are undecided for it", name, found)
		}
	}
}

var grain *rand.Rand // of the noise, restarted for each defect

// spoilt are faults that change a face's score before they make it unfit to be scored at all. Each gives what a place holds of one
// colour, 0..255, from what it and the places to its right held.
var spoilt = map[string]struct {
	by     func(right []float64) float64
	reason liveness.Reason
}{
	"shaken": {func(right []float64) float64 {
		var sum float64
		for _, v := range right {
			sum += v / float64(len(right))
		}
		return sum
	}, liveness.TooBlurry},
	"noisy":        {func(right []float64) float64 { return right[0] + 12*grain.NormFloat64() }, liveness.PoorIllumination},
	"over-exposed": {func(right []float64) float64 { return 2 * right[0] }, liveness.PoorIllumination},
}

// TestALowScoreOfASpoiltPictureIsNoAttack makes every score a low one: what is called an attack then must be fit to be called so.
func TestALowScoreOfASpoiltPictureIsNoAttack(t *testing.T) {
	paths := ofThePress(t)
	c := pictures(t)
	attacks := func(change func(image.Image) image.Image, reason liveness.Reason) (attacks, undecided int) {
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			read, err := jpeg.Decode(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			if err := png.Encode(&file, change(read)); err != nil {
				t.Fatal(err)
			}
			v, err := c.CheckPicture(context.Background(), file.Bytes(), PictureOptions{Threshold: 1, LargestFace: true})
			if err != nil {
				t.Fatal(err)
			}
			if v.Outcome == liveness.Attack {
				attacks++
			}
			if v.Score != nil && v.Outcome == liveness.Undecided && v.Reason == reason {
				undecided++
			}
		}
		return attacks, undecided
	}
	if called, _ := attacks(func(i image.Image) image.Image { return i }, ""); called < len(paths)-1 {
		t.Errorf("as they are, only %d of %d are called attacks", called, len(paths))
	}
	for name, fault := range spoilt {
		grain = rand.New(rand.NewPCG(1, 2))
		called, undecided := attacks(func(i image.Image) image.Image { return filterPixels(i, fault.by) }, fault.reason)
		if called > 1 || undecided < len(paths)-2 {
			t.Errorf("%s: of %d pictures %d are called attacks, %d undecided for it", name, len(paths), called, undecided)
		}
	}
}

// TestTheLowestScoresSkipTheLowScoreGates: doubts are measured for low scores, but not for those under sureAttack.
func TestTheLowestScoresSkipTheLowScoreGates(t *testing.T) {
	c := pictures(t)
	count := map[bool]int{}
	for _, path := range ofSets(t, 40) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := c.CheckPicture(context.Background(), data, PictureOptions{Threshold: 0.95, LargestFace: true})
		if err != nil {
			t.Fatal(err)
		}
		low := v.Score != nil && *v.Score < 0.95
		doubted := slices.ContainsFunc(v.Gates, func(g liveness.Gate) bool { return strings.HasPrefix(g.Name, "low_score_") })
		if doubted && !(low && *v.Score >= sureAttack) || low && *v.Score < sureAttack && v.Reason == "" && v.Outcome != liveness.Attack {
			t.Errorf("%s: a score of %v, doubted: %v, %s", filepath.Base(path), *v.Score, doubted, v.Outcome)
		}
		if low {
			count[doubted]++
		}
	}
	if count[true] < 3 || count[false] < 3 {
		t.Errorf("%d low scores were doubted and %d were not: this tests too little", count[true], count[false])
	}
}

// filterPixels returns a picture with each colour of each place changed by what the seven places from it on hold.
func filterPixels(from image.Image, by func(right []float64) float64) image.Image {
	b := from.Bounds()
	out := image.NewNRGBA(b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			var right [3][]float64
			for k := range 7 {
				red, green, blue, _ := from.At(min(x+k, b.Max.X-1), y).RGBA()
				for i, v := range []uint32{red, green, blue} {
					right[i] = append(right[i], float64(v>>8))
				}
			}
			level := func(i int) uint8 { return uint8(min(max(by(right[i]), 0), 255)) }
			out.SetNRGBA(x, y, color.NRGBA{level(0), level(1), level(2), 255})
		}
	}
	return out
}
