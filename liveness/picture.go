package liveness

import "math"

// Crop returns the part of the picture that the box covers, resampled to width x height pixels: by area where it
// shrinks, bilinear where it grows. What the box covers outside the picture repeats the picture's nearest edge. An
// empty box or picture gives a black crop.
func (p *Picture) Crop(box Box, width, height int) *Picture {
	out := NewPicture(width, height)
	if min(p.Width, p.Height, width, height) == 0 || !(box.Width > 0) || !(box.Height > 0) {
		return out
	}
	columns := resampling(box.X, box.Width, p.Width, width)
	rows := resampling(box.Y, box.Height, p.Height, height)

	// Across first, one source row at a time; each goes into the output rows that it is part of.
	line := make([]float32, 3*width)
	sums := make([]float32, 3*width*height)
	done := 0
	for y := rows[0].first; y <= rows[height-1].last(); y++ {
		across(p.Pixels[3*y*p.Width:3*(y+1)*p.Width], columns, line)
		for rows[done].last() < y {
			done++
		}
		for i := done; i < height && rows[i].first <= y; i++ {
			add(sums[3*width*i:3*width*(i+1)], line, rows[i].weights[y-rows[i].first])
		}
	}
	for i, v := range sums {
		out.Pixels[i] = byte(v + 0.5)
	}
	return out
}

// taps are the source pixels of one output pixel: first, first+1, …, with weights whose sum is 1.
type taps struct {
	first   int
	weights []float32
}

func (t taps) last() int { return t.first + len(t.weights) - 1 }

// resampling gives the taps of n output pixels over the span [start, start+size) of a row of length source pixels.
// Positions outside the row are moved to its nearest end, so first and last never decrease.
func resampling(start, size float64, length, n int) []taps {
	step := size / float64(n)
	list := make([]taps, n)
	for i := range list {
		from, to := start+float64(i)*step, start+float64(i+1)*step
		if step <= 1 {
			list[i] = between((from+to)/2, length)
		} else {
			list[i] = covered(from, to, length)
		}
	}
	return list
}

// between interpolates at a position between the centres of two pixels.
func between(at float64, length int) taps {
	at = min(max(at-0.5, 0), float64(length-1))
	first := min(int(at), max(length-2, 0))
	if length == 1 {
		return taps{0, []float32{1}}
	}
	part := float32(at - float64(first))
	return taps{first, []float32{1 - part, part}}
}

// covered weights each pixel by the part of it that the span covers.
func covered(from, to float64, length int) taps {
	from, to = min(max(from, 0), float64(length)), min(max(to, 0), float64(length))
	if to-from < 1e-6 {
		return taps{min(int(from), length-1), []float32{1}}
	}
	first, last := min(int(from), length-1), min(int(math.Ceil(to)), length)-1
	t := taps{first, make([]float32, max(last-first, 0)+1)}
	for i := range t.weights {
		left, right := max(from, float64(first+i)), min(to, float64(first+i+1))
		t.weights[i] = float32((right - left) / (to - from))
	}
	return t
}

func across(source []byte, columns []taps, line []float32) {
	for i, t := range columns {
		var r, g, b float32
		at := 3 * t.first
		for _, w := range t.weights {
			pixel := source[at : at+3 : at+3]
			r += w * float32(pixel[0])
			g += w * float32(pixel[1])
			b += w * float32(pixel[2])
			at += 3
		}
		line[3*i], line[3*i+1], line[3*i+2] = r, g, b
	}
}

func add(sums, line []float32, weight float32) {
	for i, v := range line {
		sums[i] += weight * v
	}
}

// Affine maps a point of one picture to another: x' = A x + B y + C, y' = D x + E y + F.
type Affine struct{ A, B, C, D, E, F float64 }

// Of maps a point.
func (m Affine) Of(p Point) Point {
	return Point{m.A*p.X + m.B*p.Y + m.C, m.D*p.X + m.E*p.Y + m.F}
}

// Similar is the rotation, scale and shift that brings from nearest to onto, in the sense of least squares. Both have
// the same number of points, at least two different ones.
func Similar(from, onto []Point) Affine {
	var f, o Point
	n := float64(len(from))
	for i := range from {
		f.X, f.Y = f.X+from[i].X/n, f.Y+from[i].Y/n
		o.X, o.Y = o.X+onto[i].X/n, o.Y+onto[i].Y/n
	}
	var a, b, size float64
	for i := range from {
		x, y := from[i].X-f.X, from[i].Y-f.Y
		u, v := onto[i].X-o.X, onto[i].Y-o.Y
		a += x*u + y*v
		b += x*v - y*u
		size += x*x + y*y
	}
	if size == 0 {
		return Affine{A: 1, E: 1, C: o.X - f.X, F: o.Y - f.Y}
	}
	a, b = a/size, b/size
	return Affine{A: a, B: -b, C: o.X - a*f.X + b*f.Y, D: b, E: a, F: o.Y - b*f.X - a*f.Y}
}

// Warp makes a picture of width x height pixels whose points the map takes to this picture's points: bilinear, after
// the part in question was shrunk by area where the map shrinks by more than half as much again. What lies outside
// repeats the nearest edge.
func (p *Picture) Warp(m Affine, width, height int) *Picture {
	out := NewPicture(width, height)
	if min(p.Width, p.Height, width, height) == 0 {
		return out
	}
	if shrink := math.Hypot(m.A, m.D); shrink > 1.5 {
		p, m = p.shrunk(m, width, height, shrink)
	}
	at := 0
	for y := range height {
		from := m.Of(Point{0.5, float64(y) + 0.5})
		for x := range width {
			p.sample(from.X+m.A*float64(x), from.Y+m.D*float64(x), out.Pixels[at:at+3])
			at += 3
		}
	}
	return out
}

// shrunk is the part of the picture that a map needs, made smaller, and the map into it.
func (p *Picture) shrunk(m Affine, width, height int, shrink float64) (*Picture, Affine) {
	low, high := m.Of(Point{}), m.Of(Point{})
	for _, corner := range []Point{{float64(width), 0}, {0, float64(height)}, {float64(width), float64(height)}} {
		c := m.Of(corner)
		low.X, low.Y = min(low.X, c.X), min(low.Y, c.Y)
		high.X, high.Y = max(high.X, c.X), max(high.Y, c.Y)
	}
	box := Box{X: low.X, Y: low.Y, Width: high.X - low.X, Height: high.Y - low.Y}
	part := p.Crop(box, int(math.Ceil(box.Width/shrink)), int(math.Ceil(box.Height/shrink)))
	x, y := float64(part.Width)/box.Width, float64(part.Height)/box.Height
	return part, Affine{A: m.A * x, B: m.B * x, C: (m.C - box.X) * x, D: m.D * y, E: m.E * y, F: (m.F - box.Y) * y}
}

// sample interpolates between the four pixels around a point.
func (p *Picture) sample(x, y float64, rgb []byte) {
	x = min(max(x-0.5, 0), float64(p.Width-1))
	y = min(max(y-0.5, 0), float64(p.Height-1))
	left, top := int(x), int(y)
	right, bottom := 3*min(left+1, p.Width-1), min(top+1, p.Height-1)
	fx, fy := float32(x)-float32(left), float32(y)-float32(top)
	left *= 3
	above, below := p.Pixels[3*top*p.Width:], p.Pixels[3*bottom*p.Width:]
	for c := range 3 {
		u := float32(above[left+c])*(1-fx) + float32(above[right+c])*fx
		v := float32(below[left+c])*(1-fx) + float32(below[right+c])*fx
		rgb[c] = byte(u*(1-fy) + v*fy + 0.5)
	}
}
