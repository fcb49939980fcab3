package quality

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// values returns the components of a judged picture by name, and "unified".
func (r rig) values(t testing.TB, p *liveness.Picture, faces ...liveness.Face) map[string]int {
	t.Helper()
	judged, err := r.judge.Assess(p, faces, 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int{"unified": judged.Quality.Unified}
	for _, c := range judged.Quality.Components {
		if c.Value < 0 || c.Value > 100 {
			t.Errorf("%s is %d", c.Name, c.Value)
		}
		values[c.Name] = c.Value
	}
	return values
}

// compressJPEG returns a picture after JPEG of a quality.
func compressJPEG(t testing.TB, p *liveness.Picture, quality int) *liveness.Picture {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		img.Set(i%p.Width, i/p.Width, color.RGBA{p.Pixels[3*i], p.Pixels[3*i+1], p.Pixels[3*i+2], 255})
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	read, err := jpeg.Decode(&file)
	if err != nil {
		t.Fatal(err)
	}
	out := liveness.NewPicture(p.Width, p.Height)
	for i := range p.Width * p.Height {
		r, g, b, _ := read.At(i%p.Width, i/p.Width).RGBA()
		out.Pixels[3*i], out.Pixels[3*i+1], out.Pixels[3*i+2] = byte(r>>8), byte(g>>8), byte(b>>8)
	}
	return out
}

// soften returns a picture at another size and back.
func soften(p *liveness.Picture, size int) *liveness.Picture {
	small := p.Crop(liveness.Box{Width: float64(p.Width), Height: float64(p.Height)}, size, size)
	return small.Crop(liveness.Box{Width: float64(size), Height: float64(size)}, p.Width, p.Height)
}

// Each component falls as its fault grows, and the unified score with it.
func TestComponentsFallAsTheirFaultGrows(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	f.Pose = liveness.Pose{}
	lids := func(face liveness.Face, close float64) liveness.Face {
		for _, eye := range []int{36, 42} {
			for _, k := range [][2]int{{1, 5}, {2, 4}} {
				upper, lower := &face.Landmarks[eye+k[0]], face.Landmarks[eye+k[1]]
				upper.Y += close * (lower.Y - upper.Y)
			}
		}
		return face
	}
	type state struct {
		picture *liveness.Picture
		faces   []liveness.Face
	}
	one := func(p *liveness.Picture, f liveness.Face) state { return state{p, []liveness.Face{f}} }
	for name, steps := range map[string]struct {
		faults []float64
		with   func(fault float64) state
	}{
		Sharpness:    {[]float64{300, 160, 80, 45}, func(v float64) state { return one(soften(p, int(v)), f) }},
		UnderExposed: {[]float64{.5, .2, .1, .05}, func(v float64) state { return one(lit(p, func(l, _ float64) float64 { return l * v }), f) }},
		OverExposed:  {[]float64{1.5, 2, 3, 4}, func(v float64) state { return one(lit(p, func(l, _ float64) float64 { return l * v }), f) }},
		Uniformity: {[]float64{.5, 1, 2, 4}, func(v float64) state {
			return one(lit(p, func(l, x float64) float64 { return l / (1 + v*max(0, (x-f.Box.X)/f.Box.Width)) }), f)
		}},
		Compression: {[]float64{40, 20, 10, 4}, func(v float64) state { return one(compressJPEG(t, p, int(v)), f) }},
		EyeDistance: {[]float64{.8, .6, .4, .2}, func(v float64) state {
			return one(p.Crop(liveness.Box{Width: float64(p.Width), Height: float64(p.Height)}, int(v*float64(p.Width)), int(v*float64(p.Height))), f.Scale(v))
		}},
		PoseYaw:   {[]float64{10, -25, 40, -70}, func(v float64) state { g := f; g.Pose.Yaw = v; return one(p, g) }},
		PosePitch: {[]float64{-10, 25, -40, 70}, func(v float64) state { g := f; g.Pose.Pitch = v; return one(p, g) }},
		PoseRoll:  {[]float64{10, -25, 40, -170}, func(v float64) state { g := f; g.Pose.Roll = v; return one(p, g) }},
		EyesOpen:  {[]float64{.3, .5, .7, .9}, func(v float64) state { return one(p, lids(f, v)) }},
		MouthClosed: {[]float64{.2, .4, .6, .8}, func(v float64) state {
			g := f
			g.Landmarks[66].Y += v * f.PupilDistance * 0.8
			return one(p, g)
		}},
		SingleFace: {[]float64{.2, .4, .6, .9}, func(v float64) state {
			g := f
			g.Box.Width, g.Box.Height = v*f.Box.Width, v*f.Box.Height
			return state{p, []liveness.Face{f, g}}
		}},
		Crop: {[]float64{.1, .2, .3, .4}, func(v float64) state {
			g, by := f, f.Box.X+v*f.Box.Width
			g.Box.X -= by
			for i := range g.Landmarks {
				g.Landmarks[i].X -= by
			}
			return one(crop(p, by, 0, float64(p.Width), float64(p.Height)), g)
		}},
	} {
		last := r.values(t, p, f)
		first := last["unified"]
		for _, fault := range steps.faults {
			s := steps.with(fault)
			values := r.values(t, s.picture, s.faces...)
			if values[name] >= last[name] && last[name] > 0 {
				t.Errorf("%s is %d at %v, %d before", name, values[name], fault, last[name])
			}
			if values["unified"] > last["unified"] {
				t.Errorf("unified is %d at %s %v, %d before", values["unified"], name, fault, last["unified"])
			}
			last = values
		}
		if last["unified"] >= first {
			t.Errorf("unified is %d at the worst %s, %d without it", last["unified"], name, first)
		}
	}
}
