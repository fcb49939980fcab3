package check

import (
	"context"
	"encoding/csv"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/pad"
	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/liveness"
)

// pictures returns a checker of pictures alone.
func pictures(t testing.TB) *Checker {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../bin/models"
	}
	if err := infer.Verify(folder); err != nil {
		t.Skipf("the models are not all there: %v", err)
	}
	library, err := infer.Open(infer.Config{Folder: folder, Own: os.Getenv("BONAFIDE_OWN_MODELS")})
	if err != nil {
		t.Fatal(err)
	}
	c := &Checker{}
	if c.Faces, err = face.New(library); err != nil {
		t.Fatal(err)
	}
	if c.Quality, err = quality.New(library); err != nil {
		t.Fatal(err)
	}
	if c.PAD, err = pad.New(library); err != nil {
		t.Fatal(err)
	}
	return c
}

// versions are changed copies of the picture. Each starts from the decoded picture.
var versions = map[string]func(*vips.ImageRef) ([]byte, error){
	"JPEG 80": func(r *vips.ImageRef) ([]byte, error) { return asJPEG(r, 80) },
	"mirrored": func(r *vips.ImageRef) ([]byte, error) {
		if err := r.Flip(vips.DirectionHorizontal); err != nil {
			return nil, err
		}
		return asPNG(r)
	},
	"turned, with EXIF": func(r *vips.ImageRef) ([]byte, error) {
		if err := r.Rotate(vips.Angle270); err != nil {
			return nil, err
		}
		if err := r.SetOrientation(6); err != nil {
			return nil, err
		}
		return asJPEG(r, 95)
	},
	"half":   func(r *vips.ImageRef) ([]byte, error) { return resize(r, 0.5) },
	"double": func(r *vips.ImageRef) ([]byte, error) { return resize(r, 2) },
	"grey": func(r *vips.ImageRef) ([]byte, error) {
		if err := r.ToColorSpace(vips.InterpretationBW); err != nil {
			return nil, err
		}
		return asPNG(r)
	},
	"16 bits": func(r *vips.ImageRef) ([]byte, error) {
		if err := r.ToColorSpace(vips.InterpretationRGB16); err != nil {
			return nil, err
		}
		return asPNG(r)
	},
	"CMYK":       func(r *vips.ImageRef) ([]byte, error) { return addProfile(r, "cmyk") },
	"Display P3": func(r *vips.ImageRef) ([]byte, error) { return addProfile(r, "p3") },
	"alpha": func(r *vips.ImageRef) ([]byte, error) {
		if err := r.AddAlpha(); err != nil {
			return nil, err
		}
		return asPNG(r)
	},
}

func asJPEG(r *vips.ImageRef, quality int) ([]byte, error) {
	data, _, err := r.ExportJpeg(&vips.JpegExportParams{Quality: quality})
	return data, err
}

func asPNG(r *vips.ImageRef) ([]byte, error) {
	data, _, err := r.ExportPng(&vips.PngExportParams{})
	return data, err
}

func resize(r *vips.ImageRef, by float64) ([]byte, error) {
	if err := r.Resize(by, vips.KernelCubic); err != nil {
		return nil, err
	}
	return asPNG(r)
}

func addProfile(r *vips.ImageRef, profile string) ([]byte, error) {
	if err := r.TransformICCProfileWithFallback(profile, "srgb"); err != nil {
		return nil, err
	}
	return asJPEG(r, 95)
}

// ofSets returns n pictures of the webcams' sets, as many of each set. BONAFIDE_SETS names the sets; without it, all are taken.
func ofSets(t *testing.T, n int) []string {
	t.Helper()
	const folder = "../../../shared/data/webcams"
	file, err := os.Open(folder + "/labels.csv")
	if err != nil {
		t.Skip("needs ../shared/data/webcams beside the checkout")
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	path, set := slices.Index(rows[0], "path"), slices.Index(rows[0], "set")
	of := map[string][]string{}
	for _, row := range rows[1:] {
		if names := os.Getenv("BONAFIDE_SETS"); names == "" || slices.Contains(strings.Split(names, ","), row[set]) {
			of[row[set]] = append(of[row[set]], filepath.Join(folder, row[path]))
		}
	}
	var chosen []string
	for i := 0; i < len(rows) && len(chosen) < n; i++ {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			if all := of[name]; i < len(all) && len(chosen) < n {
				chosen = append(chosen, all[i*37%len(all)])
			}
		}
	}
	return chosen
}

// judged is what a check said of one picture.
type judged struct {
	score   float64 // NaN where there is none
	outcome liveness.Outcome
	// margin is how many times the limits of size the face has; from 2 on, half the size is still enough.
	margin float64
}

func judge(t *testing.T, c *Checker, data []byte) judged {
	t.Helper()
	v, err := c.CheckPicture(context.Background(), data, PictureOptions{Threshold: 0.5, LargestFace: true})
	if err != nil {
		t.Fatal(err)
	}
	j := judged{math.NaN(), v.Outcome, 0}
	if v.Score != nil {
		j.score = float64(*v.Score)
	}
	if len(v.Faces) > 0 {
		f := v.Faces[0]
		j.margin = min(f.Box.Width/largestFaceLimits.FaceSize, f.Box.Height/largestFaceLimits.FaceSize, f.PupilDistance/largestFaceLimits.PupilDistance)
	}
	return j
}

// most is the share of the pictures whose score may move by 0.05, and whose outcome may flip. All should be 0; the table under
// models/cards/pad.md says how far from it each is.
var most = map[string]struct{ moved, flipped float64 }{
	"16 bits": {}, "alpha": {}, "mirrored": {}, "turned, with EXIF": {0.06, 0.02}, "double": {0.05, 0.02}, "JPEG 80": {0.1, 0.03},
	"Display P3": {0.1, 0.03}, "half": {0.25, 0.1}, "grey": {0.45, 0.12}, "CMYK": {0.3, 0.06},
}

// TestTheSameAnswerEverywhere holds the score of a picture of a copy with its own, at the threshold 0.5. It takes as
// many pictures as BONAFIDE_SAME says (200 for the full figure). By default it takes few, and fails only where it must not depend
// on luck.
func TestTheSameAnswerEverywhere(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("BONAFIDE_SAME"))
	full := n > 0
	if !full {
		n = 10
	}
	paths := ofSets(t, n)
	c := pictures(t)
	type tally struct{ of, moved, flipped int }
	count := map[string]*tally{}
	for name := range versions {
		count[name] = &tally{}
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		plain := judge(t, c, data) // starts libvips as the server does
		if math.IsNaN(plain.score) {
			continue
		}
		source, err := vips.NewImageFromBuffer(data)
		if err != nil {
			t.Fatal(err)
		}
		for name, copyOf := range versions {
			if name == "half" && plain.margin < 2 {
				continue
			}
			copied, err := source.Copy()
			if err != nil {
				t.Fatal(err)
			}
			changed, err := copyOf(copied)
			copied.Close()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			now, k := judge(t, c, changed), count[name]
			k.of++
			if !(math.Abs(now.score-plain.score) < 0.05) {
				k.moved++
				t.Logf("%s: %s scores %.3f (%s), not %.3f (%s)", filepath.Base(path), name, now.score, now.outcome, plain.score, plain.outcome)
			}
			if now.outcome != plain.outcome {
				k.flipped++
			}
		}
		source.Close()
	}
	for name, k := range count {
		t.Logf("%s: of %d pictures, %d move by 0.05 or more, %d flip", name, k.of, k.moved, k.flipped)
		limit := most[name]
		if !full && limit.moved > 0 {
			continue
		}
		if of := float64(k.of); k.of == 0 || float64(k.moved) > limit.moved*of || float64(k.flipped) > limit.flipped*of {
			t.Errorf("%s: of %d pictures %d move and %d flip; at most %.0f%% and %.0f%% may", name, k.of, k.moved, k.flipped, 100*limit.moved, 100*limit.flipped)
		}
	}
}
