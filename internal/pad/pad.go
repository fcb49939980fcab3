// Package pad tells bona fide presentations of a face from presentation attacks (ISO/IEC 30107) in one picture.
package pad

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// Recipe is models/pad.json: which networks look at a face, how, and how their answers become one probability. It is
// written by training/pad.
type Recipe struct {
	Nets []Net `json:"nets"`
	// Ramp is how far the picture reaches around the face (see reach): up to the first only Tight counts, from the second
	// only Loose, between them both in proportion.
	Ramp  [2]float64 `json:"ramp"`
	Loose Fusion     `json:"loose"`
	Tight Fusion     `json:"tight"`
}

// Fusion makes one calibrated log odds of those of all networks, in the recipe's order, for a prior of one half. Its
// numbers were fitted on sets that the networks were not trained on.
type Fusion struct {
	Weights []float64 `json:"weights"`
	Bias    float64   `json:"bias"`
}

func (f Fusion) of(odds []float64) (float64, error) {
	if len(odds) != len(f.Weights) {
		return 0, fmt.Errorf("the recipe has %d weights for %d answers", len(f.Weights), len(odds))
	}
	sum := f.Bias
	for i, o := range odds {
		sum += f.Weights[i] * o
	}
	return sum, nil
}

// Net is one network's part of a recipe.
type Net struct {
	// Model is its id in the manifest.
	Model string `json:"model"`
	Crop  Crop   `json:"crop"`
	// BGR, Mean and Deviation are its colours, as in infer.Colours.
	BGR       bool       `json:"bgr,omitempty"`
	Mean      [3]float32 `json:"mean"`
	Deviation [3]float32 `json:"deviation"`
	// Live is the index of the logit for bona fide in each of its outputs.
	Live int `json:"live"`
}

// Crop says which part of the picture a network sees.
type Crop struct {
	// Margin is the crop's width over the box's, and its height over the box's.
	Margin float64 `json:"margin"`
	// Square takes the square of the box's larger side in place of the box.
	Square bool `json:"square,omitempty"`
	// Inside moves a crop that leaves the picture back into it, made smaller where it does not fit; otherwise the
	// picture's edge is repeated.
	Inside bool `json:"inside,omitempty"`
	// Width and Height are the network's input in pixels.
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Scorer scores faces. It is safe for concurrent use.
type Scorer struct {
	recipe Recipe
	models []*infer.Model
}

// New loads the networks that models/pad.json names or, where the library withholds weights that were trained on data
// for research only, those of models/pad_free.json.
func New(library *infer.Library) (*Scorer, error) {
	s, err := read(library, "pad.json")
	if errors.Is(err, infer.ErrWithheld) {
		return read(library, "pad_free.json")
	}
	return s, err
}

func read(library *infer.Library, name string) (*Scorer, error) {
	data, err := library.File(name)
	if err != nil {
		return nil, err
	}
	var recipe Recipe
	if err := json.Unmarshal(data, &recipe); err != nil {
		return nil, fmt.Errorf("models/%s: %w", name, err)
	}
	return Load(library, recipe)
}

// Load makes a scorer of another recipe than the embedded one, to fit or to compare recipes.
func Load(library *infer.Library, recipe Recipe) (*Scorer, error) {
	s := &Scorer{recipe: recipe}
	for _, net := range recipe.Nets {
		model, err := library.Model(net.Model)
		if err != nil {
			return nil, err
		}
		s.models = append(s.models, model)
	}
	return s, nil
}

// Models names the weights that take part.
func (s *Scorer) Models() []liveness.ModelRef {
	var refs []liveness.ModelRef
	for _, m := range s.models {
		refs = append(refs, m.Ref())
	}
	return refs
}

// Result is what the networks say of one face.
type Result struct {
	// Score is the calibrated probability that the presentation is bona fide.
	Score liveness.Score
	// LogOdds are the networks' own log odds of bona fide, one for each output, in the recipe's order, not calibrated.
	LogOdds []float64
}

// Score judges the face in a picture. It always gives a score; whether the picture is good enough to rely on it is
// package quality's to say.
func (s *Scorer) Score(p *liveness.Picture, face liveness.Face) (Result, error) {
	var result Result
	for i, net := range s.recipe.Nets {
		odds, err := net.look(s.models[i], p, face.Box)
		if err != nil {
			return Result{}, err
		}
		result.LogOdds = append(result.LogOdds, odds...)
	}
	sum, err := s.recipe.fuse(result.LogOdds, reach(p, face.Box))
	if err != nil {
		return Result{}, err
	}
	result.Score = liveness.Score(1 / (1 + math.Exp(-sum)))
	return result, nil
}

// reach is how many boxes the picture holds a side, if it and the box were squares: 1 is a picture of the face alone.
func reach(p *liveness.Picture, box liveness.Box) float64 {
	return math.Sqrt(float64(p.Width) * float64(p.Height) / (box.Width * box.Height))
}

func (r Recipe) fuse(odds []float64, reach float64) (float64, error) {
	loose, err := r.Loose.of(odds)
	if err != nil {
		return 0, err
	}
	tight, err := r.Tight.of(odds)
	if err != nil {
		return 0, err
	}
	share := min(max((reach-r.Ramp[0])/(r.Ramp[1]-r.Ramp[0]), 0), 1)
	return share*loose + (1-share)*tight, nil
}

// look runs one network on one face.
func (n Net) look(model *infer.Model, p *liveness.Picture, box liveness.Box) ([]float64, error) {
	colours := infer.Colours{BGR: n.BGR, Mean: n.Mean, Deviation: n.Deviation}
	crop := p.Crop(n.Crop.of(box, p), n.Crop.Width, n.Crop.Height)
	outputs, err := model.Run(colours.Tensor(crop))
	if err != nil {
		return nil, err
	}
	var odds []float64
	for _, out := range outputs {
		o, err := logOdds(out.Data, n.Live)
		if err != nil {
			return nil, err
		}
		odds = append(odds, o)
	}
	return odds, nil
}

// maxOdds bounds log odds: beyond it a network's confidence carries nothing.
const maxOdds = 12

// logOdds is log(p / (1 - p)) of the softmax probability p of one class.
func logOdds(logits []float32, class int) (float64, error) {
	if class < 0 || class >= len(logits) {
		return 0, fmt.Errorf("class %d of %d in the recipe", class, len(logits))
	}
	top := math.Inf(-1)
	for i, v := range logits {
		if i != class {
			top = max(top, float64(v))
		}
	}
	var rest float64
	for i, v := range logits {
		if i != class {
			rest += math.Exp(float64(v) - top)
		}
	}
	odds := float64(logits[class]) - top - math.Log(rest)
	if math.IsNaN(odds) {
		return 0, fmt.Errorf("the network's answer is not a number")
	}
	return min(max(odds, -maxOdds), maxOdds), nil
}

// of is the part of the picture that the network sees of a face.
func (c Crop) of(box liveness.Box, p *liveness.Picture) liveness.Box {
	centre, w, h := box.Centre(), box.Width, box.Height
	if c.Square {
		w, h = max(w, h), max(w, h)
	}
	width, height := float64(p.Width), float64(p.Height)
	margin := c.Margin
	if c.Inside {
		margin = min(margin, width/w, height/h)
	}
	crop := liveness.Box{X: centre.X - margin*w/2, Y: centre.Y - margin*h/2, Width: margin * w, Height: margin * h}
	if c.Inside {
		crop.X = min(max(crop.X, 0), width-crop.Width)
		crop.Y = min(max(crop.Y, 0), height-crop.Height)
	}
	return crop
}
