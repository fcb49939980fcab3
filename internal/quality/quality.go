// Package quality says whether a face in a picture can carry a decision, and if not, for which reason.
package quality

import (
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// Judge judges pictures. It is safe for concurrent use.
type Judge struct {
}

// New loads what the judge needs.
func New(library *infer.Library) (*Judge, error) {
	return &Judge{}, nil
}

// Models names the weights that take part.
func (j *Judge) Models() []liveness.ModelRef { return nil }

// Picture holds a picture against the limits. The faces are those of face.Find, largest first, in pixels of the
// picture, of which scale go to one pixel as shown. The gates come in the order of the face liveness protocol's codes,
// light and focus last; all of them are judged, and the caller decides what the first that does not pass means.
// Without a face there is only the first gate.
func (j *Judge) Picture(p *liveness.Picture, faces []liveness.Face, scale float64, limits Limits) ([]liveness.Gate, error) {
	l := limits.orDefault()
	gates := []liveness.Gate{atLeast("face_found", float64(len(faces)), 1, "", liveness.FaceNotFound)}
	if len(faces) == 0 {
		return gates, nil
	}
	f := faces[0]
	shown := func(pixels float64) float64 { return pixels / scale }
	m, err := j.Measure(p, f)
	if err != nil {
		return nil, err
	}
	return append(gates,
		atMost("main_faces", float64(mainFaces(faces, l.MainFace)), 1, "", liveness.TooManyFaces),
		atLeast("face_size", shown(min(f.Box.Width, f.Box.Height)), l.FaceSize, "px", liveness.FaceTooSmall),
		atLeast("pupil_distance", shown(f.PupilDistance), l.PupilDistance, "px", liveness.FaceTooSmall),
		atMost("face_outside", m.Outside, l.Cropped, "", liveness.FaceCropped),
		atMost("face_share", max(f.Box.Width/float64(p.Width), f.Box.Height/float64(p.Height)), l.Close, "", liveness.FaceTooClose),
		atLeast("border_distance", shown(clearance(p, f)), l.Border, "px", liveness.FaceNearBorder),
		atMost("yaw", math.Abs(f.Pose.Yaw), l.Yaw, "deg", liveness.FaceAngle),
		atMost("pitch", math.Abs(f.Pose.Pitch), l.Pitch, "deg", liveness.FaceAngle),
		atMost("occluded", m.Occluded, l.Occluded, "p", liveness.FaceOccluded),
		atLeast("brightness", m.Brightness, l.Darkness, "", liveness.PoorIllumination),
		atMost("glare", m.Brightness, l.Glare, "", liveness.PoorIllumination),
		atLeast("light_balance", m.Balance, l.Balance, "", liveness.PoorIllumination),
		atLeast("sharpness", m.Sharpness, l.Sharpness, "", liveness.TooBlurry),
	), nil
}

func atLeast(name string, measure, limit float64, unit string, reason liveness.Reason) liveness.Gate {
	return liveness.Gate{Name: name, Passed: measure >= limit, Measure: measure, Limit: limit, Unit: unit, Reason: reason}
}

func atMost(name string, measure, limit float64, unit string, reason liveness.Reason) liveness.Gate {
	return liveness.Gate{Name: name, Passed: measure <= limit, Measure: measure, Limit: limit, Unit: unit, Reason: reason}
}

// mainFaces counts the faces whose box is over a share of the first's width.
func mainFaces(faces []liveness.Face, share float64) int {
	n := 0
	for i, f := range faces {
		if i == 0 || f.Box.Width > share*faces[0].Box.Width {
			n++
		}
	}
	return n
}
