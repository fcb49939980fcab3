package quality

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// Measures are what can be said of one face in a picture or a frame.
type Measures struct {
	// Brightness is the mean luma (ITU-R BT.601) of the face, 0..255.
	Brightness float64 `json:"brightness"`
	// Balance is the mean luma of the face's darker half over that of its brighter half, 0..1.
	Balance float64 `json:"balance"`
	// Sharpness is the fine detail of the face over its contrast. It is the root mean square of the Laplacian at a pupil distance
	// of 35 pixels, over the standard deviation of the luma.
	Sharpness float64 `json:"sharpness"`
	// Under and Over are the shares of the skin that are black (luma up to 25) and burnt out (from 247). Uniformity is the
	// similarity of the histograms of the face's halves, 0..1.
	Under      float64 `json:"under"`
	Over       float64 `json:"over"`
	Uniformity float64 `json:"uniformity"`
	// Outside is how far the face reaches out of the picture, at its worst side, as a share of its width or height.
	Outside float64 `json:"outside"`
	// Occluded is the probability that something covers the face that is not worn on it: a hand, a scarf, paper, a
	// phone, sunglasses. MouthCovered is the probability that the mouth cannot be seen, be it for a hand or a mask.
	// Both are 0 where the model is withheld.
	Occluded     float64 `json:"occluded"`
	MouthCovered float64 `json:"mouth_covered"`
	// Face is the probability that there is a person's face at all, covered or not; 1 where the model is withheld.
	Face float64 `json:"face"`
}

// The face is measured in a picture of faceSize x faceSize pixels in which the eyes stand at these points.
const faceSize = 112

var (
	leftEye  = liveness.Point{X: 38.5, Y: 45}
	rightEye = liveness.Point{X: 73.5, Y: 45}
)

// alignedFace returns the face with level eyes, from the brows to the chin, so many times as large.
func alignedFace(p *liveness.Picture, face liveness.Face, times int) *liveness.Picture {
	to := func(eye liveness.Point) liveness.Point {
		return liveness.Point{X: float64(times) * eye.X, Y: float64(times) * eye.Y}
	}
	left, right := liveness.Centre(face.Landmarks[36:42]), liveness.Centre(face.Landmarks[42:48])
	size := times * faceSize
	return p.Warp(liveness.FitSimilarity([]liveness.Point{to(leftEye), to(rightEye)}, []liveness.Point{left, right}), size, size)
}

// Measure looks at a face whose landmarks are known. It may be called for each frame of a recording, or for some.
func (j *Assessor) Measure(p *liveness.Picture, face liveness.Face) (Measures, error) {
	m, _, err := j.measure(p, face)
	return m, err
}

// measure returns the aligned face, too, as far down as it is bare.
func (j *Assessor) measure(p *liveness.Picture, face liveness.Face) (Measures, *liveness.Picture, error) {
	m := Measures{Outside: outside(p, face), Face: 1}
	if j.DetectsOcclusion() {
		cover, err := j.occlusion.Run(p, face.Landmarks)
		if err != nil {
			return Measures{}, nil, err
		}
		m.Occluded, m.MouthCovered, m.Face = cover.Occluded, cover.MouthCovered, cover.Face
	}
	bare := lastRow
	if m.MouthCovered > 0.5 {
		bare = maskRow
	}
	skin := rowsAbove(bare, alignedFace(p, face, 1))
	luma := lumaOf(skin)
	left, right := meanOf(luma, 20, faceSize/2), meanOf(luma, faceSize/2, faceSize-20)
	m.Sharpness = sharpness(luma)
	m.Brightness = (left + right) / 2
	m.Balance = (min(left, right) + 1) / (max(left, right) + 1)
	m.Under, m.Over, m.Uniformity = exposure(luma)
	return m, skin, nil
}

// rowsAbove returns the part of an aligned face above a row.
func rowsAbove(row int, aligned *liveness.Picture) *liveness.Picture {
	return &liveness.Picture{Width: faceSize, Height: row, Pixels: aligned.Pixels[:3*faceSize*row]}
}

func lumaOf(p *liveness.Picture) []float64 {
	luma := make([]float64, p.Width*p.Height)
	for i := range luma {
		luma[i] = 0.299*float64(p.Pixels[3*i]) + 0.587*float64(p.Pixels[3*i+1]) + 0.114*float64(p.Pixels[3*i+2])
	}
	return luma
}

// The rows of the aligned face that are skin, from the brows to the lower lip or to the top of a mask.
const firstRow, lastRow, maskRow = 35, 95, 57

func rowsOf(luma []float64) int { return len(luma) / faceSize }

func meanOf(luma []float64, from, to int) float64 {
	var sum float64
	for y := firstRow; y < rowsOf(luma); y++ {
		for x := from; x < to; x++ {
			sum += luma[y*faceSize+x]
		}
	}
	return sum / float64((rowsOf(luma)-firstRow)*(to-from))
}

func sharpness(luma []float64) float64 {
	var sum, squares, detail, n float64
	for y := firstRow; y < rowsOf(luma)-1; y++ {
		for x := 20; x < faceSize-20; x++ {
			i := y*faceSize + x
			v := luma[i]
			laplacian := luma[i-1] + luma[i+1] + luma[i-faceSize] + luma[i+faceSize] - 4*v
			sum += v
			squares += v * v
			detail += laplacian * laplacian
			n++
		}
	}
	spread := math.Sqrt(max(squares/n-sum/n*sum/n, 0))
	return math.Sqrt(detail/n) / (spread + 1)
}
