// Package occlusion detects what occludes a face, and whether a face is under it. It does not find faces.
package occlusion

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// inputSize is the width and height of the model's input in pixels.
const inputSize = 96

// places are the positions of the eyes' centres, the nose's base and the mouth's centre in training (PLACES in
// training/occlusion/train.py). The face fills the middle half, so objects that come from the side are visible too.
var places = []liveness.Point{{X: 36.5, Y: 40}, {X: 59.5, Y: 40}, {X: 48, Y: 54}, {X: 48, Y: 65}}

// Net is the occlusion model. It is safe for concurrent use.
type Net struct {
	model       *infer.Model
	calibration struct {
		Occluded     logistic `json:"occluded"`
		MouthCovered logistic `json:"mouth_covered"`
		Face         logistic `json:"face"`
	}
}

// logistic makes a probability of an output (Platt's calibration).
type logistic struct {
	Slope  float64 `json:"slope"`
	Offset float64 `json:"offset"`
}

func (l logistic) apply(v float32) float64 { return 1 / (1 + math.Exp(-l.Slope*float64(v)-l.Offset)) }

// New loads the model. The error is infer.ErrWithheld where its weights are withheld.
func New(library *infer.Library) (*Net, error) {
	model, err := library.Model("occlusion")
	if err != nil {
		return nil, err
	}
	data, err := model.Parameters()
	if err != nil {
		return nil, err
	}
	n := &Net{model: model}
	if err := json.Unmarshal(data, &n.calibration); err != nil {
		return nil, fmt.Errorf("models/occlusion.json: %w", err)
	}
	return n, nil
}

// Ref returns the name and version of the weights.
func (n *Net) Ref() liveness.ModelRef { return n.model.Ref() }

// Result is what the model says of a place in a picture: probabilities, 0..1.
type Result struct {
	// Occluded is that something covers the face that is not worn on it, MouthCovered that the mouth cannot be seen.
	Occluded, MouthCovered float64
	// Face is that there is a person's face at all, covered or not.
	Face float64
}

// Run looks where the landmarks are.
func (n *Net) Run(p *liveness.Picture, l liveness.Landmarks) (Result, error) {
	points := []liveness.Point{liveness.Centre(l[36:42]), liveness.Centre(l[42:48]), l[33], liveness.Centre(l[48:60])}
	part := p.Warp(liveness.FitSimilarity(places, points), inputSize, inputSize)
	out, err := n.model.RunPictures(normalise(part), part)
	if err != nil {
		return Result{}, err
	}
	c, odds := &n.calibration, out[0].Data
	if len(odds) != 3 {
		return Result{}, fmt.Errorf("the occlusion model has %d outputs, not 3", len(odds))
	}
	return Result{c.Occluded.apply(odds[0]), c.MouthCovered.apply(odds[1]), c.Face.apply(odds[2])}, nil
}

// normalise normalises the model's input. The crop's mean becomes 0 and its deviation becomes 1. The deviation is over all three
// colours, plus 4, so that noise stays small.
func normalise(p *liveness.Picture) infer.PixelFormat {
	var sum, squares uint64
	for _, v := range p.Pixels {
		sum += uint64(v)
		squares += uint64(v) * uint64(v)
	}
	n := float64(len(p.Pixels))
	mean := float64(sum) / n
	deviation := float32(math.Sqrt(max(float64(squares)/n-mean*mean, 0))) + 4
	level := float32(mean)
	return infer.PixelFormat{Mean: [3]float32{level, level, level}, Deviation: [3]float32{deviation, deviation, deviation}}
}
