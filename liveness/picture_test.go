package liveness

import (
	"math"
	"slices"
	"testing"
)

// ramp returns a picture whose red grows by one a pixel to the right and whose green grows by one a pixel downwards.
func ramp(width, height int) *Picture {
	p := NewPicture(width, height)
	for y := range height {
		for x := range width {
			p.Pixels[3*(y*width+x)], p.Pixels[3*(y*width+x)+1] = byte(x), byte(y)
		}
	}
	return p
}

func (p *Picture) at(x, y int) (r, g byte) {
	i := 3 * (y*p.Width + x)
	return p.Pixels[i], p.Pixels[i+1]
}

func TestCropOfTheWholeIsThePicture(t *testing.T) {
	p := ramp(7, 5)
	got := p.Crop(Box{Width: 7, Height: 5}, 7, 5)
	for i := range p.Pixels {
		if got.Pixels[i] != p.Pixels[i] {
			t.Fatalf("byte %d is %d, not %d", i, got.Pixels[i], p.Pixels[i])
		}
	}
}

func TestHalvedIsTheMeanOfFour(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 9}, {2, 2}, {3, 5}, {7, 2}, {64, 48}, {101, 33}} {
		p := NewPicture(size[0], size[1])
		for i := range p.Pixels {
			p.Pixels[i] = byte(i * i * 31 / 7)
		}
		got := p.Halve()
		if got.Width != max(p.Width/2, 1) || got.Height != max(p.Height/2, 1) {
			t.Fatalf("%v became %dx%d", size, got.Width, got.Height)
		}
		at := func(x, y, c int) float64 {
			return float64(p.Pixels[3*(min(y, p.Height-1)*p.Width+min(x, p.Width-1))+c])
		}
		for i, v := range got.Pixels {
			x, y, c := i/3%got.Width*2, i/3/got.Width*2, i%3
			if mean := (at(x, y, c) + at(x+1, y, c) + at(x, y+1, c) + at(x+1, y+1, c)) / 4; math.Abs(float64(v)-mean) > 1 {
				t.Errorf("%v: byte %d is %d, not %v", size, i, v, mean)
			}
		}
	}
}

func TestCropShrinksByArea(t *testing.T) {
	got := ramp(100, 100).Crop(Box{X: 10, Y: 20, Width: 40, Height: 60}, 4, 3)
	for y := range 3 {
		for x := range 4 {
			r, g := got.at(x, y)
			// The mean of pixels 10…19 is 14.5.
			if wantR, wantG := 14.5+10*float64(x), 29.5+20*float64(y); math.Abs(float64(r)-wantR) > 0.51 || math.Abs(float64(g)-wantG) > 0.51 {
				t.Errorf("%d,%d is %d,%d, not %v,%v", x, y, r, g, wantR, wantG)
			}
		}
	}
}

func TestCropGrowsBetweenPixels(t *testing.T) {
	got := ramp(10, 10).Crop(Box{X: 2, Y: 2, Width: 4, Height: 4}, 16, 16)
	for x := 2; x < 14; x++ {
		r, _ := got.at(x, 8)
		if want := 2 + (float64(x)+0.5)/4 - 0.5; math.Abs(float64(r)-want) > 0.51 {
			t.Errorf("%d is %d, not %v", x, r, want)
		}
	}
}

func TestCropRepeatsTheEdge(t *testing.T) {
	p := ramp(10, 10)
	for name, c := range map[string]struct {
		box         Box
		x, y        int
		wantR, want byte
	}{
		"left":       {Box{X: -20, Y: 0, Width: 10, Height: 10}, 3, 3, 0, 3},
		"right":      {Box{X: 50, Y: 0, Width: 10, Height: 10}, 3, 3, 9, 3},
		"above":      {Box{X: 0, Y: -100, Width: 10, Height: 10}, 3, 3, 3, 0},
		"below":      {Box{X: 0, Y: 100, Width: 10, Height: 10}, 3, 3, 3, 9},
		"far, small": {Box{X: 1000, Y: 1000, Width: 100, Height: 100}, 3, 3, 9, 9},
	} {
		if r, g := p.Crop(c.box, 10, 10).at(c.x, c.y); r != c.wantR || g != c.want {
			t.Errorf("%s: %d,%d, not %d,%d", name, r, g, c.wantR, c.want)
		}
	}
}

func TestCropOfNothingIsBlack(t *testing.T) {
	for name, crop := range map[string]*Picture{
		"empty picture": NewPicture(0, 0).Crop(Box{Width: 1, Height: 1}, 2, 2),
		"empty box":     ramp(3, 3).Crop(Box{}, 2, 2),
		"not a number":  ramp(3, 3).Crop(Box{Width: math.NaN(), Height: 1}, 2, 2),
		"one pixel":     NewPicture(1, 1).Crop(Box{Width: 1, Height: 1}, 2, 2),
	} {
		if len(crop.Pixels) != 12 {
			t.Errorf("%s: %d bytes", name, len(crop.Pixels))
		}
	}
}

func TestSimilarFindsRotationScaleAndShift(t *testing.T) {
	want := Affine{A: 1.2, B: -0.5, C: 7, D: 0.5, E: 1.2, F: -3}
	from := []Point{{1, 2}, {5, -3}, {0, 8}}
	var onto []Point
	for _, p := range from {
		onto = append(onto, want.Apply(p))
	}
	got := FitSimilarity(from, onto)
	for i, p := range from {
		if q := got.Apply(p); math.Hypot(q.X-onto[i].X, q.Y-onto[i].Y) > 1e-9 {
			t.Errorf("%v goes to %v, not %v", p, q, onto[i])
		}
	}
}

func TestWarp(t *testing.T) {
	p := ramp(50, 50)
	if r, g := p.Warp(Affine{A: 1, E: 1, C: 10, F: 20}, 5, 5).at(2, 3); r != 12 || g != 23 {
		t.Errorf("shifted: %d,%d", r, g)
	}
	// A quarter turn: x goes along the picture's y.
	if r, g := p.Warp(Affine{B: 1, D: 1}, 50, 50).at(4, 30); r != 30 || g != 4 {
		t.Errorf("turned: %d,%d", r, g)
	}
	if r, _ := p.Warp(Affine{A: 4, E: 4}, 10, 10).at(5, 5); math.Abs(float64(r)-21.5) > 1 {
		t.Errorf("shrunk: %d", r)
	}
}

func BenchmarkCrop(b *testing.B) {
	p := ramp(640, 480)
	for b.Loop() {
		p.Crop(Box{Width: 640, Height: 480}, 320, 240)
	}
}

// busy returns a picture of noise.
func busy(width, height int) *Picture {
	p, state := NewPicture(width, height), uint32(1)
	for i := range p.Pixels {
		state = state*1664525 + 1013904223
		p.Pixels[i] = byte(state >> 24)
	}
	return p
}

// interpolate returns a pixel in floating point at a point, mean that over a box.
func (p *Picture) interpolate(x, y float64, c int) float64 {
	value := func(x, y int) float64 {
		x, y = min(max(x, 0), p.Width-1), min(max(y, 0), p.Height-1)
		return float64(p.Pixels[3*(y*p.Width+x)+c])
	}
	x, y = min(max(x-0.5, 0), float64(p.Width-1)), min(max(y-0.5, 0), float64(p.Height-1))
	left, top := int(x), int(y)
	fx, fy := x-float64(left), y-float64(top)
	return (value(left, top)*(1-fx)+value(left+1, top)*fx)*(1-fy) + (value(left, top+1)*(1-fx)+value(left+1, top+1)*fx)*fy
}

func (p *Picture) mean(b Box, c int) float64 {
	var sum, area float64
	for y := range p.Height {
		for x := range p.Width {
			w := min(b.X+b.Width, float64(x+1)) - max(b.X, float64(x))
			h := min(b.Y+b.Height, float64(y+1)) - max(b.Y, float64(y))
			if w > 0 && h > 0 {
				sum, area = sum+w*h*float64(p.Pixels[3*(y*p.Width+x)+c]), area+w*h
			}
		}
	}
	return sum / area
}

// Crop and Warp compute in whole numbers; they are compared with floating point on noise, where rounding shows most.
func TestCropAndWarpAreExactToALevel(t *testing.T) {
	p := busy(61, 47)
	box := Box{X: 3.3, Y: 5.7, Width: 50.2, Height: 38.9}
	for _, size := range []Point{{11, 9}, {33, 21}, {100, 80}} {
		w, h := int(size.X), int(size.Y)
		got := p.Crop(box, w, h)
		for i, v := range got.Pixels {
			x, y, c := float64(i/3%w), float64(i/3/w), i%3
			part := Box{X: box.X + x*box.Width/size.X, Y: box.Y + y*box.Height/size.Y, Width: box.Width / size.X, Height: box.Height / size.Y}
			want := p.mean(part, c)
			if part.Width < 1 {
				want = p.interpolate(part.X+part.Width/2, part.Y+part.Height/2, c)
			}
			if math.Abs(float64(v)-want) > 1.6 {
				t.Fatalf("%dx%d: byte %d is %d, not %.2f", w, h, i, v, want)
			}
		}
	}
	m := Affine{A: 0.8, B: -0.4, C: 12, D: 0.4, E: 0.8, F: -7}
	got := p.Warp(m, 70, 70)
	for i, v := range got.Pixels {
		at := m.Apply(Point{float64(i/3%70) + 0.5, float64(i/3/70) + 0.5})
		if want := p.interpolate(at.X, at.Y, i%3); math.Abs(float64(v)-want) > 1.6 {
			t.Fatalf("byte %d is %d, not %.2f", i, v, want)
		}
	}
}

func TestMapsOfNoNumbersAreHarmless(t *testing.T) {
	p := busy(5, 4)
	none, far := math.NaN(), math.Inf(1)
	for _, v := range []float64{none, far, -far, 1e300, -1e300} {
		for _, m := range []Affine{{A: v, E: 1}, {A: 1, E: 1, C: v}, {A: 1, E: 1, F: v}, {A: 1, B: v, D: v, E: 1}} {
			if math.Hypot(m.A, m.D) <= 1.5 || math.IsNaN(math.Hypot(m.A, m.D)) {
				p.Warp(m, 6, 6)
			}
		}
		p.Crop(Box{X: v, Y: v, Width: 3, Height: 3}, 4, 4)
		p.Crop(Box{X: 1, Y: 1, Width: v, Height: 3}, 4, 4)
	}
}

func BenchmarkCropOfAFace(b *testing.B) {
	p := busy(640, 480)
	for b.Loop() {
		p.Crop(Box{X: 100.5, Y: 30.5, Width: 400, Height: 400}, 190, 190)
	}
}

func BenchmarkWarp(b *testing.B) {
	p := busy(640, 480)
	for _, step := range []float64{1.1, 2.2} {
		b.Run(map[bool]string{true: "shrinking", false: "plain"}[step > 1.5], func(b *testing.B) {
			for b.Loop() {
				p.Warp(Affine{A: step, B: 0.1, C: 40, D: -0.1, E: step, F: 20}, 192, 192)
			}
		})
	}
}

func TestAPictureAndItsMirrorImageAreOrientedAlike(t *testing.T) {
	for _, width := range []int{1, 2, 5, 6} {
		p := NewPicture(width, 3)
		for i := range p.Pixels {
			p.Pixels[i] = byte(i*i*7 + i)
		}
		image := p.mirror()
		if twice := image.mirror(); !slices.Equal(twice.Pixels, p.Pixels) {
			t.Errorf("width %d: the mirror image of the mirror image is not the picture", width)
		}
		a, first := p.OrientByLight()
		b, second := image.OrientByLight()
		if !slices.Equal(a.Pixels, b.Pixels) || width > 1 && first == second {
			t.Errorf("width %d: %v and its mirror image %v", width, a.Pixels, b.Pixels)
		}
	}
	p := NewPicture(4, 1)
	p.Pixels[9] = 200
	if turned, mirrored := p.OrientByLight(); !mirrored || turned.Pixels[0] != 200 {
		t.Errorf("the bright end is not on the left: %v", turned.Pixels)
	}
}

func TestAFaceInTheMirror(t *testing.T) {
	f := Face{Box: Box{10, 20, 30, 40}, Pose: Pose{5, 6, 7}, PupilDistance: 12}
	for i := range f.Landmarks {
		f.Landmarks[i] = Point{float64(i), float64(100 + i)}
	}
	const width = 200
	image := f.Mirror(width)
	if image.Box != (Box{160, 20, 30, 40}) || image.Pose != (Pose{-5, 6, -7}) || image.PupilDistance != 12 {
		t.Errorf("%+v", image)
	}
	// The eye on the picture's left is still the one on its left, outer corner first.
	if left := image.Landmarks[36]; left != (Point{width - 45, 145}) {
		t.Errorf("the left eye's outer corner is at %v", left)
	}
	if bare := (Face{}).Mirror(width); bare.Landmarks != (Landmarks{}) {
		t.Errorf("a face without landmarks got %v", bare.Landmarks[0])
	}
	if image.Mirror(width) != f {
		t.Error("the mirror image of the mirror image is another face")
	}
}

func BenchmarkToLight(b *testing.B) {
	p := NewPicture(640, 480)
	p.Pixels[3*639] = 200
	for b.Loop() {
		p.OrientByLight()
	}
}
