// Package liveness has the plain types that all other packages share. It imports no other package of bonafide.
package liveness

import (
	"math"
	"time"
)

// Outcome is what a check concludes.
type Outcome string

const (
	// Live: a bona fide presentation, at the threshold that applied.
	Live Outcome = "live"
	// Attack: a presentation attack (or a response to another phrase), at the threshold that applied.
	Attack Outcome = "attack"
	// Undecided: the media cannot carry a decision; Verdict.Reason says why.
	Undecided Outcome = "undecided"
)

// Score is a calibrated probability, 0..1, that the presentation is bona fide. Raw model outputs never get this type.
type Score float64

// Picture is an 8-bit RGB image, row-major, three bytes a pixel, without padding: len(Pixels) == 3*Width*Height.
type Picture struct {
	Pixels        []byte
	Width, Height int
}

// NewPicture returns a black picture of the given size in pixels.
func NewPicture(width, height int) *Picture {
	return &Picture{Pixels: make([]byte, 3*width*height), Width: width, Height: height}
}

// Point is a place in a picture, in pixels from its top left corner.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Centre returns the mean of points, of which there must be one at least.
func Centre(points []Point) Point {
	var c Point
	for _, p := range points {
		c.X += p.X / float64(len(points))
		c.Y += p.Y / float64(len(points))
	}
	return c
}

// Box is an upright rectangle in pixels. X and Y are the top left corner and may be negative where a face leaves the picture.
type Box struct {
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// Area returns the box's area in square pixels.
func (b Box) Area() float64 { return b.Width * b.Height }

// Centre returns the middle of the box.
func (b Box) Centre() Point { return Point{b.X + b.Width/2, b.Y + b.Height/2} }

// Pose is the direction of a head in degrees. Zero is straight at the camera. Yaw is positive if the person turns to the
// picture's right, and pitch if the person looks up. Roll is positive if the head tilts clockwise in the picture.
type Pose struct {
	Yaw   float64 `json:"yaw"`
	Pitch float64 `json:"pitch"`
	Roll  float64 `json:"roll"`
}

// Landmarks are the 68 points of the iBUG 300-W scheme, in pixels. Points 0-16 are the jaw, 17-26 the brows, and 27-35 the nose.
// Points 36-41 are the eye on the picture's left, and 42-47 the eye on its right. Points 48-59 are the outer lips, 60-67 the
// inner lips.
type Landmarks [68]Point

// Face is one face found in a picture.
type Face struct {
	Box Box `json:"box"`
	// Confidence is the detector's, 0..1.
	Confidence float64   `json:"confidence"`
	Landmarks  Landmarks `json:"-"`
	Pose       Pose      `json:"pose"`
	// PupilDistance is the distance of the eyes' centres in pixels, measured between the landmarks.
	PupilDistance float64 `json:"pupil_distance"`
}

// Scale returns the face in a picture that is enlarged by a factor.
func (f Face) Scale(by float64) Face {
	f.Box = Box{f.Box.X * by, f.Box.Y * by, f.Box.Width * by, f.Box.Height * by}
	for i := range f.Landmarks {
		f.Landmarks[i].X *= by
		f.Landmarks[i].Y *= by
	}
	f.PupilDistance *= by
	return f
}

// Mirror returns the face in the mirror image of a picture of the given width.
func (f Face) Mirror(width float64) Face {
	f.Box.X = width - f.Box.X - f.Box.Width
	if from := f.Landmarks; from != (Landmarks{}) { // there are none of some faces of a crowd
		for i, other := range inMirror {
			f.Landmarks[i] = Point{width - from[other].X, from[other].Y}
		}
	}
	f.Pose.Yaw, f.Pose.Roll = -f.Pose.Yaw, -f.Pose.Roll
	return f
}

// Rotate returns the face in a picture of the given width and height after so many quarter turns clockwise.
func (f Face) Rotate(quarters int, width, height float64) Face {
	for range quarters & 3 {
		f.Box = Box{height - f.Box.Y - f.Box.Height, f.Box.X, f.Box.Height, f.Box.Width}
		if f.Landmarks != (Landmarks{}) { // there are none of some faces of a crowd
			for i, p := range f.Landmarks {
				f.Landmarks[i] = Point{height - p.Y, p.X}
			}
		}
		if f.Pose.Roll += 90; f.Pose.Roll > 180 {
			f.Pose.Roll -= 360
		}
		width, height = height, width
	}
	return f
}

// QuarterTurns returns by how many quarter turns clockwise, -1 to 2, a face that stands upright was turned nearest to how this one is.
func (f Face) QuarterTurns() int {
	if turns := int(math.Round(f.Pose.Roll / 90)); turns != -2 {
		return turns
	}
	return 2
}

// inMirror is each landmark's counterpart on the face's other side, which takes its place in a mirror image.
var inMirror = [len(Landmarks{})]int{
	16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, // jaw
	26, 25, 24, 23, 22, 21, 20, 19, 18, 17, // brows
	27, 28, 29, 30, 35, 34, 33, 32, 31, // nose
	45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, // eyes
	54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, // outer lips
	64, 63, 62, 61, 60, 67, 66, 65, // inner lips
}

// Gate is one step of a check: what it measured and the limit that it held it against.
type Gate struct {
	// Name is stable and lower case with underscores, such as "face_size".
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	// Measure and Limit share the unit that Unit names ("px", "deg", "fps", "s", "p" for a probability, "" for none).
	Measure float64 `json:"measure"`
	Limit   float64 `json:"limit"`
	// AtMost: the measure may be at most the limit; otherwise it must be at least that.
	AtMost bool   `json:"at_most,omitempty"`
	Unit   string `json:"unit,omitempty"`
	// Reason is what ends the check when the gate does not pass; empty on gates that only add evidence.
	Reason Reason        `json:"reason,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

// AtLeast returns a gate that passes when measure >= limit.
func AtLeast(name string, measure, limit float64, unit string, reason Reason) Gate {
	return Gate{Name: name, Passed: measure >= limit, Measure: measure, Limit: limit, Unit: unit, Reason: reason}
}

// AtMost returns a gate that passes when measure <= limit.
func AtMost(name string, measure, limit float64, unit string, reason Reason) Gate {
	return Gate{Name: name, Passed: measure <= limit, Measure: measure, Limit: limit, AtMost: true, Unit: unit, Reason: reason}
}

// ModelRef names exactly which weights took part.
type ModelRef struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

// Digit is how one digit of a phrase was seen on the lips.
type Digit struct {
	Digit string `json:"digit"`
	// Start and End are the seconds into the recording between which the mouth best fits the digit.
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	// Fit is the probability, 0..1, that what was seen in that time is this digit rather than one of the other nine.
	Fit float64 `json:"fit"`
	// Due is the second into the recording at which the person was shown the digit; nil where that is not known.
	Due *float64 `json:"due,omitempty"`
}

// Quality is how good a picture of a face is, by the components of ISO/IEC 29794-5.
type Quality struct {
	// Unified is one score for all components, 0..100.
	Unified    int                `json:"unified"`
	Components []QualityComponent `json:"components"`
}

// Native returns what was measured for a component; 0 for one that is not there.
func (q Quality) Native(name string) float64 {
	for _, c := range q.Components {
		if c.Name == name {
			return c.Native
		}
	}
	return 0
}

// QualityComponent is one component of the quality: 100 is faultless.
type QualityComponent struct {
	// Name is the standard's, lower case with underscores, such as "illumination_uniformity".
	Name  string `json:"name"`
	Value int    `json:"value"`
	// Native is what was measured: a share, a ratio, degrees or pixels.
	Native float64 `json:"native"`
}

// Verdict is the result of a check. Protocols pick from it; they never look at pixels.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	// Score is set when the check came as far as scoring, also when the outcome is Undecided; nil otherwise.
	Score *Score `json:"score,omitempty"`
	// Threshold is the score at and above which the outcome is Live.
	Threshold float64 `json:"threshold"`
	// Reason is empty unless a gate ended the check.
	Reason Reason `json:"reason,omitempty"`
	// Width and Height are those of the picture or video as shown (after rotation), in pixels. Faces are in its pixels.
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Faces  []Face `json:"faces"`
	// Quality is that of a picture's largest face; nil for recordings and where there is none.
	Quality *Quality `json:"quality,omitempty"`
	// Digits is the evidence for each digit of a phrase, in its order; empty for pictures.
	Digits []Digit    `json:"digits,omitempty"`
	Gates  []Gate     `json:"gates"`
	Models []ModelRef `json:"models"`
	// Fingerprints are for the store, which recognises the media by them when it comes again.
	Fingerprints []Fingerprint `json:"-"`
}
