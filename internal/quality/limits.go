package quality

import (
	"errors"
	"fmt"
	"math"
)

// Limits are what a picture of a face must keep to. The zero value of a field means that of DefaultLimits; pixels are
// those of the picture as shown.
type Limits struct {
	// FaceSize is the least width and height of the face box in pixels.
	FaceSize float64 `json:"face_size,omitempty"`
	// PupilDistance is the least distance of the eyes' centres in pixels.
	PupilDistance float64 `json:"pupil_distance,omitempty"`
	// Cropped is the most that the face may reach out of the picture, as a share of its own width or height. It is not
	// zero because the outline is estimated.
	Cropped float64 `json:"cropped,omitempty"`
	// Close is the most of the picture's width or height that the face box may take.
	Close float64 `json:"close,omitempty"`
	// Border is the minimum distance between the face and the picture's edge in pixels. The certain part counts (some 2% of the
	// face's height are not).
	Border float64 `json:"border,omitempty"`
	// Yaw and Pitch are the most that the head may turn to either side, and up or down, in degrees.
	Yaw   float64 `json:"yaw,omitempty"`
	Pitch float64 `json:"pitch,omitempty"`
	// MainFace is the width of a second face's box over that of the first from which it counts.
	MainFace float64 `json:"main_face,omitempty"`
	// Occluded is the most that the probability may be that something other than a medical mask, glasses, hair or a
	// beard covers the face.
	Occluded float64 `json:"occluded,omitempty"`
	// Darkness and Glare are the least and the most mean luma of the face, 0..255.
	Darkness float64 `json:"darkness,omitempty"`
	Glare    float64 `json:"glare,omitempty"`
	// Balance is the least luma of the face's darker half over that of its brighter half.
	Balance float64 `json:"balance,omitempty"`
	// Sharpness is the least sharpness (see Measures).
	Sharpness float64 `json:"sharpness,omitempty"`
	// Compression is the most that the steps of brightness at the borders of JPEG's blocks may be, over those elsewhere.
	Compression float64 `json:"compression,omitempty"`
}

// DefaultLimits are those of the face liveness protocol where it has any; the others were chosen on pictures (see the tests).
var DefaultLimits = Limits{
	FaceSize: 150, PupilDistance: 50, Border: 15, Yaw: 30, Pitch: 30, MainFace: 0.5,
	Cropped: 0.07, Close: 0.75, Occluded: 0.4,
	Darkness: 20, Glare: 235, Balance: 0.2, Sharpness: 0.08, Compression: 2.5,
}

// Validate returns all errors together: pixels and degrees may not be negative, shares and probabilities are 0 to 1.
func (l Limits) Validate() error {
	var faults []error
	for _, f := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"face_size", l.FaceSize, math.Inf(1)}, {"pupil_distance", l.PupilDistance, math.Inf(1)}, {"border", l.Border, math.Inf(1)},
		{"yaw", l.Yaw, 90}, {"pitch", l.Pitch, 90}, {"cropped", l.Cropped, 1}, {"close", l.Close, 1}, {"main_face", l.MainFace, 1},
		{"occluded", l.Occluded, 1}, {"darkness", l.Darkness, 255}, {"glare", l.Glare, 255}, {"balance", l.Balance, 1},
		{"sharpness", l.Sharpness, math.Inf(1)}, {"compression", l.Compression, math.Inf(1)},
	} {
		if !(f.value >= 0 && f.value <= f.most) {
			faults = append(faults, fmt.Errorf("face limit %s is %g: give 0 (the default) to %g", f.name, f.value, f.most))
		}
	}
	return errors.Join(faults...)
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	for _, f := range []struct{ value, fallback *float64 }{
		{&l.FaceSize, &d.FaceSize}, {&l.PupilDistance, &d.PupilDistance}, {&l.Cropped, &d.Cropped}, {&l.Close, &d.Close},
		{&l.Border, &d.Border}, {&l.Yaw, &d.Yaw}, {&l.Pitch, &d.Pitch}, {&l.MainFace, &d.MainFace},
		{&l.Occluded, &d.Occluded}, {&l.Darkness, &d.Darkness}, {&l.Glare, &d.Glare}, {&l.Balance, &d.Balance},
		{&l.Sharpness, &d.Sharpness}, {&l.Compression, &d.Compression},
	} {
		if *f.value == 0 {
			*f.value = *f.fallback
		}
	}
	return l
}
