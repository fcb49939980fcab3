package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bonafide-id/bonafide/internal/lips"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/sound"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	leastDigitTime  = 150 * time.Millisecond // nobody says a digit in less; the time is that in which the mouth speaks
	leastDigitSeen  = 250 * time.Millisecond // the same, with what lies between the digits: recitals at 1.4 times the speed have 270
	phraseDigitsMin = 1
	phraseDigitsMax = 32
)

// padPrior is the share of bona fide presentations that the fusion assumes beforehand; the calibrated pad score itself
// assumes one half. At 0.99 a recording whose pad score is under 0.33 cannot reach 0.98 whatever the lips say, while a
// camera that the networks score too low (models/cards/pad.md) does not turn away everybody: a print or a replay must also
// answer a fresh phrase with moving lips.
const padPrior = 0.99

// ValidPhrase says what is wrong with a phrase that is not of 1 to 32 decimal digits.
func ValidPhrase(phrase string) error {
	digits := len(phrase) >= phraseDigitsMin && len(phrase) <= phraseDigitsMax
	for _, c := range []byte(phrase) {
		digits = digits && c >= '0' && c <= '9'
	}
	if !digits {
		return fmt.Errorf("a phrase is %d to %d digits, such as 597692", phraseDigitsMin, phraseDigitsMax)
	}
	return nil
}

// Recording checks one recording of a person saying a phrase. What is wrong with the recording is the verdict's Reason;
// an error is our own fault, or the context's end.
func (c *Checker) Recording(ctx context.Context, data []byte, phrase string, o RecordingOptions) (liveness.Verdict, error) {
	r, err := c.Read(ctx, data, o)
	if err != nil {
		return liveness.Verdict{}, err
	}
	return r.Verdict(phrase), nil
}

// Reading is a recording that was decoded and read once and can be judged for any phrase.
type Reading struct {
	course  course
	reading *lips.Reading
	// movement is the gate of lips that do not move; a recording that ends too soon for its phrase shows no movement either.
	movement liveness.Gate
	// heard is nil where there is no sound, or it is to be ignored.
	heard   *sound.Hearing
	pad     liveness.Score
	padTook time.Duration
	// recorded is the recording's length; prompted is nil where it is not known when the digits were shown.
	recorded time.Duration
	prompted []time.Duration
}

// Read decodes a recording, follows the face and reads the lips.
func (c *Checker) Read(ctx context.Context, data []byte, o RecordingOptions) (*Reading, error) {
	run := begin(o.Threshold, c.Models())
	w := &watch{checker: c, track: c.Faces.Follow(), mouth: c.Lips.Begin()}
	clip, err := c.Decoder.Frames(ctx, data, c.config.Video, w.next)
	r := &Reading{course: *run, recorded: clip.Duration, prompted: o.Prompted}
	run = &r.course
	run.verdict.Width, run.verdict.Height = clip.Width, clip.Height
	if errors.Is(err, media.ErrTooLong) {
		limit := c.config.Video.MaxDuration.Seconds()
		run.pass(liveness.Gate{Name: "duration", Measure: max(clip.Duration.Seconds(), limit), Limit: limit, AtMost: true, Unit: "s", Reason: liveness.VideoTooLong})
		return r, nil
	}
	if reason := unreadable(err, liveness.VideoNotReadable, liveness.VideoNotReadable, liveness.VideoTooLarge); reason != "" {
		run.end("decode", reason)
		return r, nil
	} else if err != nil {
		return nil, err
	}
	if w.last.PupilDistance > 0 {
		run.verdict.Faces = append(run.verdict.Faces, w.shown(clip))
	}
	if !run.pass(w.gates(clip, time.Since(run.began))...) {
		return r, nil
	}
	if r.reading, err = c.Lips.Read(w.mouth); err != nil {
		return nil, err
	}
	r.movement = liveness.AtLeast("lips_movement", r.reading.Movement, c.Lips.Still(), "", liveness.LipsNotMoving)
	r.movement.Took = w.spent.lips + time.Since(run.began)
	if clip.HasSound && !o.Mute {
		if r.heard, err = c.Sound.Listen(clip.Sound); err != nil {
			return nil, err
		}
	}
	r.pad, r.padTook = c.PAD.Together(w.presented()), w.spent.pad
	return r, nil
}

// Draw writes an SVG of what the lips said over time against a phrase. It fails where the check ended before the lips
// were read.
func (r *Reading) Draw(w io.Writer, phrase string) error {
	if r.reading == nil {
		return fmt.Errorf("there is nothing to draw: the check ended with %s before the lips were read", r.course.verdict.Reason)
	}
	return r.reading.Draw(w, phrase)
}

// Verdict judges the recording as the answer to a phrase.
func (r *Reading) Verdict(phrase string) liveness.Verdict {
	run := r.course
	run.verdict.Gates = slices.Clone(run.verdict.Gates)
	if run.verdict.Reason != "" {
		return run.verdict
	}
	run.began = time.Now()
	digits := time.Duration(len(phrase))
	least := (digits * leastDigitTime).Seconds()
	if !run.pass(liveness.AtLeast("lips_seen", r.reading.Length().Seconds(), (digits*leastDigitSeen).Seconds(), "s", liveness.VideoTooShort)) || !run.pass(r.movement) {
		return run.verdict
	}
	if !run.pass(prompts(r.prompted, r.recorded)...) {
		return run.verdict
	}
	if !run.pass(liveness.AtLeast("speech_time", r.reading.Speech().Seconds(), least, "s", liveness.VideoTooShort)) {
		return run.verdict
	}
	said := r.reading.Score(phrase)
	scoring := time.Since(run.began)
	for _, d := range said.Digits {
		run.verdict.Digits = append(run.verdict.Digits, liveness.Digit{
			Digit: fmt.Sprint(d.Digit), Start: d.From.Seconds(), End: d.To.Seconds(), Fit: d.Fit})
	}
	if len(r.prompted) == len(run.verdict.Digits) && len(r.prompted) > 0 {
		run.pass(followed(run.verdict.Digits, r.prompted))
	}
	presented := withPrior(r.pad, padPrior)
	limit := run.verdict.Threshold
	presentation := liveness.AtLeast("pad", float64(presented), limit, "p", "")
	presentation.Took = r.padTook
	mouth := liveness.AtLeast("phrase", float64(said.Score), limit, "p", "")
	mouth.Took = scoring
	run.pass(presentation, mouth)
	return run.score(r.withSound(&run, phrase, said.Score) * presented)
}

// withSound is the phrase's score with what was heard: sound lowers it, and tells the lips where to look.
func (r *Reading) withSound(run *course, phrase string, alone liveness.Score) liveness.Score {
	if r.heard == nil || !r.heard.Speaks() {
		return alone
	}
	j := r.heard.Judge(phrase, sound.Mouth{Posteriors: r.reading.Posteriors, Start: r.reading.Start()}, alone)
	limit := run.verdict.Threshold
	run.pass(
		liveness.AtLeast("phrase_heard", float64(j.Spoken), limit, "p", ""),
		liveness.AtLeast("phrase_with_sound", float64(j.Comparison.Score), limit, "p", ""),
	)
	return j.Score
}

// withPrior turns a probability that assumes one half beforehand into one that assumes prior (Bayes' rule on the odds).
func withPrior(p liveness.Score, prior float64) liveness.Score {
	live, attack := float64(p)*prior, (1-float64(p))*(1-prior)
	if live+attack == 0 {
		return 0
	}
	return liveness.Score(live / (live + attack))
}
