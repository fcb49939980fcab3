package check

import (
	"math"
	"slices"
	"time"

	"github.com/bonafide-id/bonafide/internal/edits"
	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/lips"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/liveness"
)

// The limits of a recording's gates. Shares are of the frames; pixels are those of the recording as shown.
const (
	minFrameRate = 9.5 // frames a second: under 10 (docs/lipsecure.md), with the rounding of timestamps
	minFound     = 0.7 // share of the frames that must show a face
	maxCrowded   = 0.3 // share of the detector's looks that may show a second main face
	minFaceWidth = 64  // px; narrower lips are unreadable
	maxOutside   = 0.15
	maxAngle     = 30 // degrees of yaw or pitch
	maxOccluded  = 0.5
	maxOthers    = 1 // looks, of one every 0.8 s, that show one and the same other person
	// minSharpness is low. Speakers have 0.33, or 0.25 at 60 kbit/s. A blur of 7% of the pupil distance gives 0.11 (the lips can
	// just be read), and 14% gives 0.09.
	minSharpness = 0.1

	// sampleEvery is how often presentation-attack detection and quality look at a frame.
	sampleEvery = 500 * time.Millisecond
)

// frameStats gathers, frame by frame, what the gates of a recording measure. It keeps no frame.
type frameStats struct {
	checker *Checker
	track   *face.Track
	mouth   *lips.Mouth
	trace   edits.Trace

	// spent is the time of each part; what is left of the whole is decoding.
	spent struct{ face, lips, quality, pad, edits time.Duration }

	last liveness.Face
	// frame is the size of the last frame with a face, as it was sent, and first that of the first one.
	frame, firstFrame struct{ width, height int }
	// turns is by how many quarter turns clockwise the frames came; known once a face was found.
	turns      int
	turnsKnown bool
	widths     []float64
	sampledAt  time.Duration
	samples    []sample
}

// sample is one frame on which everything was measured.
type sample struct {
	quality.Measures
	pose liveness.Pose
	pad  liveness.Score
}

// add takes one frame.
func (w *frameStats) add(f media.Frame) error {
	sent := f.Picture
	began := time.Now()
	var found liveness.Face
	var ok bool
	var err error
	f.Picture, found, ok, err = w.trackFace(f)
	w.spent.face += time.Since(began)
	if err != nil || !ok {
		return err
	}
	w.last = found
	w.frame.width, w.frame.height = sent.Width, sent.Height
	if w.firstFrame.width == 0 {
		w.firstFrame = w.frame
	}
	w.widths = append(w.widths, found.Box.Width)
	began = time.Now()
	w.trace.Add(f.Picture, found, f.At)
	w.spent.edits += time.Since(began)
	began = time.Now()
	err = w.mouth.Add(f.Picture, found, f.At)
	w.spent.lips += time.Since(began)
	if err != nil || len(w.samples) > 0 && f.At-w.sampledAt < sampleEvery {
		return err
	}
	w.sampledAt = f.At
	return w.addSample(f.Picture, found)
}

// trackFace takes the face from the last frame to this one. If the first face is sideways or upside down, the whole recording is
// rotated so that this face is upright. The returned picture is the one in which the face was found.
func (w *frameStats) trackFace(f media.Frame) (*liveness.Picture, liveness.Face, bool, error) {
	p := f.Picture.Rotate(-w.turns)
	found, ok, err := w.track.Next(p, f.At)
	if err != nil || !ok || w.turnsKnown {
		return p, found, ok, err
	}
	w.turnsKnown = true
	_, turns, _, err := w.checker.Faces.FindUpright(p)
	if err != nil || turns == 0 {
		return p, found, ok, err
	}
	w.turns = turns
	w.track.Restart()
	p = f.Picture.Rotate(-turns)
	found, ok, err = w.track.Next(p, f.At)
	return p, found, ok, err
}

// faceAsSent returns the last face as it was sent, in pixels of the recording as shown.
func (w *frameStats) faceAsSent(clip media.RecordingInfo) liveness.Face {
	width, height := float64(w.frame.width), float64(w.frame.height)
	if w.turns&1 == 1 {
		width, height = height, width
	}
	return w.last.Rotate(w.turns, width, height).Scale(w.displayScale(clip))
}

func (w *frameStats) addSample(p *liveness.Picture, f liveness.Face) error {
	began := time.Now()
	m, err := w.checker.Quality.Measure(p, f)
	w.spent.quality += time.Since(began)
	if err != nil {
		return err
	}
	began = time.Now()
	scored, err := w.checker.PAD.Score(p, f)
	w.spent.pad += time.Since(began)
	if err != nil {
		return err
	}
	w.samples = append(w.samples, sample{m, f.Pose, scored.Score})
	return nil
}

// displayScale returns how many pixels of the recording as shown one pixel of a frame is.
func (w *frameStats) displayScale(clip media.RecordingInfo) float64 {
	if w.firstFrame.width == 0 {
		return 1
	}
	return float64(clip.Width) / float64(w.firstFrame.width)
}

// gates holds what was gathered in the time that all took against the limits. Without a face there is nothing to
// measure beyond that.
func (w *frameStats) gates(clip media.RecordingInfo, all time.Duration) []liveness.Gate {
	seen := w.track.Seen()
	decode := liveness.AtLeast("decode", float64(clip.Frames), 2, "frames", liveness.VideoNotReadable)
	decode.Took = all - w.spent.face - w.spent.lips - w.spent.quality - w.spent.pad - w.spent.edits
	found := liveness.AtLeast("face_found", share(seen.Found, seen.Frames), minFound, "", liveness.FaceNotFound)
	found.Took = w.spent.face
	gates := []liveness.Gate{decode, liveness.AtLeast("frame_rate", clip.FrameRate, minFrameRate, "fps", liveness.FrameRateTooLow)}
	if len(w.samples) == 0 {
		return append(gates, found)
	}
	brightness := liveness.AtLeast("brightness", w.median(func(l sample) float64 { return l.Brightness }), quality.DefaultLimits.Darkness, "", liveness.PoorIllumination)
	brightness.Took = w.spent.quality
	middle, limits := w.median, quality.DefaultLimits
	gates = append(gates,
		// Darkness and blur go before a lost face, whose causes they are.
		brightness,
		liveness.AtMost("glare", middle(func(l sample) float64 { return l.Brightness }), limits.Glare, "", liveness.PoorIllumination),
		liveness.AtLeast("sharpness", middle(func(l sample) float64 { return l.Sharpness }), minSharpness, "", liveness.TooBlurry),
		found,
		liveness.AtMost("main_faces", share(seen.Crowded, seen.Detections), maxCrowded, "", liveness.TooManyFaces),
		liveness.AtLeast("face_width", median(w.widths)*w.displayScale(clip), minFaceWidth, "px", liveness.FaceTooSmall),
		liveness.AtMost("face_outside", middle(func(l sample) float64 { return l.Outside }), maxOutside, "", liveness.FaceTooClose),
		liveness.AtMost("yaw", middle(func(l sample) float64 { return math.Abs(l.pose.Yaw) }), maxAngle, "deg", liveness.FaceAngle),
		liveness.AtMost("pitch", middle(func(l sample) float64 { return math.Abs(l.pose.Pitch) }), maxAngle, "deg", liveness.FaceAngle),
		liveness.AtLeast("light_balance", middle(func(l sample) float64 { return l.Balance }), limits.Balance, "", liveness.PoorIllumination),
		// A face that is cut off, dark or blurred may look like another's: such causes go before a change of the person.
		liveness.AtMost("persons", float64(1+len(seen.Changed)), 1, "", liveness.FaceChanged),
	)
	gates = append(gates, experimental(w.checker.config.RefuseEdits,
		liveness.AtMost("other_person", float64(seen.Others), maxOthers, "looks", liveness.FaceChanged))...)
	if w.checker.Quality.DetectsOcclusion() {
		covered := middle(func(l sample) float64 { return l.MouthCovered })
		gates = append(gates, liveness.AtMost("mouth_covered", covered, maxOccluded, "p", liveness.MouthNotVisible))
	}
	return gates
}

// padScores returns the pad scores of all looks.
func (w *frameStats) padScores() []liveness.Score {
	scores := make([]liveness.Score, len(w.samples))
	for i, l := range w.samples {
		scores[i] = l.pad
	}
	return scores
}

// median returns the middle of a measure over the looks.
func (w *frameStats) median(of func(sample) float64) float64 {
	values := make([]float64, len(w.samples))
	for i, l := range w.samples {
		values[i] = of(l)
	}
	return median(values)
}

// median of no values is 0.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func share(part, whole int) float64 {
	return float64(part) / float64(max(1, whole))
}
