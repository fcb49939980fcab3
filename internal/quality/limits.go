package quality

// Limits are what a picture of a face must keep to. The zero value of a field means that of DefaultLimits; pixels are
// those of the picture as shown.
type Limits struct {
	// FaceSize is the least width and height of the face box in pixels.
	FaceSize float64 `json:"face_size"`
	// PupilDistance is the least distance of the eyes' centres in pixels.
	PupilDistance float64 `json:"pupil_distance"`
	// Cropped is the most that the face may reach out of the picture, as a share of its own width or height. It is not
	// zero because the outline is estimated.
	Cropped float64 `json:"cropped"`
	// Close is the most of the picture's width or height that the face box may take.
	Close float64 `json:"close"`
	// Border is the least distance between the face box and the picture's edge in pixels.
	Border float64 `json:"border"`
	// Yaw and Pitch are the most that the head may turn to either side, and up or down, in degrees.
	Yaw   float64 `json:"yaw"`
	Pitch float64 `json:"pitch"`
	// MainFace is the width of a second face's box over that of the first from which it counts.
	MainFace float64 `json:"main_face"`
	// Occluded is the most that the probability may be that something other than a medical mask, glasses, hair or a
	// beard covers the face.
	Occluded float64 `json:"occluded"`
	// Darkness and Glare are the least and the most mean luma of the face, 0..255.
	Darkness float64 `json:"darkness"`
	Glare    float64 `json:"glare"`
	// Balance is the least luma of the face's darker half over that of its brighter half.
	Balance float64 `json:"balance"`
	// Sharpness is the least sharpness (see Measures).
	Sharpness float64 `json:"sharpness"`
}

// DefaultLimits are those of PROTOCOLS.md where it names them; the others were chosen on pictures (see the tests).
var DefaultLimits = Limits{
	FaceSize: 150, PupilDistance: 50, Border: 15, Yaw: 30, Pitch: 30, MainFace: 0.5,
	Cropped: 0.06, Close: 0.75, Occluded: 0.5,
	Darkness: 20, Glare: 235, Balance: 0.2, Sharpness: 0.08,
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	for _, f := range []struct{ value, fallback *float64 }{
		{&l.FaceSize, &d.FaceSize}, {&l.PupilDistance, &d.PupilDistance}, {&l.Cropped, &d.Cropped}, {&l.Close, &d.Close},
		{&l.Border, &d.Border}, {&l.Yaw, &d.Yaw}, {&l.Pitch, &d.Pitch}, {&l.MainFace, &d.MainFace},
		{&l.Occluded, &d.Occluded}, {&l.Darkness, &d.Darkness}, {&l.Glare, &d.Glare}, {&l.Balance, &d.Balance},
		{&l.Sharpness, &d.Sharpness},
	} {
		if *f.value == 0 {
			*f.value = *f.fallback
		}
	}
	return l
}
