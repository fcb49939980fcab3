package face

import (
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	poseSize = 224
	// poseMargin is the pose model's crop over the face's square box.
	poseMargin = 1.5
)

var poseColours = infer.Colours{
	Mean:      [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255},
	Deviation: [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255},
}

// pose reads the direction of the head. The model counts yaw the other way round than liveness.Pose does; its roll is
// no better than that of the line between the eyes.
func (f *Finder) pose(p *liveness.Picture, face liveness.Face) (liveness.Pose, error) {
	crop := intersection(about(square(face.Box), poseMargin), whole(p))
	if crop.Area() == 0 {
		return liveness.Pose{}, nil
	}
	out, err := f.poser.Run(poseColours.Tensor(p.Crop(crop, poseSize, poseSize)))
	if err != nil {
		return liveness.Pose{}, err
	}
	return liveness.Pose{Yaw: -angle(out[0].Data), Pitch: angle(out[1].Data), Roll: roll(face.Landmarks)}, nil
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
