// Package face finds faces in pictures and follows one face through a recording. It does not decide whether a face is live.
package face

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/occlusion"
	"github.com/bonafide-id/bonafide/liveness"
)

// Finder finds faces. It is safe for concurrent use.
type Finder struct {
	detector, mesher, identifier *infer.Model
	// occlusion is nil where its weights are withheld: then a face of which most is covered is seldom found.
	occlusion *occlusion.Net
}

// New loads the detector, the mesh model, the embedding model and, where it is not withheld, the occlusion model.
func New(library *infer.Library) (*Finder, error) {
	f := &Finder{}
	for id, model := range map[string]**infer.Model{
		"fr_detect": &f.detector, "face_mesh": &f.mesher, "fr_feature": &f.identifier,
	} {
		var err error
		if *model, err = library.Model(id); err != nil {
			return nil, err
		}
	}
	var err error
	if f.occlusion, err = occlusion.New(library); err != nil && !errors.Is(err, infer.ErrWithheld) {
		return nil, err
	}
	return f, nil
}

// Models names the weights that take part.
func (f *Finder) Models() []liveness.ModelRef {
	var refs []liveness.ModelRef
	for _, m := range []*infer.Model{f.detector, f.mesher, f.identifier} {
		refs = append(refs, m.Ref())
	}
	return refs
}

// maxDescribed bounds how many faces of a crowd get landmarks and a pose, which cost most of the time.
const maxDescribed = 4

// Find returns the faces of a picture, largest box first, in pixels of the picture. At least the first four have landmarks, a
// pose and a pupil distance; the others of a crowd are only boxes. In the mirror image of a picture it finds the faces' mirror
// images.
func (f *Finder) Find(p *liveness.Picture) ([]liveness.Face, error) {
	oriented, mirrored := p.OrientByLight()
	found, err := f.search(pyramidOf(oriented))
	return facesOf(found, mirrored, float64(p.Width)), err
}

func facesOf(found []detected, mirrored bool, width float64) []liveness.Face {
	var faces []liveness.Face
	for _, d := range found {
		face := liveness.Face{Box: d.box, Confidence: d.confidence}
		if d.mesh != nil {
			applyMesh(&face, *d.mesh)
		}
		if mirrored {
			face = face.Mirror(width)
		}
		faces = append(faces, face)
	}
	return faces
}

// search runs on the whole picture. If that shows no face, it tries the picture made smaller (a face that fills it) and an
// occluded face. Then it tries the picture's parts (a small face) and the picture rotated. The largest comes first.
func (f *Finder) search(p *pyramid) ([]detected, error) {
	if p.Width == 0 || p.Height == 0 {
		return nil, nil
	}
	for _, regions := range [][]liveness.Box{{pictureBox(p)}, {enlargedBox(pictureBox(p), 2)}} {
		found, err := f.searchIn(p, regions, nil)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return f.addTilted(p, found)
		}
	}
	if found, err := f.findOccluded(p); err != nil || len(found) > 0 {
		return found, err
	}
	if found, err := f.searchIn(p, tiles(p, 2), nil); err != nil || len(found) > 0 {
		return found, err
	}
	found, err := f.searchIn(p, tiles(p, 1), isLarge)
	if found = slices.DeleteFunc(found, isUnsure); err != nil || len(found) > 0 {
		return found, err
	}
	for _, angle := range turns {
		found, err := f.detectTurned(p, angle)
		if err != nil {
			return nil, err
		}
		if found, err = f.describeFaces(p, found); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// tiltedAngles is the roll of a face, in radians, from which the detector misses others that lean as it does. Run once, it finds
// 85 of 136 faces of groups in pictures rotated by 30 degrees; run again, 107 (docs/evaluation.md).
const tiltedAngles = 20 * math.Pi / 180

// addTilted adds the faces with the tilt of the largest one: the picture of a group may be rotated.
func (f *Finder) addTilted(p *pyramid, found []detected) ([]detected, error) {
	if found[0].mesh == nil {
		return found, nil
	}
	angle := found[0].mesh.pose.Roll * math.Pi / 180
	if math.Abs(angle) < tiltedAngles {
		return found, nil
	}
	more, err := f.detectTurned(p, angle)
	if err != nil {
		return nil, err
	}
	known := func(d detected) bool {
		return slices.ContainsFunc(found, func(k detected) bool {
			return distance(k.box.Centre(), d.box.Centre()) < max(k.box.Height, d.box.Height)/2
		})
	}
	if more, err = f.describeFaces(p, slices.DeleteFunc(more, known)); err != nil {
		return nil, err
	}
	found = append(found, more...)
	slices.SortFunc(found, func(a, b detected) int { return cmp.Compare(b.box.Area(), a.box.Area()) })
	return found, nil
}

// searchIn looks at regions of the picture and leaves out what it is told to.
func (f *Finder) searchIn(p *pyramid, regions []liveness.Box, out func(detected) bool) ([]detected, error) {
	var found []detected
	for _, region := range regions {
		part, err := f.detect(p, region, faceThreshold)
		if err != nil {
			return nil, err
		}
		found = append(found, part...)
	}
	if out != nil {
		found = slices.DeleteFunc(found, out)
	}
	return f.describeFaces(p, suppressOverlaps(found))
}

// isLarge returns what a look at small parts need not find: larger parts show it.
func isLarge(d detected) bool { return d.box.Height > 100 }

// isUnsure returns what only the detector takes for a face: in small parts of a picture without one it finds some. Of 139 that it
// found in 60 pictures, the mesh's probability was at least 0.99 for all 40 faces. It was at most 0.53 for anything else
// (training/faces/small.py).
func isUnsure(d detected) bool { return d.mesh == nil || d.mesh.face < sureMesh }

// describeFaces runs the mesh on the four largest and drops those that are not faces.
func (f *Finder) describeFaces(p *pyramid, found []detected) ([]detected, error) {
	slices.SortFunc(found, func(a, b detected) int { return cmp.Compare(b.box.Area(), a.box.Area()) })
	var faces []detected
	for i, d := range found {
		if i < maxDescribed {
			m, ok, err := f.describe(p, d, len(faces) == 0) // beside a face others stand as it does
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			d.mesh = &m
		}
		faces = append(faces, d)
	}
	return faces, nil
}

// manyPixels is how many pixels a picture must have to be searched in full size, part by part. That is a phone's, halved, in
// which a face of 40 pixels has 20.
const manyPixels = 1_500_000

// tiles returns overlapping parts, of so many times the detector's size, of a picture that is over twice as large as they are.
func tiles(p *pyramid, times int) []liveness.Box {
	width, height := times*inputWidth, times*inputHeight
	if p.Width <= width && p.Height <= height || times == 1 && p.Width*p.Height < manyPixels {
		return nil
	}
	var parts []liveness.Box
	for _, y := range starts(p.Height, height) {
		for _, x := range starts(p.Width, width) {
			parts = append(parts, liveness.Box{X: x, Y: y, Width: float64(min(width, p.Width)), Height: float64(min(height, p.Height))})
		}
	}
	return parts
}

// starts spreads tiles of a size over a length so that neighbours share at least a fifth.
func starts(length, size int) []float64 {
	n := 1
	if length > size {
		n += int(math.Ceil(float64(length-size) / (0.8 * float64(size))))
	}
	list := make([]float64, n)
	for i := 1; i < n; i++ {
		list[i] = float64(i*(length-size)) / float64(n-1)
	}
	return list
}

// applyMesh sets a face's landmarks and pose from the mesh.
func applyMesh(face *liveness.Face, m mesh) {
	face.Landmarks, face.Pose = m.landmarks, m.pose
	face.PupilDistance = distance(eyes(m.landmarks))
}

func distance(a, b liveness.Point) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }
