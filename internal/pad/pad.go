// Package pad tells bona fide presentations of a face from presentation attacks (ISO/IEC 30107) in one picture.
package pad

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
	"github.com/bonafide-id/bonafide/models"
)

// Recipe is models/pad.json: which networks look at a face, how, and how their answers become one probability. It is
// written by training/pad/calibrate.
type Recipe struct {
	Nets []Net `json:"nets"`
	// Bias and the nets' weights are those of a logistic regression on the nets' log odds, fitted on people whom no net
	// was trained on.
	Bias float64 `json:"bias"`
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
	// Live is the index of its logit for bona fide.
	Live   int     `json:"live"`
	Weight float64 `json:"weight"`
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

// New loads the networks that models/pad.json names.
func New(library *infer.Library) (*Scorer, error) {
	data, err := models.File("pad.json")
	if err != nil {
		return nil, err
	}
	var recipe Recipe
	if err := json.Unmarshal(data, &recipe); err != nil {
		return nil, fmt.Errorf("models/pad.json: %w", err)
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
	// LogOdds are the networks' own log odds of bona fide, in the recipe's order, not calibrated.
	LogOdds []float64
}

// Score judges the face in a picture. It always gives a score; whether the picture is good enough to rely on it is
// package quality's to say.
func (s *Scorer) Score(p *liveness.Picture, face liveness.Face) (Result, error) {
	var result Result
	sum := s.recipe.Bias
	for i, net := range s.recipe.Nets {
		odds, err := net.look(s.models[i], p, face.Box)
		if err != nil {
			return Result{}, err
		}
		result.LogOdds = append(result.LogOdds, odds)
		sum += net.Weight * odds
	}
	result.Score = liveness.Score(1 / (1 + math.Exp(-sum)))
	return result, nil
}

// look runs one network on one face.
func (n Net) look(model *infer.Model, p *liveness.Picture, box liveness.Box) (float64, error) {
	colours := infer.Colours{BGR: n.BGR, Mean: n.Mean, Deviation: n.Deviation}
	crop := p.Crop(n.Crop.of(box, p), n.Crop.Width, n.Crop.Height)
	out, err := model.Run(colours.Tensor(crop))
	if err != nil {
		return 0, err
	}
	return logOdds(out[0].Data, n.Live)
}

// maxOdds bounds log odds: beyond it a network's confidence carries nothing.
const maxOdds = 12

// logOdds is log(p / (1 - p)) of the softmax probability p of one class.
func logOdds(logits []float32, class int) (float64, error) {
	if class < 0 || class >= len(logits) {
		return 0, fmt.Errorf("class %d of %d in models/pad.json", class, len(logits))
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
