package lips

import (
	"errors"
	"math"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// Width and Height are the size of a mouth picture in pixels.
	Width, Height = 64, 48
	// Rate is the number of mouth pictures a second that the model reads.
	Rate = 25

	// perPixel is the width of a mouth picture's pixel in pupil distances: a picture shows 1.4 by 1.05 of them.
	perPixel = 1.4 / Width

	// A patch is the part of a frame that is stored until the head's path is known. It is a square around the mouth, upright in
	// the frame. It is large enough for any tilt up to about 30 degrees and for training's wider pictures.
	patchSide  = 120
	patchWidth = 2.625 // pupil distances; the same pixels as perPixel

	// shapePoints are the points of a mouth's shape: twelve of the outer lips, eight of the inner lips, the chin.
	shapePoints = 21
	// ShapeSize is the number of values of a mouth's shape. They are x and y of each point, in pupil distances from the middle of
	// the eyes and the nose.
	ShapeSize = 2 * shapePoints

	// fastest is the highest rate at which frames are kept; quicker ones are dropped.
	fastest = 40
	// longest is the most of a recording that is kept.
	longest = 60 * time.Second
)

// ErrTooLong is returned by Add when a recording is longer than a minute.
var ErrTooLong = errors.New("the recording is too long to read the lips")

// Mouth gathers what is seen of one person's mouth in a recording: 14 KB a frame, so that frames need not be kept.
// It is for one goroutine.
type Mouth struct {
	at      []time.Duration
	places  []placement
	mouths  []complex128
	shapes  [][shapePoints]complex128 // in pixels of the frame
	patches []patch
}

// patch is a grey square of patchSide pixels: its centre and the side of one of its pixels, in pixels of the frame.
type patch struct {
	pixels []uint8
	centre complex128
	step   float64
}

// NewMouth starts a recording that no Reader is at hand for, such as in training.
func NewMouth() *Mouth { return &Mouth{} }

// Add takes the mouth of a face out of a frame. Frames come in the order of their time; one that is not later than the
// last one by 1/40 s is dropped. The picture is not kept. The only error is ErrTooLong.
func (m *Mouth) Add(p *liveness.Picture, f liveness.Face, at time.Duration) error {
	if n := len(m.at); n > 0 {
		if at-m.at[n-1] < time.Second/fastest {
			return nil
		}
		if at-m.at[0] > longest {
			return ErrTooLong
		}
	}
	place, lips := place(&f.Landmarks), middle(f.Landmarks[48:60])
	if !usable(place.scale, lips) {
		return nil
	}
	m.at = append(m.at, at)
	m.places = append(m.places, place)
	m.mouths = append(m.mouths, place.mouth(&f.Landmarks))
	m.shapes = append(m.shapes, outline(&f.Landmarks))
	m.patches = append(m.patches, samplePatch(p, lips, length(place.scale)*patchWidth/patchSide))
	return nil
}

// Frames returns the number of frames that were kept.
func (m *Mouth) Frames() int { return len(m.at) }

// Start returns the time of the first frame that was kept: that of the first mouth picture.
func (m *Mouth) Start() time.Duration {
	if len(m.at) == 0 {
		return 0
	}
	return m.at[0]
}

// Duration returns the time from the first frame to the last.
func (m *Mouth) Duration() time.Duration {
	if len(m.at) == 0 {
		return 0
	}
	return m.at[len(m.at)-1] - m.at[0]
}

func length(z complex128) float64 { return math.Hypot(real(z), imag(z)) }

// usable refuses degenerate landmarks: a head of no size or of no finite one, lips far outside any frame.
func usable(scale, lips complex128) bool {
	l := length(scale)
	return l >= 1 && l < 1e5 && length(lips) < 1e6
}

// samplePatch returns a patch of a frame. Every pixel is the mean luma (ITU-R BT.601) of its square of the frame, or of one frame
// pixel if the frame is coarser. Places outside the frame repeat its border.
func samplePatch(p *liveness.Picture, centre complex128, step float64) patch {
	q := patch{pixels: make([]uint8, patchSide*patchSide), centre: centre, step: step}
	columns := squares(real(centre), step, p.Width)
	rows := squares(imag(centre), step, p.Height)
	left, right := columns[0].first, columns[patchSide-1].last()
	top, bottom := rows[0].first, rows[patchSide-1].last()
	grey := make([]float32, right-left+1)
	narrow := make([]float32, (bottom-top+1)*patchSide) // the frame's rows, already patchSide wide
	for y := top; y <= bottom; y++ {
		for i := range grey {
			rgb := p.Pixels[3*(y*p.Width+left+i):]
			grey[i] = float32(299*int(rgb[0])+587*int(rgb[1])+114*int(rgb[2])) / 1000
		}
		for x, c := range columns {
			var sum float32
			for i, w := range c.weights {
				sum += w * grey[c.first-left+i]
			}
			narrow[(y-top)*patchSide+x] = sum
		}
	}
	for y, r := range rows {
		for x := range patchSide {
			var sum float32
			for i, w := range r.weights {
				sum += w * narrow[(r.first-top+i)*patchSide+x]
			}
			q.pixels[y*patchSide+x] = uint8(sum + 0.5)
		}
	}
	return q
}

// share is how much of each frame pixel, from the first on, one pixel of a patch takes along one side; the sum is 1.
type share struct {
	first   int
	weights []float32
}

func (s share) last() int { return s.first + len(s.weights) - 1 }

// squares returns the shares of a patch's pixels along one side, of a frame that is size pixels long.
func squares(centre, step float64, size int) (out [patchSide]share) {
	width := max(step, 1)
	inside := func(i int) int { return min(max(i, 0), size-1) }
	for k := range out {
		from := centre + step*(float64(k)+0.5-patchSide/2) - width/2
		to := from + width
		first, last := inside(int(math.Floor(from))), inside(int(math.Ceil(to))-1)
		out[k] = share{first: first, weights: make([]float32, last-first+1)}
		for i := int(math.Floor(from)); float64(i) < to; i++ {
			part := min(to, float64(i+1)) - max(from, float64(i))
			out[k].weights[inside(i)-first] += float32(part / width)
		}
	}
	return out
}

// Pictures returns the recording as aligned grey mouth pictures of the given size, 25 a second. The slice has number times width
// times height pixels, 0..255, row-major. The head's path is smoothed, its tilt and size are taken out, and the mouth's mean
// place is in the middle. Frames at another rate are mixed from the two around.
func (m *Mouth) Pictures(width, height int) (pixels []float32, count int) {
	if len(m.at) == 0 {
		return nil, 0
	}
	var mouth complex128
	for _, z := range m.mouths {
		mouth += z / complex(float64(len(m.mouths)), 0)
	}
	places := smooth(m.at, m.places)
	size := width * height
	count = m.count()
	pixels = make([]float32, count*size)
	before, after := make([]float32, size), make([]float32, size)
	drawn := -1 // the frame that `before` shows; `after` shows the next
	m.resample(func(k, frame, next int, w float32) {
		if drawn != frame {
			if drawn == frame-1 && drawn >= 0 {
				before, after = after, before
			} else {
				m.patches[frame].render(before, width, height, places[frame], mouth)
			}
			m.patches[next].render(after, width, height, places[next], mouth)
			drawn = frame
		}
		mix(pixels[k*size:(k+1)*size], before, after, w)
	})
	return pixels, count
}

// Shapes returns where lips and chin are at the times of Pictures: ShapeSize values each, in a single slice.
func (m *Mouth) Shapes() []float32 {
	places := smooth(m.at, m.places)
	values := make([]float32, m.count()*ShapeSize)
	m.resample(func(k, frame, next int, w float32) {
		before, after := places[frame].shape(m.shapes[frame]), places[next].shape(m.shapes[next])
		mix(values[k*ShapeSize:(k+1)*ShapeSize], before[:], after[:], w)
	})
	return values
}

// count returns the number of pictures, Rate a second, from the first frame to the last.
func (m *Mouth) count() int {
	if len(m.at) == 0 {
		return 0
	}
	return int(m.Duration()*Rate/time.Second) + 1
}

// resample calls with each picture's number, the two frames around its time, and the weight of the later one.
func (m *Mouth) resample(each func(k, frame, next int, w float32)) {
	frame := 0
	for k := range m.count() {
		t := m.at[0] + time.Duration(k)*time.Second/Rate
		for frame+1 < len(m.at)-1 && m.at[frame+1] <= t {
			frame++
		}
		next := min(frame+1, len(m.at)-1)
		var w float32
		if gap := m.at[next] - m.at[frame]; gap > 0 {
			w = float32(t-m.at[frame]) / float32(gap)
		}
		each(k, frame, next, w)
	}
}

func mix(out, before, after []float32, w float32) {
	for i := range out {
		out[i] = before[i]*(1-w) + after[i]*w
	}
}

// render renders a patch as the mouth picture of a head at the given place.
func (q patch) render(out []float32, width, height int, p placement, mouth complex128) {
	// Steps of one output pixel to the right and down, and the first pixel's centre, in pixels of the patch.
	right := p.scale * perPixel / complex(q.step, 0)
	down := right * 1i
	start := (p.centre+p.scale*mouth-q.centre)/complex(q.step, 0) + complex(patchSide/2-0.5, patchSide/2-0.5) -
		right*complex(float64(width-1)/2, 0) - down*complex(float64(height-1)/2, 0)
	for y := range height {
		z := start + down*complex(float64(y), 0)
		for x := range width {
			out[y*width+x] = q.at(real(z), imag(z))
			z += right
		}
	}
}

// at returns the patch's brightness between its pixels; outside it repeats its border.
func (q patch) at(x, y float64) float32 {
	x = min(max(x, 0), patchSide-1)
	y = min(max(y, 0), patchSide-1)
	x0, y0 := min(int(x), patchSide-2), min(int(y), patchSide-2)
	u, v := float32(x)-float32(x0), float32(y)-float32(y0)
	row := q.pixels[y0*patchSide+x0:]
	a, b, c, d := float32(row[0]), float32(row[1]), float32(row[patchSide]), float32(row[patchSide+1])
	return (1-v)*((1-u)*a+u*b) + v*((1-u)*c+u*d)
}
