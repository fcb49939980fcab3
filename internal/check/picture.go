package check

import (
	"context"
	"errors"
	"time"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/lips"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/pad"
	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/internal/sound"
	"github.com/bonafide-id/bonafide/liveness"
)

// Parts are what a Checker works with. All are needed, and all are safe for concurrent use.
type Parts struct {
	Decoder *media.Decoder
	Faces   *face.Finder
	Quality *quality.Assessor
	PAD     *pad.Scorer
	Lips    *lips.Reader
	Sound   *sound.Reader
	// Replays recognises media that was checked before; nil where nothing is remembered.
	Replays *Replays
}

// Config bounds the checks.
type Config struct {
	Video media.VideoLimits
	// RefuseEdits ends the check of a recording that looks edited, was checked before or was not said as prompted. Otherwise
	// the verdict only reports it.
	RefuseEdits bool
}

// Checker runs checks. It is safe for concurrent use; the caller limits how many run at the same time.
type Checker struct {
	Parts
	config Config
}

// New returns a checker.
func New(parts Parts, config Config) *Checker { return &Checker{parts, config} }

// Models names the weights that take part in any check.
func (c *Checker) Models() []liveness.ModelRef {
	return append(append(c.Faces.Models(), c.Quality.Models()...), append(c.PAD.Models(), c.Lips.Model(), c.Sound.Model())...)
}

// CheckPicture checks one picture. A defect of the picture is the verdict's Reason; an error is an internal error, or the
// context's end.
func (c *Checker) CheckPicture(ctx context.Context, data []byte, o PictureOptions) (liveness.Verdict, error) {
	run := newCheckRun(o.Threshold, append(append(c.Faces.Models(), c.Quality.Models()...), c.PAD.Models()...))
	began := run.began
	still, turned, faces, decoding, err := c.decodeAndFind(data)
	if reason := mediaReason(err, liveness.ImageNotReadable, liveness.ImageUnsupported, liveness.ImageTooLarge); reason != "" {
		return run.fail("decode", reason), nil
	} else if err != nil {
		return liveness.Verdict{}, err
	}
	run.verdict.Width, run.verdict.Height = still.Width, still.Height
	decode := liveness.AtMost("decode", float64(still.Width)*float64(still.Height)/1e6, float64(media.DefaultPictureLimits.MaxPixels)/1e6, "Mpx", "")
	decode.Took = decoding
	run.addGates(decode)
	run.began = began.Add(decoding)
	if err := ctx.Err(); err != nil {
		return liveness.Verdict{}, err
	}
	judged, err := c.Quality.Assess(still.Picture, faces, still.Scale, o.limits())
	if err != nil {
		return liveness.Verdict{}, err
	}
	passed := run.addGates(o.ignoreFaceGates(judged.Gates)...)
	if judged.Quality == nil { // there is no face
		return run.verdict, nil
	}
	run.verdict.Quality = judged.Quality
	for _, f := range faces {
		f = f.Rotate(turned, float64(still.Picture.Width), float64(still.Picture.Height))
		run.verdict.Faces = append(run.verdict.Faces, f.Scale(1/still.Scale))
	}
	if !passed && !maxTooPoor[run.verdict.Reason] && !o.LargestFace {
		return run.verdict, nil
	}
	known, prints, err := c.Replays.picture(ctx, still.Picture, faces[0], o)
	if err != nil {
		return liveness.Verdict{}, err
	}
	run.verdict.Fingerprints = prints
	if !run.addGates(known...) {
		return run.conclude(0), nil
	}
	scored, err := c.PAD.Score(still.Picture, faces[0])
	if err != nil {
		return liveness.Verdict{}, err
	}
	run.addGates(liveness.AtLeast("pad", float64(scored.Score), o.Threshold, "p", ""))
	if float64(scored.Score) < o.Threshold && scored.Colourless {
		run.addGates(liveness.Gate{Name: "colour", Reason: liveness.NoColour})
	} else if float64(scored.Score) < o.Threshold && scored.Score >= sureAttack && passed {
		run.addGates(judged.LowScoreGates()...)
	}
	return run.conclude(scored.Score), nil
}

// sureAttack is the score under which the low-score gates do not apply. Defects of a picture hardly ever make the living score
// lower (docs/decisions/poor-pictures.md).
const sureAttack = 0.05

const (
	// firstSide is the longest side, in pixels, at which a large picture is looked at first.
	firstSide = 1200
	// minFirstFace is the height of a face box, in decoded pixels, from which more of them would tell no more.
	minFirstFace = 160
)

// decodeAndFind decodes a picture and finds the faces in it; it tells how long the decoding took. A large picture is decoded
// small first, which is enough for a selfie. It is decoded again, larger, if that shows no face or a small one. If the largest
// face is sideways or upside down, still.Picture is rotated so that it is upright. Then turned is the number of quarter turns
// clockwise of the picture as sent.
func (c *Checker) decodeAndFind(data []byte) (still *media.DecodedPicture, turned int, faces []liveness.Face, decoding time.Duration, err error) {
	for _, limits := range []media.PictureLimits{{Fit: firstSide}, {}} {
		began := time.Now()
		if still, err = media.Decode(data, limits); err != nil {
			return nil, 0, nil, 0, err
		}
		decoding += time.Since(began)
		decoded := max(still.Picture.Width, still.Picture.Height)
		if still.Picture, turned, faces, err = c.Faces.FindUpright(still.Picture); err != nil {
			return nil, 0, nil, 0, err
		}
		if decoded > firstSide || still.Scale == 1 || len(faces) > 0 && faces[0].Box.Height >= minFirstFace {
			break
		}
	}
	return still, turned, faces, decoding, nil
}

// CombinePictures returns the verdict on several pictures of one presentation from the verdict on each. Undecided ones carry
// nothing; where all are, so are they together, for the first one's reason.
func (c *Checker) CombinePictures(pictures []liveness.Verdict, threshold float64) liveness.Verdict {
	run := newCheckRun(threshold, c.PAD.Models())
	var scores []liveness.Score
	for _, p := range pictures {
		if p.Outcome != liveness.Undecided {
			scores = append(scores, *p.Score)
		} else if run.verdict.Reason == "" {
			run.verdict.Reason = p.Reason
		}
	}
	if len(scores) == 0 {
		return run.verdict
	}
	run.verdict.Reason = ""
	return run.conclude(c.PAD.FuseScores(scores))
}

// maxTooPoor are the reasons for which a picture is scored and yet undecided: the score stands on too little.
var maxTooPoor = map[liveness.Reason]bool{liveness.PoorIllumination: true, liveness.TooBlurry: true, liveness.TooCompressed: true}

// largestFaceLimits are where the PAD begins to refuse half of the living: smaller faces, blur, darkness (measured on
// pictures made worse, models/cards/pad.md).
var largestFaceLimits = quality.Limits{FaceSize: 48, PupilDistance: 18, Sharpness: 0.13, Darkness: 30}

func (o PictureOptions) limits() quality.Limits {
	switch {
	case o.Limits != nil:
		return *o.Limits
	case o.LargestFace:
		return largestFaceLimits
	}
	return quality.DefaultLimits
}

// ignoreFaceGates makes evidence only of the gates that do not matter where the largest face is judged as it is.
func (o PictureOptions) ignoreFaceGates(gates []liveness.Gate) []liveness.Gate {
	if !o.LargestFace {
		return gates
	}
	for i, g := range gates {
		if g.Reason != liveness.FaceNotFound && g.Reason != liveness.FaceTooSmall && !maxTooPoor[g.Reason] {
			gates[i].Reason = ""
		}
	}
	return gates
}

// mediaReason returns the reason for a fault of the media; "" for no error or one of our own.
func mediaReason(err error, broken, unsupported, tooLarge liveness.Reason) liveness.Reason {
	switch {
	case errors.Is(err, media.ErrNotReadable):
		return broken
	case errors.Is(err, media.ErrUnsupported):
		return unsupported
	case errors.Is(err, media.ErrTooLarge):
		return tooLarge
	}
	return ""
}
