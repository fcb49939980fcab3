package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bonafide-id/bonafide/internal/edits"
	"github.com/bonafide-id/bonafide/internal/lips"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/sound"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	minDigitTime    = 150 * time.Millisecond // nobody says a digit in less; the time is that in which the mouth speaks
	minDigitSeen    = 250 * time.Millisecond // the same, with the gaps between the digits: recordings at 1.4 times the speed have 270
	minPhraseDigits = 1
	maxPhraseDigits = 32
)

// ValidatePhrase returns an error if the phrase is not of 1 to 32 decimal digits.
func ValidatePhrase(phrase string) error {
	digits := len(phrase) >= minPhraseDigits && len(phrase) <= maxPhraseDigits
	for _, c := range []byte(phrase) {
		digits = digits && c >= '0' && c <= '9'
	}
	if !digits {
		return fmt.Errorf("a phrase is %d to %d digits, such as 597692", minPhraseDigits, maxPhraseDigits)
	}
	return nil
}

// CheckRecording checks one recording of a person saying a phrase. What is wrong with the recording is the verdict's Reason;
// an error is an internal error, or the context's end.
func (c *Checker) CheckRecording(ctx context.Context, data []byte, phrase string, o RecordingOptions) (liveness.Verdict, error) {
	r, err := c.AnalyseRecording(ctx, data, o)
	if err != nil {
		return liveness.Verdict{}, err
	}
	return r.Verdict(phrase), nil
}

// Analysis is a recording that was decoded and read once and can be judged for any phrase.
type Analysis struct {
	checkRun   checkRun
	lipReading *lips.Reading
	// movement is the gate of lips that do not move; a recording that ends too soon for its phrase shows no movement either.
	movement liveness.Gate
	// edits are the gates of an edited recording, and replayed is the gate of one that was checked before.
	edits, replayed []liveness.Gate
	// refuseEdits says that these gates and that of the prompts may end the check.
	refuseEdits bool
	// heard is nil where there is no sound, or it is to be ignored.
	heard       *sound.Analysis
	pad         liveness.Score
	padDuration time.Duration
	// recorded is the recording's length; prompted is nil where it is not known when the digits were shown.
	recorded time.Duration
	prompted []time.Duration
}

// AnalyseRecording decodes a recording, follows the face and reads the lips.
func (c *Checker) AnalyseRecording(ctx context.Context, data []byte, o RecordingOptions) (*Analysis, error) {
	run := newCheckRun(o.Threshold, c.Models())
	w := &frameStats{checker: c, track: c.Faces.Follow(), mouth: c.Lips.NewMouth()}
	clip, err := c.Decoder.DecodeFrames(ctx, data, c.config.Video, w.add)
	r := &Analysis{checkRun: *run, recorded: clip.Duration, prompted: o.Prompted, refuseEdits: c.config.RefuseEdits}
	run = &r.checkRun
	run.verdict.Width, run.verdict.Height = clip.Width, clip.Height
	if errors.Is(err, media.ErrTooLong) {
		limit := c.config.Video.MaxDuration.Seconds()
		run.addGates(liveness.Gate{Name: "duration", Measure: max(clip.Duration.Seconds(), limit), Limit: limit, AtMost: true, Unit: "s", Reason: liveness.VideoTooLong})
		return r, nil
	}
	if reason := mediaReason(err, liveness.VideoNotReadable, liveness.VideoNotReadable, liveness.VideoTooLarge); reason != "" {
		run.fail("decode", reason)
		return r, nil
	} else if err != nil {
		return nil, err
	}
	if w.last.PupilDistance > 0 {
		run.verdict.Faces = append(run.verdict.Faces, w.faceAsSent(clip))
	}
	if !run.addGates(w.gates(clip, time.Since(run.began))...) {
		return r, nil
	}
	known, prints, err := c.Replays.recording(ctx, &w.trace, o.Owner)
	if err != nil {
		return nil, err
	}
	run.verdict.Fingerprints, r.replayed = prints, known
	if r.lipReading, err = c.Lips.Read(w.mouth); err != nil {
		return nil, err
	}
	r.movement = liveness.AtLeast("lips_movement", r.lipReading.Movement, c.Lips.MinMovement(), "", liveness.LipsNotMoving)
	r.movement.Took = w.spent.lips + time.Since(run.began)
	began := time.Now()
	r.edits = w.trace.Gates(edits.DefaultLimits)
	r.edits[0].Took = w.spent.edits + time.Since(began)
	if clip.HasSound && !o.Mute {
		if r.heard, err = c.Sound.Read(clip.Sound); err != nil {
			return nil, err
		}
	}
	r.pad, r.padDuration = c.PAD.FuseFrames(w.padScores()), w.spent.pad
	return r, nil
}

// Draw writes an SVG of what the lips said over time against a phrase. It fails where the check ended before the lips
// were read.
func (r *Analysis) Draw(w io.Writer, phrase string) error {
	if r.lipReading == nil {
		return fmt.Errorf("there is nothing to draw: the check ended with %s before the lips were read", r.checkRun.verdict.Reason)
	}
	return r.lipReading.Draw(w, phrase)
}

// Verdict judges the recording as the answer to a phrase.
func (r *Analysis) Verdict(phrase string) liveness.Verdict {
	run := r.checkRun
	run.verdict.Gates = slices.Clone(run.verdict.Gates)
	if run.verdict.Reason != "" {
		return run.verdict
	}
	run.began = time.Now()
	digits := time.Duration(len(phrase))
	least := (digits * minDigitTime).Seconds()
	if !run.addGates(liveness.AtLeast("lips_seen", r.lipReading.Length().Seconds(), (digits*minDigitSeen).Seconds(), "s", liveness.VideoTooShort)) || !run.addGates(r.movement) {
		return run.verdict
	}
	if !run.addGates(experimental(r.refuseEdits, r.edits...)...) {
		return run.verdict
	}
	if !run.addGates(promptGates(r.prompted, r.recorded)...) {
		return run.verdict
	}
	if !run.addGates(liveness.AtLeast("speech_time", r.lipReading.Speech().Seconds(), least, "s", liveness.VideoTooShort)) {
		return run.verdict
	}
	if !run.addGates(experimental(r.refuseEdits, r.replayed...)...) { // after the defects of the recording itself
		return run.verdict
	}
	said := r.lipReading.Score(phrase)
	scoring := time.Since(run.began)
	for _, d := range said.Digits {
		run.verdict.Digits = append(run.verdict.Digits, liveness.Digit{
			Digit: fmt.Sprint(d.Digit), Start: d.From.Seconds(), End: d.To.Seconds(), Fit: d.Fit})
	}
	if len(r.prompted) == len(run.verdict.Digits) && len(r.prompted) > 0 {
		if !run.addGates(experimental(r.refuseEdits, promptsKept(run.verdict.Digits, r.prompted)...)...) {
			return run.verdict
		}
	}
	limit := run.verdict.Threshold
	presentation := liveness.AtLeast("pad", float64(r.pad), limit, "p", "")
	presentation.Took = r.padDuration
	mouth := liveness.AtLeast("phrase", float64(said.Score), limit, "p", "")
	mouth.Took = scoring
	run.addGates(presentation, mouth)
	return run.conclude(r.combineSound(&run, phrase, said.Score) * r.pad)
}

// experimental returns gates that end the check only if edits are to be refused. Otherwise they have no reason: none of them
// has figures on encoded recordings of held-out people (docs/decisions/edits.md).
func experimental(refuse bool, gates ...liveness.Gate) []liveness.Gate {
	gates = slices.Clone(gates)
	for i := range gates {
		if !refuse {
			gates[i].Reason = ""
		}
	}
	return gates
}

// combineSound returns the phrase's score with what was heard: sound lowers it, and tells the lips where to look.
func (r *Analysis) combineSound(run *checkRun, phrase string, alone liveness.Score) liveness.Score {
	if r.heard == nil || !r.heard.HasSpeech() {
		return alone
	}
	j := r.heard.Combine(phrase, sound.Mouth{Posteriors: r.lipReading.Posteriors, Start: r.lipReading.Start()}, alone)
	limit := run.verdict.Threshold
	run.addGates(
		liveness.AtLeast("phrase_heard", float64(j.Spoken), limit, "p", ""),
		liveness.AtLeast("phrase_with_sound", float64(j.Comparison.Score), limit, "p", ""),
	)
	return j.Score
}
