package face

import (
	"cmp"
	"math"
	"slices"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// The detector's input in pixels.
const (
	inputWidth  = 320
	inputHeight = 240
)

const (
	// faceThreshold is the confidence from which a box counts as a face.
	faceThreshold = 0.85
	// sameFace is the overlap (intersection over union) from which two boxes are one face.
	sameFace = 0.35
)

// detected is a box of the detector, in pixels of the picture. The angle is that of the face, clockwise in radians: 0 unless it
// was found in a rotated picture.
type detected struct {
	box        liveness.Box
	confidence float64
	angle      float64
	// mesh is what was read of it; nil where nobody looked yet.
	mesh *mesh
}

var detectorColours = infer.PixelFormat{Mean: [3]float32{127, 127, 127}, Deviation: [3]float32{128, 128, 128}}

// detect looks for faces, of a least confidence, in a region of the picture, whose proportions are kept. The region may be larger
// than the picture: what lies outside is grey.
func (f *Finder) detect(p *pyramid, region liveness.Box, least float32) ([]detected, error) {
	scale := min(inputWidth/region.Width, inputHeight/region.Height)
	boxes, err := f.boxes(canvas(p, region, scale), least)
	for i, d := range boxes {
		b := d.box
		boxes[i].box = liveness.Box{X: region.X + b.X/scale, Y: region.Y + b.Y/scale, Width: b.Width / scale, Height: b.Height / scale}
	}
	return boxes, err
}

// detectTurned looks for faces that are turned clockwise by an angle in radians.
func (f *Finder) detectTurned(p *pyramid, angle float64) ([]detected, error) {
	sin, cos := math.Sincos(angle)
	width, height := float64(p.Width), float64(p.Height)
	// The whole picture, turned back, fits into the input.
	across, down := math.Abs(cos)*width+math.Abs(sin)*height, math.Abs(sin)*width+math.Abs(cos)*height
	step := max(across/inputWidth, down/inputHeight)
	a, b := step*cos, step*sin
	back := liveness.Affine{
		A: a, B: -b, C: width/2 - (a*inputWidth-b*inputHeight)/2,
		D: b, E: a, F: height/2 - (b*inputWidth+a*inputHeight)/2,
	}
	boxes, err := f.boxes(p.Warp(back, inputWidth, inputHeight), faceThreshold)
	for i, d := range boxes {
		c, w, h := back.Apply(d.box.Centre()), step*d.box.Width, step*d.box.Height
		if math.Abs(sin) > math.Abs(cos) {
			w, h = h, w
		}
		boxes[i].box, boxes[i].angle = liveness.Box{X: c.X - w/2, Y: c.Y - h/2, Width: w, Height: h}, angle
	}
	return boxes, err
}

// boxes runs the detector on its input and returns one box for each face of a least confidence, in pixels of the input.
func (f *Finder) boxes(input *liveness.Picture, least float32) ([]detected, error) {
	out, err := f.detector.RunPictures(detectorColours, input)
	if err != nil {
		return nil, err
	}
	scores, corners := out[0].Data, out[1].Data
	var boxes []detected
	for i := 0; 2*i+1 < len(scores) && 4*i+3 < len(corners); i++ {
		if scores[2*i+1] < least {
			continue
		}
		c := corners[4*i : 4*i+4]
		box := liveness.Box{
			X: float64(c[0]) * inputWidth, Y: float64(c[1]) * inputHeight,
			Width: float64(c[2]-c[0]) * inputWidth, Height: float64(c[3]-c[1]) * inputHeight,
		}
		if box.Width > 0 && box.Height > 0 {
			boxes = append(boxes, detected{box: box, confidence: float64(scores[2*i+1])})
		}
	}
	return suppressOverlaps(boxes), nil
}

// canvas draws a region of the picture, scaled, into the top left corner of the detector's input.
func canvas(p *pyramid, region liveness.Box, scale float64) *liveness.Picture {
	out := liveness.NewPicture(inputWidth, inputHeight)
	for i := range out.Pixels {
		out.Pixels[i] = 127
	}
	inside := intersection(region, pictureBox(p))
	left, top := round((inside.X-region.X)*scale), round((inside.Y-region.Y)*scale)
	width, height := min(round(inside.Width*scale), inputWidth-left), min(round(inside.Height*scale), inputHeight-top)
	if width <= 0 || height <= 0 {
		return out
	}
	part := p.Crop(inside, width, height)
	for y := range height {
		copy(out.Pixels[3*((top+y)*inputWidth+left):], part.Pixels[3*y*width:3*(y+1)*width])
	}
	return out
}

// suppressOverlaps keeps the most confident box of each face (non-maximum suppression).
func suppressOverlaps(boxes []detected) []detected {
	slices.SortFunc(boxes, func(a, b detected) int { return cmp.Compare(b.confidence, a.confidence) })
	var kept []detected
	for _, b := range boxes {
		same := func(k detected) bool { return overlap(k.box, b.box) > sameFace }
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, b)
		}
	}
	return kept
}

func pictureBox(p *pyramid) liveness.Box {
	return liveness.Box{Width: float64(p.Width), Height: float64(p.Height)}
}

func intersection(a, b liveness.Box) liveness.Box {
	x, y := max(a.X, b.X), max(a.Y, b.Y)
	right, bottom := min(a.X+a.Width, b.X+b.Width), min(a.Y+a.Height, b.Y+b.Height)
	return liveness.Box{X: x, Y: y, Width: max(right-x, 0), Height: max(bottom-y, 0)}
}

// overlap returns the intersection of two boxes over their union.
func overlap(a, b liveness.Box) float64 {
	common := intersection(a, b).Area()
	return common / (a.Area() + b.Area() - common)
}

// enlargedBox returns a box enlarged about its centre.
func enlargedBox(b liveness.Box, factor float64) liveness.Box {
	c := b.Centre()
	return liveness.Box{X: c.X - factor*b.Width/2, Y: c.Y - factor*b.Height/2, Width: factor * b.Width, Height: factor * b.Height}
}

func round(v float64) int { return int(math.Round(v)) }
