// Package face finds faces in pictures and follows one face through a recording.
package face

import (
	"cmp"
	"math"
	"slices"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// Finder finds faces. It is safe for concurrent use.
type Finder struct {
	detector, landmarker, poser, identifier *infer.Model
}

// New loads the detector, the landmark model, the pose model and the embedding model.
func New(library *infer.Library) (*Finder, error) {
	f := &Finder{}
	for id, model := range map[string]**infer.Model{
		"fr_detect": &f.detector, "fr_landmark": &f.landmarker, "fr_pose": &f.poser, "fr_feature": &f.identifier,
	} {
		var err error
		if *model, err = library.Model(id); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Models names the weights that take part.
func (f *Finder) Models() []liveness.ModelRef {
	var refs []liveness.ModelRef
	for _, m := range []*infer.Model{f.detector, f.landmarker, f.poser, f.identifier} {
		refs = append(refs, m.Ref())
	}
	return refs
}

// maxDescribed bounds how many faces of a crowd get landmarks and a pose, which cost most of the time.
const maxDescribed = 4

// Find returns the faces of a picture, largest box first, in pixels of the picture. The first four have landmarks, a
// pose and a pupil distance; the others of a crowd are only boxes.
func (f *Finder) Find(p *liveness.Picture) ([]liveness.Face, error) {
	found, err := f.search(p)
	if err != nil {
		return nil, err
	}
	faces := make([]liveness.Face, len(found))
	for i, d := range found {
		faces[i] = liveness.Face{Box: d.box, Confidence: d.confidence}
		if i >= maxDescribed {
			continue
		}
		if err := f.describe(p, &faces[i]); err != nil {
			return nil, err
		}
	}
	return faces, nil
}

// search looks at the whole picture; where that shows no face, at the picture made smaller, for a face that fills it,
// and then at its parts, for a face that is small in it.
func (f *Finder) search(p *liveness.Picture) ([]detected, error) {
	if p.Width == 0 || p.Height == 0 {
		return nil, nil
	}
	for _, regions := range [][]liveness.Box{{whole(p)}, {about(whole(p), 2)}, quarters(p)} {
		var found []detected
		for _, region := range regions {
			part, err := f.detect(p, region)
			if err != nil {
				return nil, err
			}
			found = append(found, part...)
		}
		if found = separate(found); len(found) > 0 {
			slices.SortFunc(found, func(a, b detected) int { return cmp.Compare(b.box.Area(), a.box.Area()) })
			return found, nil
		}
	}
	return nil, nil
}

// quarters are four overlapping parts of a picture that is large enough to lose faces when it is made small.
func quarters(p *liveness.Picture) []liveness.Box {
	if p.Width <= 2*inputWidth && p.Height <= 2*inputHeight {
		return nil
	}
	w, h := float64(p.Width), float64(p.Height)
	var parts []liveness.Box
	for _, x := range []float64{0, 0.4 * w} {
		for _, y := range []float64{0, 0.4 * h} {
			parts = append(parts, liveness.Box{X: x, Y: y, Width: 0.6 * w, Height: 0.6 * h})
		}
	}
	return parts
}

// describe fills in the landmarks, the pose and the pupil distance of a face whose box is known.
func (f *Finder) describe(p *liveness.Picture, face *liveness.Face) error {
	rough, err := f.landmarks(p, square(face.Box))
	if err != nil {
		return err
	}
	if face.Landmarks, err = f.refine(p, rough); err != nil {
		return err
	}
	face.PupilDistance = distance(eyes(face.Landmarks))
	face.Pose, err = f.pose(p, *face)
	return err
}

func distance(a, b liveness.Point) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }
