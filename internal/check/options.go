// Package check runs the checks of pictures and recordings. It does not read requests or store verdicts. A check is a list of
// gates that ends in a liveness.Verdict: a gate passes, ends the check with a reason, or adds evidence.
package check

import (
	"time"

	"github.com/bonafide-id/bonafide/internal/quality"
)

// PictureOptions are what a request or an account may choose for one picture.
type PictureOptions struct {
	// Threshold is the score, 0..1, at and above which the outcome is Live.
	Threshold float64
	// LargestFace scores the largest face even if it is not alone, cropped, turned or occluded. Then only a picture that is too
	// poor ends with a reason. The selfie protocol wants it, face liveness does not.
	LargestFace bool
	// Owner is what the picture belongs to. RefuseReplayed ends the check of a picture that was checked before for another one.
	Owner          Owner
	RefuseReplayed bool
	// Limits replace the defaults of the gates; nil keeps them.
	Limits *quality.Limits
}

// RecordingOptions are what an account may choose for one recording.
type RecordingOptions struct {
	// Threshold is the score, 0..1, at and above which the outcome is Live.
	Threshold float64
	// Owner is what the recording belongs to.
	Owner Owner
	// Mute ignores the sound.
	Mute bool
	// Prompted is when, from the recording's start, each digit of the phrase was shown to the person; nil where nobody
	// knows. The sender claims it: it is compared with the recording and is evidence, never proof.
	Prompted []time.Duration
}
