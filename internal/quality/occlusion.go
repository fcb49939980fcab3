package quality

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// occlusionSize is the width and height of the occlusion model's input in pixels.
	occlusionSize = 64
	// occlusionMargin is the side of its square crop over the height of the face box.
	occlusionMargin = 1.4
)

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
func (o *occlusion) look(p *liveness.Picture, box liveness.Box) (occluded, mouth float64, err error) {
	c, side := box.Centre(), occlusionMargin*box.Height
	crop := liveness.Box{X: c.X - side/2, Y: c.Y - side/2, Width: side, Height: side}
	part := p.Crop(crop, occlusionSize, occlusionSize)
	out, err := o.model.Run(levelled(part).Tensor(part))
	if err != nil {
		return 0, 0, err
	}
	return o.calibration.Occluded.of(out[0].Data[0]), o.calibration.MouthCovered.of(out[0].Data[1]), nil
}

// levelled is the normalisation of the model's input: the crop's mean becomes 0 and its deviation (in all three colours
// together, and 4 more, so that noise stays small) becomes 1.
func levelled(p *liveness.Picture) infer.Colours {
	var sum, squares float64
	for _, v := range p.Pixels {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(p.Pixels))
	mean := float32(sum / n)
	deviation := float32(math.Sqrt(max(squares/n-sum/n*sum/n, 0))) + 4
	return infer.Colours{Mean: [3]float32{mean, mean, mean}, Deviation: [3]float32{deviation, deviation, deviation}}
}
