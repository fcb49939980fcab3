package quality

import (
	"math"

	"github.com/bonafide-id/bonafide/liveness"
)

// The names of the components, which are those of ISO/IEC 29794-5 in lower case with underscores.
const (
	Sharpness    = "sharpness"
	UnderExposed = "under_exposure_prevention"
	OverExposed  = "over_exposure_prevention"
	Uniformity   = "illumination_uniformity"
	Compression  = "compression_artifacts"
	EyeDistance  = "inter_eye_distance"
	PoseYaw      = "head_pose_yaw"
	PosePitch    = "head_pose_pitch"
	PoseRoll     = "head_pose_roll"
	EyesOpen     = "eyes_open"
	MouthClosed  = "mouth_closed"
	SingleFace   = "single_face_present"
	Crop         = "crop_of_the_face_image"
)

// components returns the components of a picture's largest face and the unified score, their geometric mean. The score falls with
// each of them, and the others cannot outweigh a very poor one.
func components(p *liveness.Picture, faces []liveness.Face, scale float64, m Measures) liveness.Quality {
	f := faces[0]
	var q liveness.Quality
	add := func(name string, native, part float64) {
		q.Components = append(q.Components, liveness.QualityComponent{Name: name, Native: native, Value: int(math.Round(100 * min(max(part, 0), 1)))})
	}
	blocks := blockiness(p, f.Box, scale)
	eyes, mouth := eyeOpening(f.Landmarks), mouthOpening(f.Landmarks)
	second := secondFace(faces)
	pupils := f.PupilDistance / scale

	add(Sharpness, m.Sharpness, 1-math.Exp(-m.Sharpness/0.2))
	add(UnderExposed, m.Under, 1-m.Under)
	add(OverExposed, m.Over, 1-m.Over)
	add(Uniformity, m.Uniformity, math.Pow(m.Uniformity, 0.3)) // the exponent is that of OFIQ
	add(Compression, blocks, math.Exp(1-max(blocks, 1)))
	add(EyeDistance, pupils, 1-math.Exp(-pupils/50))
	add(PoseYaw, f.Pose.Yaw, angleQuality(f.Pose.Yaw))
	add(PosePitch, f.Pose.Pitch, angleQuality(f.Pose.Pitch))
	add(PoseRoll, f.Pose.Roll, angleQuality(f.Pose.Roll))
	add(EyesOpen, eyes, eyes/wideOpen)
	add(MouthClosed, mouth, 1-mouth/gaping)
	add(SingleFace, second, 1-second)
	add(Crop, m.Outside, 1-m.Outside/maxOutside)
	q.Unified = unifiedScore(q.Components)
	return q
}

const (
	// wideOpen is the opening of an open eye over its width, and gaping that of a gaping mouth over the pupil distance. From a
	// share maxOutside of the face outside the picture, a component is 0.
	wideOpen   = 0.3
	gaping     = 0.8
	maxOutside = 0.5
)

// angleQuality falls with the square of an angle's cosine, as OFIQ's does, to 0 at 90 degrees.
func angleQuality(degrees float64) float64 {
	c := max(math.Cos(degrees*math.Pi/180), 0)
	return c * c
}

func unifiedScore(components []liveness.QualityComponent) int {
	var sum float64
	for _, c := range components {
		sum += math.Log(float64(c.Value)/100 + 1e-4)
	}
	return int(math.Round(100 * math.Exp(sum/float64(len(components)))))
}

// eyeOpening returns the height of the eye that is open less, over its width.
func eyeOpening(l liveness.Landmarks) float64 {
	open := func(eye []liveness.Point) float64 {
		return (pointDistance(eye[1], eye[5]) + pointDistance(eye[2], eye[4])) / (2*pointDistance(eye[0], eye[3]) + 1e-9)
	}
	return min(open(l[36:42]), open(l[42:48]))
}

// mouthOpening returns the height between the inner lips over the pupil distance.
func mouthOpening(l liveness.Landmarks) float64 {
	return pointDistance(l[62], l[66]) / (pointDistance(liveness.Centre(l[36:42]), liveness.Centre(l[42:48])) + 1e-9)
}

func pointDistance(a, b liveness.Point) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }

// secondFace returns the area of the second largest face over that of the largest; 0 where there is none.
func secondFace(faces []liveness.Face) float64 {
	if len(faces) < 2 || faces[0].Box.Area() <= 0 {
		return 0
	}
	return faces[1].Box.Area() / faces[0].Box.Area()
}

// exposure returns the shares of the skin darker than 25 and brighter than 247 (of 255), and the similarity of the histograms of
// its halves. All are 0..1 and quantities of ISO/IEC 29794-5.
func exposure(luma []float64) (under, over, uniformity float64) {
	var halves [2][16]float64
	var n float64
	for y := firstRow; y < rowsOf(luma); y++ {
		for x := 20; x < faceSize-20; x++ {
			v := luma[y*faceSize+x]
			if v <= 25 {
				under++
			}
			if v >= 247 {
				over++
			}
			half := 0
			if x >= faceSize/2 {
				half = 1
			}
			halves[half][min(int(v)/16, 15)]++
			n++
		}
	}
	for i := range halves[0] {
		uniformity += min(halves[0][i], halves[1][i]) / (n / 2)
	}
	return under / n, over / n, uniformity
}

// blockiness returns how much larger the steps of brightness are at the borders of JPEG's blocks than elsewhere in the face:
// 1 for none. Where the borders lie is not known, so that those with the largest steps count. Of a picture that was shrunk
// until its blocks are under four pixels it is 1.
func blockiness(p *liveness.Picture, box liveness.Box, scale float64) float64 {
	period := int(math.Round(8 * scale))
	if period < 4 {
		return 1
	}
	left, right := max(int(box.X), 0), min(int(box.X+box.Width), p.Width-1)
	top, bottom := max(int(box.Y), 0), min(int(box.Y+box.Height), p.Height-1)
	luma := func(x, y int) int {
		i := 3 * (y*p.Width + x)
		return 77*int(p.Pixels[i]) + 150*int(p.Pixels[i+1]) + 29*int(p.Pixels[i+2])
	}
	across, down := make([]int, period), make([]int, period)
	for y := top; y < bottom; y += blockinessStep {
		here := luma(left, y)
		for x := left; x < right; x++ {
			next := luma(x+1, y)
			across[(x+1)%period] += max(next-here, here-next)
			here = next
		}
	}
	for y := top; y < bottom; y++ {
		sum := 0
		for x := left; x < right; x += blockinessStep {
			change := luma(x, y+1) - luma(x, y)
			sum += max(change, -change)
		}
		down[(y+1)%period] += sum
	}
	return (strongestPhase(across) + strongestPhase(down)) / 2
}

// blockinessStep is the distance in pixels of the lines along which blockiness looks.
const blockinessStep = 4

// strongestPhase returns the largest of the sums over the mean of the others.
func strongestPhase(sums []int) float64 {
	var sum, most int
	for _, v := range sums {
		sum += v
		most = max(most, v)
	}
	if sum <= most {
		return 1
	}
	return float64(most*(len(sums)-1)) / float64(sum-most)
}
