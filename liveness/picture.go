package liveness

import (
	"encoding/binary"
	"math"
)

// Crop returns the part of the picture in the box, resampled to width x height pixels. It resamples by area if it shrinks, and
// bilinearly if it grows. What the box covers outside the picture repeats the picture's nearest edge. An empty box or picture
// gives a black crop.
func (p *Picture) Crop(box Box, width, height int) *Picture {
	out := NewPicture(width, height)
	if min(p.Width, p.Height, width, height) == 0 || !(box.Width > 0) || !(box.Height > 0) {
		return out
	}
	if p.clone(box, out) {
		return out
	}
	columns := resamplingTaps(box.X, box.Width, p.Width, width, 1<<16)
	rows := resamplingTaps(box.Y, box.Height, p.Height, height, 1<<8)
	from, to := 3*columns[0].first, 3*(columns[width-1].last()+1)
	line := newStrip(to - from)
	for y, row := range rows {
		line.clear()
		for i, w := range row.weights {
			start := 3 * (row.first + i) * p.Width
			line.add(p.Pixels[start+from:start+to], w)
		}
		line.across(columns, out.Pixels[3*width*y:3*width*(y+1)])
	}
	return out
}

// clone fills a picture from a box of its size, of whole pixels inside this one; it reports whether the box is one.
func (p *Picture) clone(box Box, out *Picture) bool {
	left, top := int(box.X), int(box.Y)
	same := box.X == float64(left) && box.Y == float64(top) && box.Width == float64(out.Width) && box.Height == float64(out.Height)
	if !same || left < 0 || top < 0 || left+out.Width > p.Width || top+out.Height > p.Height {
		return false
	}
	for y := range out.Height {
		from := 3 * ((top+y)*p.Width + left)
		copy(out.Pixels[3*y*out.Width:3*(y+1)*out.Width], p.Pixels[from:])
	}
	return true
}

// Halve returns the picture at half its width and height, each pixel the mean of four, rounded to within one. Of an odd
// width or height the last column or row is left out, of a side of one pixel nothing.
func (p *Picture) Halve() *Picture {
	out := NewPicture(half(p.Width), half(p.Height))
	if len(out.Pixels) == 0 {
		return out
	}
	if p.Width == 1 || p.Height == 1 {
		return p.Crop(Box{Width: float64(min(p.Width, 2*out.Width)), Height: float64(min(p.Height, 2*out.Height))}, out.Width, out.Height)
	}
	stride := 3 * p.Width
	for y := range out.Height {
		above := p.Pixels[2*y*stride : (2*y+1)*stride]
		beneath := p.Pixels[(2*y+1)*stride : (2*y+2)*stride]
		halve(above, beneath, out.Pixels[3*y*out.Width:3*(y+1)*out.Width])
	}
	return out
}

func half(side int) int {
	if side == 1 {
		return 1
	}
	return side / 2
}

// halve writes the mean of each two by two pixels of two rows, eight bytes at a time. It rounds up between the rows, and down
// between the columns.
func halve(above, beneath, out []byte) {
	const low = 0x7f7f7f7f7f7f7f7f
	for len(out) >= 4 && len(above) >= 8 && len(beneath) >= 8 {
		a, b := binary.LittleEndian.Uint64(above), binary.LittleEndian.Uint64(beneath)
		c := (a | b) - ((a^b)>>1)&low
		d := c >> 24
		binary.LittleEndian.PutUint32(out, uint32((c&d)+((c^d)>>1)&low)) // its fourth byte is the next pixel's to write
		above, beneath, out = above[6:], beneath[6:], out[3:]
	}
	for i := range out {
		at := i/3*6 + i%3
		out[i] = byte((int(above[at]) + int(beneath[at]) + int(above[at+3]) + int(beneath[at+3]) + 2) / 4)
	}
}

// OrientByLight returns the picture, or its mirror image if the right half is brighter. A picture and its mirror image give the
// same pixels, unless both halves are equally bright. Of large pictures it weighs some rows only.
func (p *Picture) OrientByLight() (turned *Picture, mirrored bool) {
	row, half, balance := 3*p.Width, 3*(p.Width/2), 0
	for start := 0; start < len(p.Pixels); start += row * (1 + p.Height/256) {
		line := p.Pixels[start : start+row]
		for _, v := range line[:half] {
			balance += int(v)
		}
		for _, v := range line[row-half:] {
			balance -= int(v)
		}
	}
	if balance >= 0 {
		return p, false
	}
	return p.mirror(), true
}

func (p *Picture) mirror() *Picture {
	out, row := NewPicture(p.Width, p.Height), 3*p.Width
	for start := 0; start < len(p.Pixels); start += row {
		from, to := p.Pixels[start:start+row], out.Pixels[start:start+row]
		for ; len(from) >= 3 && len(to) >= 3; from, to = from[3:], to[:len(to)-3] {
			last := to[len(to)-3:]
			last[0], last[1], last[2] = from[0], from[1], from[2]
		}
	}
	return out
}

// ApplyOrientation returns the picture as its EXIF orientation (1 to 8) asks to show it; with anything else it is the picture itself.
func (p *Picture) ApplyOrientation(orientation int) *Picture {
	if orientation < 2 || orientation > 8 {
		return p
	}
	width, height := p.Width, p.Height
	if orientation > 4 {
		width, height = height, width
	}
	const pixel = 3
	row := pixel * p.Width
	right, bottom := row-pixel, (p.Height-1)*row
	// Where the first pixel comes from, and by how many bytes one goes on there to the right and downwards.
	way := [9]struct{ start, across, down int }{
		2: {right, -pixel, row},           // mirrored
		3: {right + bottom, -pixel, -row}, // upside down
		4: {bottom, pixel, -row},          // mirrored upside down
		5: {0, row, pixel},                // transposed
		6: {bottom, -row, pixel},          // to be turned clockwise
		7: {right + bottom, -row, -pixel}, // transposed the other way
		8: {right, row, -pixel},           // to be turned anticlockwise
	}[orientation]
	turned := NewPicture(width, height)
	for y, out := 0, turned.Pixels; len(out) > 0; y++ {
		from := way.start + y*way.down
		for end := len(out) - pixel*width; len(out) > end; out = out[pixel:] {
			source := p.Pixels[from : from+pixel : from+pixel]
			out[0], out[1], out[2] = source[0], source[1], source[2]
			from += way.across
		}
	}
	return turned
}

// Rotate returns the picture after so many quarter turns clockwise; with a multiple of four it is the picture itself.
func (p *Picture) Rotate(quarters int) *Picture {
	return p.ApplyOrientation([4]int{1, 6, 3, 8}[quarters&3])
}

// taps are the source pixels of one output pixel: first, first+1, …, with weights of a fixed sum.
type taps struct {
	first   int
	weights []uint32
}

func (t taps) last() int { return t.first + len(t.weights) - 1 }

// resamplingTaps returns the taps of n output pixels over the span [start, start+size) of a row of source pixels. The weights add
// up to one. Positions outside the row are moved to its nearest end, so first and last never decrease.
func resamplingTaps(start, size float64, length, n int, one uint32) []taps {
	step := size / float64(n)
	list := make([]taps, n)
	for i := range list {
		from, to := start+float64(i)*step, start+float64(i+1)*step
		if step <= 1 {
			list[i] = interpolationTaps((from+to)/2, length, one)
		} else {
			list[i] = areaTaps(from, to, length, one)
		}
	}
	return list
}

// nearestTap moves a position into a row; NaN goes to its start.
func nearestTap(at float64, most int) float64 {
	if !(at > 0) {
		return 0
	}
	return min(at, float64(most))
}

// interpolationTaps interpolates at a position between the centres of two pixels.
func interpolationTaps(at float64, length int, one uint32) taps {
	at = nearestTap(at-0.5, length-1)
	first := min(int(at), max(length-2, 0))
	part := uint32((at-float64(first))*float64(one) + 0.5)
	if length == 1 || part == 0 {
		return taps{first, []uint32{one}}
	}
	return taps{first, []uint32{one - part, part}}
}

// areaTaps weights each pixel by the part of it that the span covers.
func areaTaps(from, to float64, length int, one uint32) taps {
	from, to = nearestTap(from, length), nearestTap(to, length)
	if to-from < 1e-6 {
		return taps{min(int(from), length-1), []uint32{one}}
	}
	first, last := min(int(from), length-1), min(int(math.Ceil(to)), length)-1
	t := taps{first, make([]uint32, max(last-first, 0)+1)}
	given := uint32(0)
	for i := range t.weights {
		// What is covered up to this pixel's end is rounded, so that the weights add up.
		share := (min(to, float64(first+i+1)) - from) / (to - from)
		upTo := uint32(share*float64(one) + 0.5)
		t.weights[i] = upTo - given
		given = upTo
	}
	return t
}

// strip adds up weighted rows of bytes, eight at a time: the bytes of even and of odd places stand apart, each in 16
// bits. The weights of one strip add up to 256.
type strip struct {
	even, odd []uint64
	line      []uint16 // the sums in order
	length    int
}

func newStrip(length int) *strip {
	n := (length + 7) / 8
	return &strip{even: make([]uint64, n), odd: make([]uint64, n), line: make([]uint16, 8*n), length: length}
}

func (s *strip) clear() {
	clear(s.even)
	clear(s.odd)
}

const evenBytes = 0x00ff00ff00ff00ff

func (s *strip) add(row []byte, weight uint32) {
	if weight == 0 {
		return
	}
	w, i := uint64(weight), 0
	even, odd := s.even, s.odd[:len(s.even)]
	for ; len(row) >= 8; i++ {
		v := binary.LittleEndian.Uint64(row)
		even[i] += (v & evenBytes) * w
		odd[i] += (v >> 8 & evenBytes) * w
		row = row[8:]
	}
	if len(row) > 0 {
		var rest [8]byte
		copy(rest[:], row)
		v := binary.LittleEndian.Uint64(rest[:])
		even[i] += (v & evenBytes) * w
		odd[i] += (v >> 8 & evenBytes) * w
	}
}

// across resamples the sums to a row of output pixels. The strip begins at the first column's first pixel.
func (s *strip) across(columns []taps, out []byte) {
	for i, even := range s.even {
		odd, eight := s.odd[i], s.line[8*i:8*i+8:8*i+8]
		eight[0], eight[1], eight[2], eight[3] = uint16(even), uint16(odd), uint16(even>>16), uint16(odd>>16)
		eight[4], eight[5], eight[6], eight[7] = uint16(even>>32), uint16(odd>>32), uint16(even>>48), uint16(odd>>48)
	}
	start := columns[0].first
	for i, t := range columns {
		const half = 1 << 23
		r, g, b := uint32(half), uint32(half), uint32(half)
		pixels := s.line[3*(t.first-start):]
		for _, w := range t.weights {
			pixel := pixels[:3:3]
			r += w * uint32(pixel[0])
			g += w * uint32(pixel[1])
			b += w * uint32(pixel[2])
			pixels = pixels[3:]
		}
		rgb := out[3*i : 3*i+3 : 3*i+3]
		rgb[0], rgb[1], rgb[2] = byte(r>>24), byte(g>>24), byte(b>>24)
	}
}

// Affine maps a point of one picture to another: x' = A x + B y + C, y' = D x + E y + F.
type Affine struct{ A, B, C, D, E, F float64 }

// Apply maps a point.
func (m Affine) Apply(p Point) Point {
	return Point{m.A*p.X + m.B*p.Y + m.C, m.D*p.X + m.E*p.Y + m.F}
}

// FitSimilarity returns the rotation, scale and shift that brings from nearest to onto, in the sense of least squares. Both have
// the same number of points, at least two different ones.
func FitSimilarity(from, onto []Point) Affine {
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

// Warp returns a picture of width x height pixels whose points the map takes to this picture's points. It is bilinear. If the map
// shrinks by more than half as much again, the part is first shrunk by area. What lies outside repeats the nearest edge.
func (p *Picture) Warp(m Affine, width, height int) *Picture {
	out := NewPicture(width, height)
	if min(p.Width, p.Height, width, height) == 0 {
		return out
	}
	if shrink := math.Hypot(m.A, m.D); shrink > 1.5 {
		p, m = p.shrink(m, width, height, shrink)
	}
	stepX, stepY := toFixedPoint(m.A), toFixedPoint(m.D)
	for y := range height {
		from := m.Apply(Point{0.5, float64(y) + 0.5})
		p.sample(toFixedPoint(from.X-0.5), toFixedPoint(from.Y-0.5), stepX, stepY, out.Pixels[3*width*y:3*width*(y+1)])
	}
	return out
}

// shrink returns the part of the picture that a map needs, made smaller, and the map into it.
func (p *Picture) shrink(m Affine, width, height int, shrink float64) (*Picture, Affine) {
	low, high := m.Apply(Point{}), m.Apply(Point{})
	for _, corner := range []Point{{float64(width), 0}, {0, float64(height)}, {float64(width), float64(height)}} {
		c := m.Apply(corner)
		low.X, low.Y = min(low.X, c.X), min(low.Y, c.Y)
		high.X, high.Y = max(high.X, c.X), max(high.Y, c.Y)
	}
	box := Box{X: low.X, Y: low.Y, Width: high.X - low.X, Height: high.Y - low.Y}
	part := p.Crop(box, int(math.Ceil(box.Width/shrink)), int(math.Ceil(box.Height/shrink)))
	x, y := float64(part.Width)/box.Width, float64(part.Height)/box.Height
	return part, Affine{A: m.A * x, B: m.B * x, C: (m.C - box.X) * x, D: m.D * y, E: m.E * y, F: (m.F - box.Y) * y}
}

// toFixedPoint returns a number of pixels in steps of 1/65536, at most 2^40 of them; NaN is 0.
func toFixedPoint(v float64) int64 {
	if v != v {
		return 0
	}
	return int64(math.Round(min(max(v*(1<<16), -1<<40), 1<<40)))
}

// sample fills a row of pixels, each interpolated between the four around a point. The points are in steps of 1/65536
// pixel from the centre of the first pixel.
func (p *Picture) sample(x, y, stepX, stepY int64, row []byte) {
	lastX, lastY := int64(p.Width-1)<<16, int64(p.Height-1)<<16
	for ; len(row) >= 3; row = row[3:] {
		atX, atY := min(max(x, 0), lastX), min(max(y, 0), lastY)
		x, y = x+stepX, y+stepY
		// The four weights add up to 4096.
		partX, partY := uint64(atX>>8&255), uint64(atY>>8&255)
		both := (partX*partY + 8) >> 4
		right, below := partX<<4-both, partY<<4-both
		above := 3 * (int(atY>>16)*p.Width + int(atX>>16))
		beneath := above + 3*p.Width
		if partY == 0 {
			beneath = above
		}
		var sum uint64
		if beneath+8 <= len(p.Pixels) {
			a, b := binary.LittleEndian.Uint64(p.Pixels[above:]), binary.LittleEndian.Uint64(p.Pixels[beneath:])
			sum = (4096-right-below-both)*isFarApart(a) + right*isFarApart(a>>24) + below*isFarApart(b) + both*isFarApart(b>>24)
		} else {
			a, b := p.pair(above), p.pair(beneath)
			sum = (4096-right-below-both)*isFarApart(a) + right*isFarApart(a>>24) + below*isFarApart(b) + both*isFarApart(b>>24)
		}
		const half = 1<<11 | 1<<32 | 1<<53
		sum += half
		row[0], row[1], row[2] = byte(sum>>12), byte(sum>>33), byte(sum>>54)
	}
}

// pair returns two pixels at the end of the picture, where no eight bytes are left.
func (p *Picture) pair(at int) (v uint64) {
	var rest [8]byte
	copy(rest[:], p.Pixels[min(at, len(p.Pixels)):])
	return binary.LittleEndian.Uint64(rest[:])
}

// isFarApart spreads the three bytes of a pixel, 21 bits each, so that they can be multiplied together.
func isFarApart(v uint64) uint64 { return v&0xff | v&0xff00<<13 | v&0xff0000<<26 }
