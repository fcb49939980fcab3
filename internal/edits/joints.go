package edits

import (
	"math"
	"time"
)

// jointLag is the time across which a jump is looked for: a cut and a dissolve of up to five frames lie within it.
const jointLag = 0.24 // seconds

// What is noise in each of the things that jump. The face and the background are in levels of brightness, the head's place in pupil
// distances.
const (
	faceNoise, headNoise, sceneNoise = 0.5, 0.02, 0.3
	// quietJump is what a thing that does not move at all counts.
	quietJump = 0.3
)

// The size of the background's picture.
const (
	groundWidth, groundHeight = SceneWidth / 2, SceneHeight / 2
	minGround                 = 30 // cells; with fewer the background says nothing
)

// jump returns how much more changes across the likeliest joint of the recording than before and after it. Face, head's place and
// background count. It is the sum of three logarithms, 0 or less if nothing is out of the ordinary. jump also returns when that is,
// and reports false if the recording is too short.
func (t *Trace) jump(crops []crop) (measure float64, at time.Duration, ok bool) {
	rate := t.frameRate()
	lag := max(2, int(math.Round(jointLag*rate)))
	n := len(t.Frames)
	if rate == 0 || n < 3*lag+2 {
		return 0, 0, false
	}
	series := []func(i, k int) float64{faceDistance(crops), t.headDistance(), t.groundDistance()}
	noise := []float64{faceNoise, headNoise, sceneNoise}
	measure = math.Inf(-1)
	for i := lag; i+2*lag < n; i++ {
		if (t.Frames[i+2*lag].At - t.Frames[i-lag].At).Seconds() > 1.6*3*jointLag {
			continue // the face was lost in between
		}
		sum := 0.0
		for s, distance := range series {
			around := 0.0
			for l := 1; l <= lag; l++ {
				around = max(around, distance(i-l, i), distance(i+lag, i+lag+l))
			}
			sum += math.Log((distance(i, i+lag) + quietJump*noise[s]) / (around + noise[s]))
		}
		if sum > measure {
			measure, at = sum, (t.Frames[i].At+t.Frames[i+lag].At)/2
		}
	}
	return max(measure, -9), at, true
}

// faceDistance returns by how many levels the upper faces of two frames differ, whatever the light.
func faceDistance(crops []crop) func(i, k int) float64 {
	faces := make([][]float32, len(crops))
	for i := range crops {
		var mean float32
		for _, p := range upperFace {
			mean += crops[i][p] / float32(len(upperFace))
		}
		faces[i] = make([]float32, len(upperFace))
		for k, p := range upperFace {
			faces[i][k] = crops[i][p] - mean
		}
	}
	return func(i, k int) float64 { return meanDifference(faces[i], faces[k]) }
}

// headDistance returns how far, in pupil distances, the rigid points are from where they were.
func (t *Trace) headDistance() func(i, k int) float64 {
	_, scales := t.heads()
	size := medianLength(scales)
	points := make([][]float64, len(t.Frames))
	for i := range t.Frames {
		for _, p := range rigid(&t.Frames[i].Landmarks) {
			points[i] = append(points[i], p.X/size, p.Y/size)
		}
	}
	return func(i, k int) float64 {
		sum := 0.0
		for j, v := range points[i] {
			sum += (v - points[k][j]) * (v - points[k][j])
		}
		return rootMeanSquare(sum, len(points[i]))
	}
}

// groundDistance returns by how many levels the background of two frames differs. Where the face leaves too little of it, that is 0.
func (t *Trace) groundDistance() func(i, k int) float64 {
	cells := t.ground()
	if len(cells) < minGround {
		return func(int, int) float64 { return 0 }
	}
	grounds := make([][]float32, len(t.Frames))
	for i := range t.Frames {
		s := &t.Frames[i].Scene
		grounds[i] = make([]float32, len(cells))
		for k, c := range cells {
			p := c/groundWidth*2*SceneWidth + c%groundWidth*2
			grounds[i][k] = (float32(s[p]) + float32(s[p+1]) + float32(s[p+SceneWidth]) + float32(s[p+SceneWidth+1])) / 4
		}
	}
	return func(i, k int) float64 { return meanDifference(grounds[i], grounds[k]) }
}

// ground returns the cells of the scene that show neither the face nor what is below it.
func (t *Trace) ground() (cells []int) {
	middles, scales := t.heads()
	middle, size := middles[len(middles)/2], medianLength(scales)
	for c := range groundWidth * groundHeight {
		x := math.Abs((float64(c%groundWidth)+0.5)/groundWidth*float64(t.width) - real(middle))
		y := (float64(c/groundWidth)+0.5)/groundHeight*float64(t.height) - imag(middle)
		face, shoulders := x < 2*size && y > -2.4*size, x < 4.5*size && y > 1.6*size
		if !face && !shoulders {
			cells = append(cells, c)
		}
	}
	return cells
}

func meanDifference(a, b []float32) float64 {
	var sum float32
	for i, v := range a {
		d := v - b[i]
		sum += max(d, -d)
	}
	return float64(sum) / float64(max(len(a), 1))
}
