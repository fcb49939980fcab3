package face

import (
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// poseSize is the width and height of the pose model's input in pixels.
const poseSize = 224

// What the model says of pictures of people who look at the camera, in degrees: the mean pitch of 80 press portraits and
// eight GRID speakers, and half of what yaw and that of the mirrored picture differ by.
const (
	pitchBias = -5.2
	yawBias   = 1.5
)

var poseColours = infer.Colours{
	Mean:      [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255},
	Deviation: [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255},
}

// pose reads the direction of the head. The crop is that of the landmarks: the model's own package takes one 1.5 times as
// large, with which the yaw of a picture and of its mirror picture differ by 10 degrees on average, not by 3. The model
// counts yaw the other way round than liveness.Pose does; its roll is no better than that of the line between the eyes.
func (f *Finder) pose(p *liveness.Picture, points liveness.Landmarks) (liveness.Pose, error) {
	out, err := f.poser.Run(poseColours.Tensor(p.Crop(cropOf(points), poseSize, poseSize)))
	if err != nil {
		return liveness.Pose{}, err
	}
	return liveness.Pose{Yaw: -angle(out[0].Data) - yawBias, Pitch: angle(out[1].Data) - pitchBias, Roll: roll(points)}, nil
}

// roll is the angle of the line between the eyes, in degrees.
func roll(points liveness.Landmarks) float64 {
	left, right := eyes(points)
	return math.Atan2(right.Y-left.Y, right.X-left.X) * 180 / math.Pi
}

// angle is the expected angle in degrees over bins of 3 degrees from -99.
func angle(logits []float32) float64 {
	var sum, mean float64
	top := float64(logits[0])
	for _, v := range logits {
		top = max(top, float64(v))
	}
	for i, v := range logits {
		e := math.Exp(float64(v) - top)
		sum += e
		mean += e * float64(i)
	}
	return 3*mean/sum - 99
}
