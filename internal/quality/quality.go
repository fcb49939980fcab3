// Package quality assesses whether a face in a picture is good enough for a decision, and if not, for which reason. It does not
// decide whether it is live.
package quality

import (
	"errors"
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/occlusion"
	"github.com/bonafide-id/bonafide/liveness"
)

// Assessor judges pictures. It is safe for concurrent use.
type Assessor struct {
	// occlusion is nil where its weights are withheld: then nothing is said of what covers a face.
	occlusion *occlusion.Net
}

// New loads the occlusion model. Where its weights are withheld (infer.ErrWithheld) the judge works without it.
func New(library *infer.Library) (*Assessor, error) {
	o, err := occlusion.New(library)
	if err != nil && !errors.Is(err, infer.ErrWithheld) {
		return nil, err
	}
	return &Assessor{o}, nil
}

// Models names the weights that take part.
func (j *Assessor) Models() []liveness.ModelRef {
	if j.occlusion == nil {
		return nil
	}
	return []liveness.ModelRef{j.occlusion.Ref()}
}

// DetectsOcclusion reports whether the assessor detects occlusions of a face or a mouth.
func (j *Assessor) DetectsOcclusion() bool { return j.occlusion != nil }

// Assessment is what was seen of a picture.
type Assessment struct {
	// Gates are in the order of the face liveness protocol's codes, light and focus last. All of them are judged, and the
	// caller decides what the first that does not pass means.
	Gates []liveness.Gate
	// Quality is that of the largest face; nil where there is none, and then there is only the first gate.
	Quality *liveness.Quality

	picture *liveness.Picture
	face    liveness.Face     // the largest
	skin    *liveness.Picture // that face, aligned, as far down as it is bare
}

// Assess holds a picture against the limits. The faces are those of face.Find, largest first, in pixels of the
// picture, of which scale go to one pixel as shown. A thing or a drawing that was taken for the largest face is none. Where
// DetectsOcclusion is false there is no gate for what covers the face.
func (j *Assessor) Assess(p *liveness.Picture, faces []liveness.Face, scale float64, limits Limits) (Assessment, error) {
	l := limits.orDefault()
	found := func(n int) []liveness.Gate {
		return []liveness.Gate{liveness.AtLeast("face_found", float64(n), 1, "", liveness.FaceNotFound)}
	}
	if len(faces) == 0 {
		return Assessment{Gates: found(0)}, nil
	}
	f := faces[0]
	shown := func(pixels float64) float64 { return pixels / scale }
	m, skin, err := j.measure(p, f)
	if err != nil {
		return Assessment{}, err
	}
	if m.Face < noFace {
		return Assessment{Gates: found(0)}, nil
	}
	quality := components(p, faces, scale, m)
	turn, size, share, border := 0.0, shorterSide(f.Box), shareOf(p, f.Box), edgeDistance(p, f)
	if m.Occluded > max(l.Occluded, sureOcclusion) {
		o := outline(f)
		turn, size, share, border = misled, max(size, shorterSide(o)), min(share, shareOf(p, o)), max(boxEdgeDistance(p, f.Box), boxEdgeDistance(p, o))
	}
	gates := append(found(len(faces)),
		liveness.AtMost("main_faces", float64(mainFaces(faces, l.MainFace)), 1, "", liveness.TooManyFaces),
		liveness.AtLeast("face_size", shown(size), l.FaceSize, "px", liveness.FaceTooSmall),
		liveness.AtLeast("pupil_distance", shown(f.PupilDistance), l.PupilDistance, "px", liveness.FaceTooSmall),
		liveness.AtMost("face_outside", m.Outside, l.Cropped, "", liveness.FaceCropped),
		liveness.AtMost("face_share", share, l.Close, "", liveness.FaceTooClose),
		liveness.AtLeast("border_distance", shown(border), l.Border, "px", liveness.FaceNearBorder),
		liveness.AtMost("yaw", math.Abs(f.Pose.Yaw), l.Yaw+turn, "deg", liveness.FaceAngle),
		liveness.AtMost("pitch", math.Abs(f.Pose.Pitch), l.Pitch+turn, "deg", liveness.FaceAngle),
	)
	if j.DetectsOcclusion() {
		gates = append(gates, liveness.AtMost("occluded", m.Occluded, l.Occluded, "p", liveness.FaceOccluded))
	}
	gates = append(gates,
		liveness.AtLeast("brightness", m.Brightness, l.Darkness, "", liveness.PoorIllumination),
		liveness.AtMost("glare", m.Brightness, l.Glare, "", liveness.PoorIllumination),
		liveness.AtLeast("light_balance", m.Balance, l.Balance, "", liveness.PoorIllumination),
		liveness.AtLeast("sharpness", m.Sharpness, l.Sharpness, "", liveness.TooBlurry),
		liveness.AtMost("compression", quality.Native(Compression), l.Compression, "", liveness.TooCompressed),
	)
	return Assessment{gates, &quality, p, f, skin}, nil
}

// An occluding object may mislead the pose by some degrees, and the detector or the mesh to a wrong box. If an occlusion is sure,
// so much more is allowed and the better box counts, because the defect is the occlusion. Heads turned beyond 30 degrees, of
// which a part hides itself, reach 0.986 at most (training/faces/defects.py).
const (
	sureOcclusion = 0.99
	misled        = 8
)

// noFace is the occlusion net's probability of a face under which a thing was taken for one, a drawing for the most part. Of 1650
// pictures of 150 faces, smoothed, burnt out, coloured, compressed or shrunk, none is near it (0.23 is the lowest). Of 748
// drawings of people that were taken for faces, 725 are under it (models/cards/occlusion.md).
const noFace = 0.02

// mainFaces counts the first face and those whose box is over a share of the first's width and not before it.
func mainFaces(faces []liveness.Face, share float64) int {
	n := 0
	for i, f := range faces {
		if i == 0 || f.Box.Width > share*faces[0].Box.Width && isSeparate(f.Box, faces[0].Box) {
			n++
		}
	}
	return n
}

// isSeparate reports whether less than a third of the smaller box lies in the other. Of 279 pairs of faces in pictures of groups
// (training/faces/labels.csv) no boxes overlap at all. But an occluding object may look like another face.
func isSeparate(a, b liveness.Box) bool {
	width := min(a.X+a.Width, b.X+b.Width) - max(a.X, b.X)
	height := min(a.Y+a.Height, b.Y+b.Height) - max(a.Y, b.Y)
	return max(width, 0)*max(height, 0) < min(a.Area(), b.Area())/3
}
