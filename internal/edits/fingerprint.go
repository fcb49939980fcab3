package edits

import (
	"cmp"
	"crypto/sha256"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// printSide is the side, in pixels, of the square about the face that a picture's fingerprint is made of. blurRadius is how far
	// around a pixel the mean reaches that is subtracted from it. Large shapes and the light say nothing.
	printSide, blurRadius = 48, 2
	// maxMoments is how many moments of a recording have a fingerprint, and momentApart how far apart they are at least.
	maxMoments  = 16
	momentApart = 240 * time.Millisecond
	// A moment's fingerprint is made of the movement at curveSteps times, curveStep apart. The moment is the middle one.
	curveSteps = 33
	curveStep  = 40 * time.Millisecond
	// curves is how many things are followed: six of the face and four of the head.
	curves = 10
)

// Fingerprinter makes fingerprints that can be compared with others of the same salt only. A picture's is what the face looks like, a
// recording's how mouth and head move, which nobody repeats. It is safe for concurrent use.
type Fingerprinter struct {
	// pictures and movements have a row of weights for each bit.
	pictures, movements [][]float32
}

// NewFingerprinter draws the secret projections from a salt of any length.
func NewFingerprinter(salt []byte) *Fingerprinter {
	source := rand.New(rand.NewChaCha8(sha256.Sum256(salt)))
	draw := func(size int) [][]float32 {
		rows := make([][]float32, 8*liveness.FingerprintBytes)
		for i := range rows {
			rows[i] = make([]float32, size)
			for k := range rows[i] {
				rows[i][k] = float32(source.NormFloat64())
			}
		}
		return rows
	}
	return &Fingerprinter{draw(printSide * printSide), draw(curveSteps * curves)}
}

// Picture returns the fingerprint of a picture with a face, and of its mirror image. It reports false where the landmarks are of no use.
func (f *Fingerprinter) Picture(p *liveness.Picture, face liveness.Face) (print, mirrored liveness.Fingerprint, ok bool) {
	var t Trace
	t.Add(p, face, 0)
	if len(t.Frames) == 0 {
		return print, mirrored, false
	}
	square := relief(&t.Frames[0])
	turned := make([]float32, len(square))
	for i := range square {
		turned[i] = square[i/printSide*printSide+printSide-1-i%printSide]
	}
	return project(f.pictures, square, 0), project(f.pictures, turned, 0), true
}

// Recording returns the fingerprints of a recording's moments in which the mouth is widest open, and those of its mirror image.
// Copies at another frame rate, or cut shorter, have the same moments.
func (f *Fingerprinter) Recording(t *Trace) (prints, mirrored []liveness.Fingerprint) {
	lines := t.curves()
	for _, i := range t.moments() {
		around := t.around(lines, i)
		prints = append(prints, project(f.movements, around, t.Frames[i].At))
		for k := range around {
			if c := k % curves; c == acrossCurve || c == tiltCurve {
				around[k] = -around[k]
			}
		}
		mirrored = append(mirrored, project(f.movements, around, t.Frames[i].At))
	}
	return prints, mirrored
}

// project makes a bit of each row of weights.
func project(rows [][]float32, values []float32, at time.Duration) (print liveness.Fingerprint) {
	print.At = at
	for bit, row := range rows {
		var sum float32
		for i, w := range row {
			sum += w * values[i]
		}
		if sum > 0 {
			print.Bits[bit/8] |= 1 << (bit % 8)
		}
	}
	return print
}

// relief returns the square about the face made small, each pixel less the mean around it.
func relief(n *Frame) []float32 {
	const times = PatchSide / printSide
	small, out := make([]float32, printSide*printSide), make([]float32, printSide*printSide)
	for i, v := range n.Patch {
		small[i/PatchSide/times*printSide+i%PatchSide/times] += float32(v)
	}
	for y := range printSide {
		for x := range printSide {
			var sum, count float32
			for v := max(y-blurRadius, 0); v <= min(y+blurRadius, printSide-1); v++ {
				for u := max(x-blurRadius, 0); u <= min(x+blurRadius, printSide-1); u++ {
					sum, count = sum+small[v*printSide+u], count+1
				}
			}
			out[y*printSide+x] = small[y*printSide+x] - sum/count
		}
	}
	return out
}

// Some of the curves: a mirror image has the last two upside down.
const openingCurve, acrossCurve, tiltCurve = 0, 6, 9

// curves returns how the face and the head move, for each frame. Of the mouth it has the opening and the width, of the lips and the
// brows the height, and of the eyes the opening. Of the head it has the place across and down, the size and the tilt. The unit is about a
// pupil distance.
func (t *Trace) curves() (lines [][curves]float64) {
	middles, scales := t.heads()
	if len(scales) == 0 {
		return nil
	}
	size := medianLength(scales)
	for i := range t.Frames {
		l := &t.Frames[i].Landmarks
		seen := func(points ...liveness.Point) complex128 {
			c := liveness.Centre(points)
			return (complex(c.X, c.Y) - middles[i]) / scales[i]
		}
		lines = append(lines, [curves]float64{
			2 * imag(seen(l[65:68]...)-seen(l[61:64]...)), 2 * real(seen(l[54])-seen(l[48])),
			2 * imag(seen(l[57])), 2 * imag(seen(l[51])), 2 * imag(seen(l[17:27]...)),
			imag(seen(l[40], l[41], l[46], l[47]) - seen(l[38], l[37], l[44], l[43])),
			real(middles[i]) / size, imag(middles[i]) / size, 2 * math.Log(cmplx.Abs(scales[i])), 2 * cmplx.Phase(scales[i]),
		})
	}
	return lines
}

// around returns the curves about a frame, smoothed, each less its mean.
func (t *Trace) around(lines [][curves]float64, frame int) []float32 {
	var raw [curveSteps][curves]float64
	for k := range raw {
		at := t.Frames[frame].At + time.Duration(k-curveSteps/2)*curveStep
		next, _ := slices.BinarySearchFunc(t.Frames, at, func(f Frame, at time.Duration) int { return cmp.Compare(f.At, at) })
		last := max(next-1, 0)
		next = min(next, len(lines)-1)
		part := 0.0
		if gap := t.Frames[next].At - t.Frames[last].At; gap > 0 {
			part = min(max(float64(at-t.Frames[last].At)/float64(gap), 0), 1)
		}
		for c := range raw[k] {
			raw[k][c] = lines[last][c]*(1-part) + lines[next][c]*part
		}
	}
	out := make([]float32, curveSteps*curves)
	for c := range curves {
		mean := 0.0
		smoothed := func(k int) float64 {
			return raw[k][c]/2 + raw[max(k-1, 0)][c]/4 + raw[min(k+1, curveSteps-1)][c]/4
		}
		for k := range raw {
			mean += smoothed(k) / curveSteps
		}
		for k := range raw {
			out[k*curves+c] = float32(smoothed(k) - mean)
		}
	}
	return out
}

// moments returns the frames, in order, in which the mouth is wider open than in all others close by.
func (t *Trace) moments() []int {
	open := make([]float64, len(t.Frames))
	for i := range t.Frames {
		open[i] = t.opening(i)
	}
	order := make([]int, len(open))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(open[b], open[a]) })
	var chosen []int
	for _, i := range order {
		at := t.Frames[i].At
		close := func(k int) bool { return max(at, t.Frames[k].At)-min(at, t.Frames[k].At) < momentApart }
		if !slices.ContainsFunc(chosen, close) {
			chosen = append(chosen, i)
		}
		if len(chosen) == maxMoments {
			break
		}
	}
	slices.Sort(chosen)
	return chosen
}

// opening returns how far the inner lips are apart in a frame, in pupil distances, the mean with the frames within 60 ms.
func (t *Trace) opening(i int) float64 {
	sum, count := 0.0, 0.0
	for k := max(i-3, 0); k < min(i+4, len(t.Frames)); k++ {
		if d := t.Frames[k].At - t.Frames[i].At; max(d, -d) <= 60*time.Millisecond {
			l := &t.Frames[k].Landmarks
			sum += (l[65].Y + l[66].Y + l[67].Y - l[61].Y - l[62].Y - l[63].Y) / 3 / (t.Frames[k].Step * PatchSide / patchWidth)
			count++
		}
	}
	return sum / count
}
