package edits

import (
	"math/cmplx"
	"slices"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// Limits are those of the gates.
type Limits struct {
	// FaceMovement is the least movement of the upper face for each movement of the mouth.
	FaceMovement float64
	// JawAgreement is the least agreement of jaw and mouth.
	JawAgreement float64
	// Jump is the most that a face, its place and the background may jump between two parts.
	Jump float64
	// Held is the longest that the picture may stand still.
	Held time.Duration
}

// DefaultLimits lost at most 2% of uncut recordings in each simulated condition (docs/decisions/edits.md).
var DefaultLimits = Limits{FaceMovement: 0.135, JawAgreement: 1.4, Jump: 1.1, Held: 300 * time.Millisecond}

// maxEqual is the share of pixels that are exactly those of the frame before from which a frame is a repeated one.
const maxEqual = 0.995

// Gates measures signs of editing. The gate of the jaw has no reason: it loses too many uncut recordings.
func (t *Trace) Gates(limits Limits) (gates []liveness.Gate) {
	crops := t.crops()
	placed := placeAll(crops)
	if measure, ok := faceMovement(placed, t.frameRate()); ok {
		gates = append(gates, liveness.AtLeast("face_movement", measure, limits.FaceMovement, "", liveness.EditedRecording))
	}
	if measure, ok := t.jawAgreement(placed); ok {
		gates = append(gates, liveness.AtLeast("jaw_agreement", measure, limits.JawAgreement, "", ""))
	}
	if measure, _, ok := t.jump(crops); ok {
		gates = append(gates, liveness.AtMost("jump", measure, limits.Jump, "", liveness.EditedRecording))
	}
	gates = append(gates, liveness.AtMost("held_frames", t.held().Seconds(), limits.Held.Seconds(), "s", liveness.EditedRecording))
	return gates
}

// held returns the longest time in which each frame is the one before again.
func (t *Trace) held() (longest time.Duration) {
	var since time.Duration
	for i := range t.Frames {
		if t.Frames[i].Equal < maxEqual {
			since = t.Frames[i].At
		}
		longest = max(longest, t.Frames[i].At-since)
	}
	return longest
}

// medianLength returns the middle length of complex numbers, of at least one.
func medianLength(values []complex128) float64 {
	lengths := make([]float64, len(values))
	for i, v := range values {
		lengths[i] = cmplx.Abs(v)
	}
	slices.Sort(lengths)
	return lengths[len(lengths)/2]
}
