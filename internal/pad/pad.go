// Package pad scores a face as a bona fide presentation or a presentation attack (ISO/IEC 30107). It does not find faces.
package pad

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// Recipe is models/pad.json, which training/pad writes.
type Recipe struct {
	Alone Ensemble `json:"alone"`
	// WithPair is used in place of Alone if the operator added the public MiniFASNet pair to the folder of own models. Its networks
	// that Alone does not name are the pair.
	WithPair Ensemble `json:"with_pair"`
	// Correlation is that of the errors of two pictures of one presentation, 0 to 1 (see FuseScores).
	Correlation float64 `json:"correlation"`
	// Recording turns the log odds of all frames of a recording into that of the recording.
	Recording struct {
		Weight float64 `json:"weight"`
		Bias   float64 `json:"bias"`
	} `json:"recording"`
}

// Ensemble is networks, and how their log odds of bona fide become one, calibrated, for a prior of one half. Weights and Bias were
// fitted on cameras that the networks were not trained on.
type Ensemble struct {
	Nets    []Net     `json:"nets"`
	Weights []float64 `json:"weights"`
	Bias    float64   `json:"bias"`
}

// Net is a network, and what it reads: a crop for each input.
type Net struct {
	// Model is its id in the manifest, or the name of its file in the folder of own models.
	Model string `json:"model"`
	// Crops has the width of each crop over the face box's, and its height over the box's. A crop that leaves the picture is moved
	// back into it, and made smaller if it does not fit.
	Crops []float64 `json:"crops"`
	// Size is the width and height of the inputs in pixels, with values of 0..255, red first or, with BGR, blue first.
	Size int  `json:"size"`
	BGR  bool `json:"bgr,omitempty"`
	// LiveClass is the class of bona fide presentations, if the output is a logit for each class. Otherwise the outputs are log
	// odds of bona fide.
	LiveClass *int `json:"live_class,omitempty"`
}

const (
	maxOdds    = 12 // bounds the log odds of an ensemble: a higher confidence carries nothing
	maxNetOdds = 8  // bounds those of one network with classes
)

// Scorer scores faces. It is safe for concurrent use.
type Scorer struct {
	recipe   Recipe
	ensemble Ensemble
	models   []*infer.Model
}

// New loads the networks of models/pad.json. If the library withholds one because it was trained on data for research only,
// New loads those of models/pad_free.json.
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
	if len(recipe.Alone.Nets) == 0 || !(recipe.Recording.Weight > 0) {
		return nil, fmt.Errorf("models/%s names no networks, or has no fusion for recordings: training/pad/export.py and recordings.py write both", name)
	}
	s := &Scorer{recipe: recipe, ensemble: recipe.Alone}
	for _, net := range recipe.Alone.Nets {
		model, err := library.Model(net.Model)
		if err != nil {
			return nil, err
		}
		s.models = append(s.models, model)
	}
	pair, err := openPair(library, recipe)
	if err != nil || len(pair) == 0 {
		return s, err
	}
	s.ensemble, s.models = recipe.WithPair, append(s.models, pair...)
	return s, nil
}

// openPair loads the networks that only WithPair names from the folder of own models. It returns nothing if the folder has none of
// them, and an error if it has only some.
func openPair(library *infer.Library, recipe Recipe) (pair []*infer.Model, err error) {
	var missing []string
	for _, net := range recipe.WithPair.Nets[min(len(recipe.Alone.Nets), len(recipe.WithPair.Nets)):] {
		model, err := library.OwnModel(net.Model)
		if err != nil {
			return nil, err
		}
		if model == nil {
			missing = append(missing, net.Model+".onnx")
		} else {
			pair = append(pair, model)
		}
	}
	if len(pair) > 0 && len(missing) > 0 {
		return nil, fmt.Errorf("the folder of own models has not all networks of the pair: add %s, or remove the other", strings.Join(missing, ", "))
	}
	return pair, nil
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
	// Colourless says that the face and its surroundings are grey: such a picture often looks like an attack.
	Colourless bool
}

// Score scores the face in an upright picture. It always gives a score; whether the picture is good enough to rely on it is
// package quality's to say.
func (s *Scorer) Score(p *liveness.Picture, face liveness.Face) (Result, error) {
	box := Box(face, p)
	var odds []float64
	for i, net := range s.ensemble.Nets {
		said, err := net.run(s.models[i], p, box)
		if err != nil {
			return Result{}, fmt.Errorf("model %s: %w", net.Model, err)
		}
		odds = append(odds, said...)
	}
	sum, err := s.ensemble.fuse(odds)
	if err != nil {
		return Result{}, err
	}
	return Result{Score: probability(sum), Colourless: colourless(p.Crop(enlargedCrop(box, 1, p), greySize, greySize))}, nil
}

// run returns a network's log odds of bona fide, one for each output.
func (n Net) run(model *infer.Model, p *liveness.Picture, box liveness.Box) ([]float64, error) {
	crops := make([]*liveness.Picture, len(n.Crops))
	for i, margin := range n.Crops {
		crops[i], _ = p.Crop(enlargedCrop(box, margin, p), n.Size, n.Size).OrientByLight()
	}
	outputs, err := model.RunPictures(infer.PixelFormat{BGR: n.BGR, Deviation: [3]float32{1, 1, 1}}, crops...)
	if err != nil {
		return nil, err
	}
	if n.LiveClass != nil {
		odds, err := classOdds(outputs[0].Data, *n.LiveClass)
		return []float64{odds}, err
	}
	var odds []float64
	for _, v := range outputs[0].Data {
		odds = append(odds, float64(v))
	}
	return odds, nil
}

func (e Ensemble) fuse(odds []float64) (float64, error) {
	if len(odds) != len(e.Weights) {
		return 0, fmt.Errorf("the recipe has %d weights for %d outputs", len(e.Weights), len(odds))
	}
	sum := e.Bias
	for i, o := range odds {
		sum += e.Weights[i] * o
	}
	if math.IsNaN(sum) {
		return 0, fmt.Errorf("an output is not a number")
	}
	return min(max(sum, -maxOdds), maxOdds), nil
}

// classOdds returns log(p / (1 - p)) of the softmax probability p of one class.
func classOdds(logits []float32, class int) (float64, error) {
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
	return min(max(odds, -maxNetOdds), maxNetOdds), nil
}

// greySize is the width and height, in pixels, at which a face is tested for colour.
const greySize = 32

// maxGreyDifference is the mean difference of neighbouring colour channels up to which a picture has no colour: a grey picture
// has 0, also after compression.
const maxGreyDifference = 1.0

func colourless(p *liveness.Picture) bool {
	sum := 0
	for i := 0; i+2 < len(p.Pixels); i += 3 {
		r, g, b := int(p.Pixels[i]), int(p.Pixels[i+1]), int(p.Pixels[i+2])
		sum += max(r-g, g-r) + max(g-b, b-g)
	}
	return float64(sum) <= maxGreyDifference*2*float64(len(p.Pixels)/3)
}

// FuseScores returns the probability that several pictures of one presentation are bona fide, from each picture's own. There must
// be one at least; the probability of one picture is its own.
func (s *Scorer) FuseScores(scores []liveness.Score) liveness.Score {
	return probability(s.recipe.odds(scores))
}

// FuseFrames returns the probability that the frames of a recording are bona fide, from each frame's own. There must be one at least.
// It is fitted on recordings and replays: what it calls live is live before it is known whether the phrase was said.
func (s *Scorer) FuseFrames(scores []liveness.Score) liveness.Score {
	return probability(s.recipe.Recording.Weight*s.recipe.odds(scores) + s.recipe.Recording.Bias)
}

// odds returns the log odds of several pictures of one presentation.
//
// Pictures of one face before one camera err alike. Let the log odds of n pictures be normally distributed, with equal
// variances and the correlation r (Recipe.Correlation, measured on held-out sets). Then the log odds of all are their mean times
// n / (1 + (n-1) r). That is also the number of independent pictures that they are worth.
func (r Recipe) odds(scores []liveness.Score) float64 {
	n := float64(len(scores))
	var mean float64
	for _, score := range scores {
		mean += logOdds(score) / n
	}
	return mean * n / (1 + (n-1)*r.Correlation)
}

// probability returns the one that log odds stand for.
func probability(odds float64) liveness.Score { return liveness.Score(1 / (1 + math.Exp(-odds))) }

// logOdds returns those of a probability, bounded.
func logOdds(score liveness.Score) float64 {
	p := float64(score)
	return min(max(math.Log(p/(1-p)), -maxOdds), maxOdds)
}
