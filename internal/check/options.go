// Package check is the two pipelines of the house, a picture's and a recording's. Each is a list of gates that ends in
// a liveness.Verdict: a gate passes, ends the check with a reason, or adds evidence.
package check

import (
	"time"

	"github.com/bonafide-id/bonafide/internal/quality"
)

// PictureOptions are what a request or an account may choose for one picture.
type PictureOptions struct {
	// Threshold is the score, 0..1, at and above which the outcome is Live.
	Threshold float64
	// LargestFace judges the largest face even where it is not alone, whole, straight and uncovered; only a picture
	// that is too poor to tell ends with a reason then. The selfie protocol wants it, face liveness does not.
	LargestFace bool
	// Limits replace the defaults of the gates; nil keeps them.
	Limits *quality.Limits
}

// RecordingOptions are what an account may choose for one recording.
type RecordingOptions struct {
	// Threshold is the score, 0..1, at and above which the outcome is Live.
	Threshold float64
	// Mute ignores the sound.
	Mute bool
	// Prompted is when, from the recording's start, each digit of the phrase was shown to the person; nil where nobody
	// knows. The sender claims it: it is compared with the recording and is evidence, never proof.
	Prompted []time.Duration
}
