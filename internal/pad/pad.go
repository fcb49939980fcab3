// Package pad scores a face as a bona fide presentation or a presentation attack (ISO/IEC 30107). It does not find faces.
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
	// Ramp is how far the picture reaches around the face (see visibleBoxes). Up to the first only Tight counts, from the second
	// only Loose, between them both in proportion.
	Ramp  [2]float64 `json:"ramp"`
	Loose Fusion     `json:"loose"`
	Tight Fusion     `json:"tight"`
	// Known, if any, counts in their place as far as the camera is one that was trained on. Gate is the index of the output with
	// the log odds of that. Most bounds the log odds that it may give: a camera that merely looks known must not put attacks
	// above all else.
	Known *Fusion `json:"known,omitempty"`
	Gate  int     `json:"gate,omitempty"`
	Max   float64 `json:"most,omitempty"`
	// Alike is how alike the errors of two pictures of one presentation are, as their correlation, 0 to 1 (see Together).
	Alike float64 `json:"alike"`
}

// Fusion makes one calibrated log odds of those of all networks, in the recipe's order, for a prior of one half. Its
// numbers were fitted on sets and people that the networks were not trained on.
type Fusion struct {
	Weights []float64 `json:"weights"`
	Bias    float64   `json:"bias"`
}

func (f Fusion) apply(odds []float64) (float64, error) {
	if len(odds) != len(f.Weights) {
		return 0, fmt.Errorf("the recipe has %d weights for %d answers", len(f.Weights), len(odds))
	}
	sum := f.Bias
	for i, o := range odds {
		sum += f.Weights[i] * o
	}
	return sum, nil
}

// Net is one network's part of a recipe. Its inputs are crops of cropSize x cropSize pixels, blue first, 0..255.
type Net struct {
	// Model is its id in the manifest.
	Model string `json:"model"`
	// Margins has the crop of each input: its width over the face box's, and its height over the box's. A crop that leaves
	// the picture is moved back into it, and made smaller where it does not fit.
	Margins []float64 `json:"margins"`
	// Live is the index of the logit for bona fide in each of its outputs.
	Live int `json:"live"`
}

// cropSize is the width and height of every network's inputs in pixels.
const cropSize = 128

// Scorer scores faces. It is safe for concurrent use.
type Scorer struct {
	recipe Recipe
	models []*infer.Model
}

// New loads the networks that models/pad.json names. If the library excludes weights trained on research-only data, it loads
// those of models/pad_free.json.
func New(library *infer.Library) (*Scorer, error) {
	s, err := readScorer(library, "pad.json")
	if errors.Is(err, infer.ErrWithheld) {
		return readScorer(library, "pad_free.json")
	}
	return s, err
}

func readScorer(library *infer.Library, name string) (*Scorer, error) {
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
	if recipe.Known != nil && (recipe.Gate < 0 || recipe.Gate >= len(recipe.Known.Weights)) {
		return nil, fmt.Errorf("the recipe's gate is answer %d of %d", recipe.Gate, len(recipe.Known.Weights))
	}
	if recipe.Known != nil && recipe.Max <= 0 {
		return nil, fmt.Errorf("the recipe gives known cameras %v at most, and must give more than 0", recipe.Max)
	}
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
	box := boxOf(face, p)
	for i, net := range s.recipe.Nets {
		odds, err := net.run(s.models[i], p, box)
		if err != nil {
			return Result{}, err
		}
		result.LogOdds = append(result.LogOdds, odds...)
	}
	sum, err := s.recipe.fuse(result.LogOdds, visibleBoxes(p, box))
	if err != nil {
		return Result{}, err
	}
	result.Score = probability(sum)
	return result, nil
}

// CombineScores returns the probability that several pictures of one presentation are bona fide, from each picture's own; of one
// picture it is that picture's. There must be one at least.
//
// Pictures of one face before one camera err alike. Assume that the log odds of n pictures are normally distributed with equal
// variances and the correlation r (Recipe.Alike, measured on held-out sets). Then the log odds of all are their mean times n / (1
// + (n-1) r), the number of independent pictures that they are worth.
func (s *Scorer) CombineScores(scores []liveness.Score) liveness.Score {
	return s.recipe.combine(scores)
}

func (r Recipe) combine(scores []liveness.Score) liveness.Score {
	n := float64(len(scores))
	var mean float64
	for _, score := range scores {
		p := float64(score)
		mean += min(max(math.Log(p/(1-p)), -maxOdds), maxOdds) / n
	}
	return probability(mean * n / (1 + (n-1)*r.Alike))
}

// probability returns the one that log odds stand for.
func probability(odds float64) liveness.Score { return liveness.Score(1 / (1 + math.Exp(-odds))) }

// The size of the training boxes over the bounds of the 68 landmarks. The third is the distance of their centre above the bounds'
// centre, in their height. All are medians of 466 pictures.
const (
	boxWidth  = 0.987
	boxHeight = 1.349
	boxAbove  = 0.159
)

// boxOf returns the face's box from its landmarks. They hardly move where the detector's box does, as in a mirrored, compressed
// or scaled picture. A face without landmarks has only the detector's.
func boxOf(face liveness.Face, p *liveness.Picture) liveness.Box {
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, m := range face.Landmarks {
		left, top, right, bottom = min(left, m.X), min(top, m.Y), max(right, m.X), max(bottom, m.Y)
	}
	width, height := boxWidth*(right-left), boxHeight*(bottom-top)
	x, y := (left+right-width)/2, (top+bottom-height)/2-boxAbove*(bottom-top)
	// Boxes were labelled within the picture.
	left, right = max(x, 0), min(x+width, float64(p.Width))
	top, bottom = max(y, 0), min(y+height, float64(p.Height))
	if !(right > left && bottom > top) {
		return face.Box
	}
	return liveness.Box{X: left, Y: top, Width: right - left, Height: bottom - top}
}

// visibleBoxes returns how many boxes the picture holds a side, if it and the box were squares: 1 is a picture of the face alone.
func visibleBoxes(p *liveness.Picture, box liveness.Box) float64 {
	return math.Sqrt(float64(p.Width) * float64(p.Height) / (box.Width * box.Height))
}

func (r Recipe) fuse(odds []float64, reach float64) (float64, error) {
	loose, err := r.Loose.apply(odds)
	if err != nil {
		return 0, err
	}
	tight, err := r.Tight.apply(odds)
	if err != nil {
		return 0, err
	}
	share := min(max((reach-r.Ramp[0])/(r.Ramp[1]-r.Ramp[0]), 0), 1)
	unknown := share*loose + (1-share)*tight
	if r.Known == nil {
		return unknown, nil
	}
	known, err := r.Known.apply(odds)
	if err != nil {
		return 0, err
	}
	trust := float64(probability(odds[r.Gate]))
	return trust*min(known, r.Max) + (1-trust)*unknown, nil
}

// run runs one network on one face.
func (n Net) run(model *infer.Model, p *liveness.Picture, box liveness.Box) ([]float64, error) {
	colours := infer.PixelFormat{BGR: true, Deviation: [3]float32{1, 1, 1}}
	var crops []*liveness.Picture
	for _, margin := range n.Margins {
		crop, _ := p.Crop(enlargedCrop(box, margin, p), cropSize, cropSize).OrientByLight()
		crops = append(crops, crop)
	}
	outputs, err := model.RunPictures(colours, crops...)
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

// logOdds returns log(p / (1 - p)) of the softmax probability p of one class.
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

// enlargedCrop returns the box enlarged margin times, or as far as the picture allows, and moved into it.
func enlargedCrop(box liveness.Box, margin float64, p *liveness.Picture) liveness.Box {
	width, height := float64(p.Width), float64(p.Height)
	margin = min(margin, width/box.Width, height/box.Height)
	crop := liveness.Box{Width: margin * box.Width, Height: margin * box.Height}
	centre := box.Centre()
	crop.X = min(max(centre.X-crop.Width/2, 0), width-crop.Width)
	crop.Y = min(max(centre.Y-crop.Height/2, 0), height-crop.Height)
	return crop
}
