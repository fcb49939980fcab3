package face

import (
	"math"
	"slices"

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
// doubt is the sum of the entropies of the three answers.
func (f *Finder) pose(p *liveness.Picture, points liveness.Landmarks) (pose liveness.Pose, doubt float64, err error) {
	out, err := f.poser.Run(poseColours.Tensor(p.Crop(cropOf(points), poseSize, poseSize)))
	if err != nil {
		return pose, 0, err
	}
	yaw, a := angle(out[0].Data)
	pitch, b := angle(out[1].Data)
	_, c := angle(out[2].Data)
	return liveness.Pose{Yaw: -yaw - yawBias, Pitch: pitch - pitchBias, Roll: roll(points)}, a + b + c, nil
}

// roll is the angle of the line between the eyes, in degrees.
func roll(points liveness.Landmarks) float64 {
	left, right := eyes(points)
	return math.Atan2(right.Y-left.Y, right.X-left.X) * 180 / math.Pi
}

// angle is the expected angle in degrees over bins of 3 degrees from -99, and the entropy of the answer.
func angle(logits []float32) (degrees, entropy float64) {
	top := float64(slices.Max(logits))
	var sum, mean, spread float64
	for i, v := range logits {
		e := math.Exp(float64(v) - top)
		sum += e
		mean += e * float64(i)
		spread += e * (float64(v) - top)
	}
	return 3*mean/sum - 99, math.Log(sum) - spread/sum
}
