package quality

import (
	"image"
	_ "image/jpeg" // the samples are JPEG
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/liveness"
)

// rig is what the tests judge with.
type rig struct {
	finder *face.Finder
	judge  *Assessor
}

func newRig(t testing.TB) rig {
	t.Helper()
	return openedWith(t, infer.Config{})
}

func openedWith(t testing.TB, config infer.Config) rig {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../bin/models"
	}
	if err := infer.Verify(folder); err != nil {
		t.Skipf("the models are not all there: %v", err)
	}
	config.Folder = folder
	library, err := infer.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	finder, err := face.New(library)
	if err != nil {
		t.Fatal(err)
	}
	judge, err := New(library)
	if err != nil {
		t.Fatal(err)
	}
	return rig{finder, judge}
}

func (r rig) gates(t testing.TB, p *liveness.Picture) []liveness.Gate {
	t.Helper()
	faces, err := r.finder.Find(p)
	if err != nil {
		t.Fatal(err)
	}
	judged, err := r.judge.Assess(p, faces, 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return judged.Gates
}

// reason returns that of the first gate that does not pass.
func reason(gates []liveness.Gate) liveness.Reason {
	for _, g := range gates {
		if !g.Passed {
			return g.Reason
		}
	}
	return ""
}

func sample(t testing.TB, name string) *liveness.Picture {
	t.Helper()
	file, err := os.Open(filepath.Join("../../bin/testdata/faces", name))
	if err != nil {
		t.Skipf("no pictures of faces: run `make test`, which fetches them (%v)", err)
	}
	defer file.Close()
	decoded, _, err := image.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	bounds := decoded.Bounds()
	p := liveness.NewPicture(bounds.Dx(), bounds.Dy())
	for i := range p.Width * p.Height {
		r, g, b, _ := decoded.At(bounds.Min.X+i%p.Width, bounds.Min.Y+i/p.Width).RGBA()
		p.Pixels[3*i], p.Pixels[3*i+1], p.Pixels[3*i+2] = byte(r>>8), byte(g>>8), byte(b>>8)
	}
	return p
}

// portrait cuts one of the people of sample6.jpg out, her face a third of the picture's width, and returns her face too.
func (r rig) portrait(t testing.TB) (*liveness.Picture, liveness.Face) {
	t.Helper()
	group := sample(t, "sample6.jpg")
	faces, err := r.finder.Find(group)
	if err != nil {
		t.Fatal(err)
	}
	var chosen liveness.Face
	for _, f := range faces {
		if chosen.Box.Width == 0 || f.Box.X < chosen.Box.X {
			chosen = f
		}
	}
	c, size := chosen.Box.Centre(), 2.1*chosen.Box.Height
	p := group.Crop(liveness.Box{X: c.X - size/2, Y: c.Y - size/2, Width: size, Height: size}, 800, 800)
	if faces, err = r.finder.Find(p); err != nil || len(faces) == 0 {
		t.Fatalf("no face in the portrait (%v)", err)
	}
	return p, faces[0]
}

func TestFaultlessPicturePassesEveryGate(t *testing.T) {
	r := newRig(t)
	p, _ := r.portrait(t)
	for _, g := range r.gates(t, p) {
		if !g.Passed {
			t.Errorf("%s: %v, limit %v (%s)", g.Name, g.Measure, g.Limit, g.Reason)
		}
	}
}

// crop returns the part of a picture between two corners.
func crop(p *liveness.Picture, left, top, right, bottom float64) *liveness.Picture {
	b := liveness.Box{X: left, Y: top, Width: right - left, Height: bottom - top}
	return p.Crop(b, int(b.Width), int(b.Height))
}

func TestEachFaultHasItsReason(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	b, w, h := f.Box, float64(p.Width), float64(p.Height)
	right, bottom := b.X+b.Width, b.Y+b.Height
	beside := liveness.NewPicture(2*p.Width, p.Height)
	for y := range p.Height {
		row := p.Pixels[3*y*p.Width : 3*(y+1)*p.Width]
		copy(beside.Pixels[6*y*p.Width:], row)
		copy(beside.Pixels[6*y*p.Width+len(row):], row)
	}
	for name, c := range map[string]struct {
		picture *liveness.Picture
		want    liveness.Reason
	}{
		"nothing":      {liveness.NewPicture(640, 480), liveness.FaceNotFound},
		"two":          {beside, liveness.TooManyFaces},
		"small":        {p.Crop(liveness.Box{Width: w, Height: h}, 300, 300), liveness.FaceTooSmall},
		"cut left":     {crop(p, b.X+.2*b.Width, 0, w, h), liveness.FaceCropped},
		"cut right":    {crop(p, 0, 0, right-.2*b.Width, h), liveness.FaceCropped},
		"cut above":    {crop(p, 0, b.Y+.2*b.Height, w, h), liveness.FaceCropped},
		"cut below":    {crop(p, 0, 0, w, bottom-.2*b.Height), liveness.FaceCropped},
		"close":        {crop(p, b.X-.1*b.Width, b.Y-.1*b.Height, right+.1*b.Width, bottom+.1*b.Height), liveness.FaceTooClose},
		"near left":    {crop(p, b.X-9, 0, w, h), liveness.FaceNearBorder},
		"near the top": {crop(p, 0, b.Y-9, w, h), liveness.FaceNearBorder},
		"dark":         {lit(p, func(v, _ float64) float64 { return v / 12 }), liveness.PoorIllumination},
		"glaring":      {lit(p, func(v, _ float64) float64 { return 225 + v/8 }), liveness.PoorIllumination},
		"blurred":      {p.Crop(liveness.Box{Width: w, Height: h}, 45, 45).Crop(liveness.Box{Width: 45, Height: 45}, 800, 800), liveness.TooBlurry},
	} {
		gates := r.gates(t, c.picture)
		if got := reason(gates); got != c.want {
			t.Errorf("%s: %q, not %q: %+v", name, got, c.want, gates)
		}
	}
}

// lit changes each value by its place across the picture.
func lit(p *liveness.Picture, change func(v, x float64) float64) *liveness.Picture {
	out := liveness.NewPicture(p.Width, p.Height)
	for i, v := range p.Pixels {
		out.Pixels[i] = byte(min(max(change(float64(v), float64(i/3%p.Width)), 0), 255))
	}
	return out
}

// A face of which one half is black may well count as occluded first.
func TestLightFromOneSide(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	half := lit(p, func(v, x float64) float64 { return v / (1 + 15*max(0, (x-f.Box.X-f.Box.Width/4)/f.Box.Width)) })
	judged, err := r.judge.Assess(half, []liveness.Face{f}, 1, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range judged.Gates {
		if g.Name == "light_balance" && (g.Passed || g.Reason != liveness.PoorIllumination) {
			t.Errorf("%+v", g)
		}
	}
}

func TestTurnedHead(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	for name, pose := range map[string]liveness.Pose{
		"left": {Yaw: -31}, "right": {Yaw: 31}, "up": {Pitch: 31}, "down": {Pitch: -31},
	} {
		f.Pose = pose
		judged, err := r.judge.Assess(p, []liveness.Face{f}, 1, Limits{})
		if err != nil || reason(judged.Gates) != liveness.FaceAngle {
			t.Errorf("%s: %q (%v)", name, reason(judged.Gates), err)
		}
	}
}

// What covers a face may mislead its pose a little: the cover is the fault then, up to a few degrees beyond the limit.
func TestCoverMisleadsThePose(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	board := coverWithBoard(p, f, -.8, .5, 1.8, 1.6)
	for _, c := range []struct {
		picture *liveness.Picture
		yaw     float64
		want    liveness.Reason
	}{{p, 34, liveness.FaceAngle}, {board, 34, liveness.FaceOccluded}, {board, 45, liveness.FaceAngle}} {
		f.Pose = liveness.Pose{Yaw: c.yaw}
		judged, err := r.judge.Assess(c.picture, []liveness.Face{f}, 1, Limits{})
		if err != nil || reason(judged.Gates) != c.want {
			t.Errorf("yaw %v: %q, not %q (%v)", c.yaw, reason(judged.Gates), c.want, err)
		}
	}
}

func TestPixelLimitsAreThoseOfThePictureAsShown(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	small := p.Crop(liveness.Box{Width: 800, Height: 800}, 300, 300)
	faces, err := r.finder.Find(small)
	if err != nil || len(faces) == 0 {
		t.Fatal(err)
	}
	judged, err := r.judge.Assess(small, faces, 300.0/800, Limits{})
	if err != nil || reason(judged.Gates) != "" {
		t.Errorf("a picture decoded at a reduced scale: %q (%v)", reason(judged.Gates), err)
	}
	judged, err = r.judge.Assess(p, []liveness.Face{f}, 1, Limits{FaceSize: 700})
	if err != nil || reason(judged.Gates) != liveness.FaceTooSmall {
		t.Errorf("another limit: %q (%v)", reason(judged.Gates), err)
	}
}

func TestMeasuresFallAsTheirFaultGrows(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	of := func(p *liveness.Picture) Measures {
		m, err := r.judge.Measure(p, f)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	last := of(p)
	for _, size := range []int{160, 110, 80, 50} {
		m := of(p.Crop(liveness.Box{Width: 800, Height: 800}, size, size).Crop(liveness.Box{Width: float64(size), Height: float64(size)}, 800, 800))
		if m.Sharpness >= last.Sharpness {
			t.Errorf("sharpness %v at %d pixels, %v before", m.Sharpness, size, last.Sharpness)
		}
		last = m
	}
	last = of(p)
	for _, part := range []float64{.6, .3, .1} {
		m := of(lit(p, func(v, _ float64) float64 { return v * part }))
		if m.Brightness >= last.Brightness {
			t.Errorf("brightness %v at %v, %v before", m.Brightness, part, last.Brightness)
		}
		last = m
	}
	last = of(p)
	for _, slope := range []float64{1, 3, 9} {
		m := of(lit(p, func(v, x float64) float64 { return v / (1 + slope*max(0, (x-f.Box.X)/f.Box.Width)) }))
		if m.Balance >= last.Balance {
			t.Errorf("balance %v at slope %v, %v before", m.Balance, slope, last.Balance)
		}
		last = m
	}
}

// webcam returns a picture of 640 x 480 with a face of about 240 pixels.
func (r rig) webcam(t testing.TB) (*liveness.Picture, []liveness.Face) {
	t.Helper()
	p, _ := r.portrait(t)
	p = p.Crop(liveness.Box{X: 0, Y: 100, Width: 800, Height: 600}, 640, 480)
	faces, err := r.finder.Find(p)
	if err != nil || len(faces) == 0 {
		t.Fatalf("no face (%v)", err)
	}
	return p, faces
}

// BenchmarkPicture judges one of those pictures; without is what the occlusion model does not take.
func BenchmarkPicture(b *testing.B) {
	for name, config := range map[string]infer.Config{"all": {}, "without the occlusion model": {FreeWeightsOnly: true}} {
		b.Run(name, func(b *testing.B) {
			r := openedWith(b, config)
			p, faces := r.webcam(b)
			for b.Loop() {
				if _, err := r.judge.Assess(p, faces, 1, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// coverWithBoard lays a plain board over a part of the face, in shares of its box.
func coverWithBoard(p *liveness.Picture, f liveness.Face, left, top, right, bottom float64) *liveness.Picture {
	out := liveness.NewPicture(p.Width, p.Height)
	copy(out.Pixels, p.Pixels)
	for i := range p.Width * p.Height {
		x, y := (float64(i%p.Width)-f.Box.X)/f.Box.Width, (float64(i/p.Width)-f.Box.Y)/f.Box.Height
		if x >= left && x < right && y >= top && y < bottom {
			copy(out.Pixels[3*i:], []byte{190, 170, 120})
		}
	}
	return out
}

func TestCoveredFaces(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	for name, c := range map[string]struct {
		picture         *liveness.Picture
		occluded, mouth bool
	}{
		"free":       {p, false, false},
		"eyes":       {coverWithBoard(p, f, -.2, .15, 1.2, .55), true, false},
		"left half":  {coverWithBoard(p, f, -.3, -.2, .5, 1.2), true, false},
		"lower half": {coverWithBoard(p, f, -.8, .5, 1.8, 1.6), true, true},
		"beside":     {coverWithBoard(p, f, 1.15, 0, 1.6, 1), false, false},
		"above":      {coverWithBoard(p, f, -.2, -.5, 1.2, -.1), false, false},
	} {
		m, err := r.judge.Measure(c.picture, f)
		if err != nil {
			t.Fatal(err)
		}
		if (m.Occluded > 0.5) != c.occluded || name != "left half" && (m.MouthCovered > 0.5) != c.mouth {
			t.Errorf("%s: occluded %.2f, mouth covered %.2f", name, m.Occluded, m.MouthCovered)
		}
	}
}

// What covers a face may look like another one, and may make the detector's box larger than the face: neither is the fault.
func TestCoversDoNotMisleadTheOtherGates(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	judged := func(p *liveness.Picture, faces ...liveness.Face) map[string]liveness.Gate {
		judged, err := r.judge.Assess(p, faces, 1, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]liveness.Gate{}
		for _, g := range judged.Gates {
			byName[g.Name] = g
		}
		return byName
	}
	before, aside := f, f
	before.Box = liveness.Box{X: f.Box.X + 0.4*f.Box.Width, Y: f.Box.Y + 0.4*f.Box.Height, Width: 0.8 * f.Box.Width, Height: 0.8 * f.Box.Height}
	aside.Box.X += 0.9 * f.Box.Width
	if g := judged(p, f, before)["main_faces"]; g.Measure != 1 {
		t.Errorf("%v main faces where one box lies before the other", g.Measure)
	}
	if g := judged(p, f, aside)["main_faces"]; g.Measure != 2 {
		t.Errorf("%v main faces where two stand side by side", g.Measure)
	}
	wide := f
	wide.Box = liveness.Box{X: 2, Y: 2, Width: float64(p.Width) - 4, Height: float64(p.Height) - 4}
	lower := coverWithBoard(p, f, -.8, .5, 1.8, 1.6)
	for _, name := range []string{"face_share", "border_distance"} {
		if g := judged(p, wide)[name]; g.Passed {
			t.Errorf("%s passes a face as large as the picture", name)
		}
		if g := judged(lower, wide)[name]; !g.Passed {
			t.Errorf("%s is %v where a board makes the box larger", name, g.Measure)
		}
	}
}

// A thing that the detector took for a face is none.
func TestThingsAreNotFaces(t *testing.T) {
	r := newRig(t)
	p, f := r.portrait(t)
	for i := range p.Width * p.Height { // plaid
		x, y := i%p.Width, i/p.Width
		copy(p.Pixels[3*i:], []byte{byte(x / 16 % 2 * 200), byte(y / 16 % 2 * 200), 60})
	}
	judged, err := r.judge.Assess(p, []liveness.Face{f}, 1, Limits{})
	if err != nil || judged.Quality != nil || len(judged.Gates) != 1 || judged.Gates[0].Passed {
		t.Errorf("gates %v, quality %v, %v", judged.Gates, judged.Quality, err)
	}
}

// Drawn people, whom the detector and the mesh take for people, are none. The drawings are those of training/occlusion/drawings.mjs, from
// another seed than those that were trained on.
func TestDrawnPeopleAreNotFaces(t *testing.T) {
	r := newRig(t)
	drawings, err := filepath.Glob("testdata/drawn/*.jpg")
	if err != nil || len(drawings) == 0 {
		t.Fatal(err, "no drawings")
	}
	for _, path := range drawings {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		still, err := media.Decode(data, media.PictureLimits{})
		if err != nil {
			t.Fatal(err)
		}
		faces, err := r.finder.Find(still.Picture)
		if err != nil || len(faces) == 0 {
			t.Errorf("%s: %d faces before the occlusion net, %v: this tests nothing", path, len(faces), err)
			continue
		}
		judged, err := r.judge.Assess(still.Picture, faces, 1, Limits{})
		if err != nil || judged.Quality != nil || judged.Gates[0].Passed {
			t.Errorf("%s is taken for a person (%v)", path, err)
		}
	}
}

// Without the occlusion model no gate claims to have looked for what covers the face, and the others stay.
func TestWithheldOcclusionHasNoGate(t *testing.T) {
	all, free := newRig(t), openedWith(t, infer.Config{FreeWeightsOnly: true})
	if !all.judge.DetectsOcclusion() || free.judge.DetectsOcclusion() || len(free.judge.Models()) != 0 {
		t.Fatalf("sees covers: %v, %v; models %v", all.judge.DetectsOcclusion(), free.judge.DetectsOcclusion(), free.judge.Models())
	}
	p, f := all.portrait(t)
	p = coverWithBoard(p, f, -.2, .15, 1.2, .55)
	names := func(gates []liveness.Gate) (names []string) {
		for _, g := range gates {
			names = append(names, g.Name)
		}
		return names
	}
	want := slices.DeleteFunc(names(all.gates(t, p)), func(name string) bool { return name == "occluded" })
	if got := names(free.gates(t, p)); !slices.Equal(got, want) {
		t.Errorf("gates %v, want %v", got, want)
	}
}
