package check

import (
	"bytes"
	"context"
	"image"
	"image/draw"
	_ "image/jpeg" // the pictures are JPEG
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/pad"
	"github.com/bonafide-id/bonafide/internal/quality"
)

// pictures is a checker of pictures alone.
func pictures(t testing.TB) *Checker {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../bin/models"
	}
	if err := infer.Verify(folder); err != nil {
		t.Skipf("the models are not all there: %v", err)
	}
	library, err := infer.Open(infer.Config{Folder: folder})
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

// versions are the same picture in other dresses. Each starts from the decoded picture.
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
	"half":   func(r *vips.ImageRef) ([]byte, error) { return scaled(r, 0.5) },
	"double": func(r *vips.ImageRef) ([]byte, error) { return scaled(r, 2) },
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
	"CMYK":       func(r *vips.ImageRef) ([]byte, error) { return profiled(r, "cmyk") },
	"Display P3": func(r *vips.ImageRef) ([]byte, error) { return profiled(r, "p3") },
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

func scaled(r *vips.ImageRef, by float64) ([]byte, error) {
	if err := r.Resize(by, vips.KernelCubic); err != nil {
		return nil, err
	}
	return asPNG(r)
}

func profiled(r *vips.ImageRef, profile string) ([]byte, error) {
	if err := r.TransformICCProfileWithFallback(profile, "srgb"); err != nil {
		return nil, err
	}
	return asJPEG(r, 95)
}

// TestTheSameAnswerEverywhere holds the score of a picture in another dress against its own, at the default threshold. It
// takes as many pictures as BONAFIDE_SAME says (200 for the full figure), and few where it says nothing. Scores that move by
// more than 0.05, and outcomes that flip, are counted and told; the test fails where more than a part of them do.
func TestTheSameAnswerEverywhere(t *testing.T) {
	const threshold, most = 0.5, 0.05
	n, _ := strconv.Atoi(os.Getenv("BONAFIDE_SAME"))
	if n == 0 {
		n = 4
	}
	all, _ := filepath.Glob("../../../shared/data/pad/replayattack/*.jpg")
	lfw, _ := filepath.Glob("../../../shared/data/pad/nuaa/*.jpg")
	if all = append(all, lfw...); len(all) == 0 {
		t.Skip("needs ../shared/data/pad beside the checkout")
	}
	c := pictures(t)
	verdict := func(data []byte) (float64, string) {
		v, err := c.Picture(context.Background(), data, PictureOptions{Threshold: threshold, LargestFace: true})
		if err != nil {
			t.Fatal(err)
		}
		if v.Score == nil {
			return math.NaN(), string(v.Outcome) + " " + string(v.Reason)
		}
		return float64(*v.Score), string(v.Outcome)
	}
	type tally struct{ of, moved, flipped int }
	count := map[string]*tally{}
	for i := range n {
		data, err := os.ReadFile(all[i*len(all)/n])
		if err != nil {
			t.Fatal(err)
		}
		// The picture itself, twice as large, as PNG: half of it is above the limits.
		source, err := vips.NewImageFromBuffer(enlarged(t, data))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := asPNG(source)
		if err != nil {
			t.Fatal(err)
		}
		score, outcome := verdict(plain)
		if math.IsNaN(score) {
			continue
		}
		for name, dress := range versions {
			copied, err := source.Copy()
			if err != nil {
				t.Fatal(err)
			}
			dressed, err := dress(copied)
			copied.Close()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if count[name] == nil {
				count[name] = &tally{}
			}
			k := count[name]
			k.of++
			s, o := verdict(dressed)
			if !(math.Abs(s-score) < most) {
				k.moved++
				t.Logf("%s: %s scores %.3f (%s), not %.3f", filepath.Base(all[i*len(all)/n]), name, s, o, score)
			}
			if o != outcome {
				k.flipped++
			}
		}
		source.Close()
	}
	moved, of := 0, 0
	for name, k := range count {
		t.Logf("%s: of %d pictures, %d move by %v or more, %d flip", name, k.of, k.moved, most, k.flipped)
		if name != "grey" && name != "CMYK" {
			moved, of = moved+k.moved, of+k.of
		}
	}
	if of == 0 || moved > of/4 {
		t.Errorf("%d of %d scores move", moved, of)
	}
}

// enlarged is a JPEG twice as large, as PNG.
func enlarged(t testing.TB, data []byte) []byte {
	t.Helper()
	decoded, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	eightBits := image.NewNRGBA(decoded.Bounds()) // Go writes 16 of any other kind
	draw.Draw(eightBits, eightBits.Bounds(), decoded, decoded.Bounds().Min, draw.Src)
	var file bytes.Buffer
	if err := png.Encode(&file, eightBits); err != nil {
		t.Fatal(err)
	}
	// Decoding starts libvips as the server does.
	if _, err := media.Decode(file.Bytes(), media.StillLimits{}); err != nil {
		t.Fatal(err)
	}
	ref, err := vips.NewImageFromBuffer(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	defer ref.Close()
	out, err := scaled(ref, 2)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
