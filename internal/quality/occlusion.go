package quality

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// occlusionSize is the width and height of the occlusion model's input in pixels.
const occlusionSize = 96

// occlusionPlaces are where the model was trained to see the eyes' centres, the nose's base and the mouth's centre
// (PLACES in training/occlusion/train.py): the face fills the middle half, so that what comes from beside it is seen too.
var occlusionPlaces = []liveness.Point{{X: 36.5, Y: 40}, {X: 59.5, Y: 40}, {X: 48, Y: 54}, {X: 48, Y: 65}}

// occlusion is the model that sees whether something covers the face or the mouth.
type occlusion struct {
	model       *infer.Model
	calibration struct {
		Occluded     logistic `json:"occluded"`
		MouthCovered logistic `json:"mouth_covered"`
	}
}

// logistic makes a probability of an output (Platt's calibration).
type logistic struct {
	Slope  float64 `json:"slope"`
	Offset float64 `json:"offset"`
}

func (l logistic) of(v float32) float64 { return 1 / (1 + math.Exp(-l.Slope*float64(v)-l.Offset)) }

func newOcclusion(library *infer.Library) (*occlusion, error) {
	model, err := library.Model("occlusion")
	if err != nil {
		return nil, err
	}
	data, err := model.Parameters()
	if err != nil {
		return nil, err
	}
	o := &occlusion{model: model}
	if err := json.Unmarshal(data, &o.calibration); err != nil {
		return nil, fmt.Errorf("models/occlusion.json: %w", err)
	}
	return o, nil
}

// look returns the probabilities that the face is occluded and that the mouth is covered.
func (o *occlusion) look(p *liveness.Picture, l liveness.Landmarks) (occluded, mouth float64, err error) {
	places := []liveness.Point{centre(l[36:42]), centre(l[42:48]), l[33], centre(l[48:60])}
	part := p.Warp(liveness.Similar(occlusionPlaces, places), occlusionSize, occlusionSize)
	out, err := o.model.Look(levelled(part), part)
	if err != nil {
		return 0, 0, err
	}
	return o.calibration.Occluded.of(out[0].Data[0]), o.calibration.MouthCovered.of(out[0].Data[1]), nil
}

// levelled is the normalisation of the model's input: the crop's mean becomes 0 and its deviation (in all three colours
// together, and 4 more, so that noise stays small) becomes 1.
func levelled(p *liveness.Picture) infer.Colours {
	var sum, squares uint64
	for _, v := range p.Pixels {
		sum += uint64(v)
		squares += uint64(v) * uint64(v)
	}
	n := float64(len(p.Pixels))
	mean := float64(sum) / n
	deviation := float32(math.Sqrt(max(float64(squares)/n-mean*mean, 0))) + 4
	level := float32(mean)
	return infer.Colours{Mean: [3]float32{level, level, level}, Deviation: [3]float32{deviation, deviation, deviation}}
}
