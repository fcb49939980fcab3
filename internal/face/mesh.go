package face

import (
	"math"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// meshSize is the width and height of the mesh model's input in pixels, and meshPoints how many points it finds.
const (
	meshSize   = 192
	meshPoints = 468
)

// region is the square about a face that the mesh model runs on. It is in pixels of the picture, rotated clockwise by an angle in
// radians.
type region struct {
	centre      liveness.Point
	side, angle float64
}

// mesh is what the model says of a region.
type mesh struct {
	landmarks liveness.Landmarks
	pose      liveness.Pose
	// face is the probability that the region shows a face, 0..1, and first that of the first region that was looked at.
	face, first float64
	// next is the region of the same face in the next frame.
	next region
}

// The model was made for a square whose side is 1.5 times the longer side of the points' bounds. That of a detector's box
// is larger than its height, and lower: medians of 271 faces.
const (
	aroundPoints = 1.5
	aroundBox    = 1.35
	belowBox     = 0.055
)

// regionOf returns the region of what the detector found: the box's longer side is the height of the face, however it is turned.
func regionOf(d detected) region {
	sin, cos := math.Sincos(d.angle)
	c, height := d.box.Centre(), d.box.Height
	if d.angle != 0 {
		height = max(d.box.Width, d.box.Height)
	}
	below := belowBox * height
	return region{centre: liveness.Point{X: c.X - below*sin, Y: c.Y + below*cos}, side: aroundBox * height, angle: d.angle}
}

// fits reports whether a region is so near to another one that looking again would not move the points by much.
func (r region) fits(other region) bool {
	const (
		shift  = 0.025 // of the side
		growth = 0.05
		turn   = 3 * math.Pi / 180
	)
	return distance(r.centre, other.centre) < shift*r.side && math.Abs(other.side/r.side-1) < growth && math.Abs(math.Remainder(other.angle-r.angle, 2*math.Pi)) < turn
}

// affine takes the model's input to the picture.
func (r region) affine() liveness.Affine {
	step := r.side / meshSize
	a, b := step*math.Cos(r.angle), step*math.Sin(r.angle)
	return liveness.Affine{
		A: a, B: -b, C: r.centre.X - (a-b)*meshSize/2,
		D: b, E: a, F: r.centre.Y - (b+a)*meshSize/2,
	}
}

// mirror takes the model's input to the picture as in a mirror.
func (r region) mirror() liveness.Affine {
	m := r.affine()
	return liveness.Affine{A: -m.A, B: m.B, C: m.C + m.A*meshSize, D: -m.D, E: m.E, F: m.F + m.D*meshSize}
}

var meshColours = infer.PixelFormat{Deviation: [3]float32{255, 255, 255}}

// runMesh reads the mesh of a region.
func (f *Finder) runMesh(p *pyramid, r region) (mesh, error) {
	var m mesh
	affine := r.affine()
	out, err := f.mesher.RunPictures(meshColours, p.Warp(affine, meshSize, meshSize))
	if err != nil {
		return m, err
	}
	points := out[0].Data[:3*meshPoints]
	at := func(i int) liveness.Point {
		return affine.Apply(liveness.Point{X: float64(points[3*i]), Y: float64(points[3*i+1])})
	}
	for i, k := range ibug {
		m.landmarks[i] = at(k)
	}
	m.face = float64(out[1].Data[0])
	m.first = m.face
	m.pose = poseOf(points)
	m.pose.Roll = roll(m.landmarks)
	m.next = around(points, r, m.pose.Roll*math.Pi/180)
	return m, nil
}

// runMirrored returns the probability that a region shows a face in a mirror, which for a face is much the same.
func (f *Finder) runMirrored(p *pyramid, r region) (float64, error) {
	out, err := f.mesher.RunPictures(meshColours, p.Warp(r.mirror(), meshSize, meshSize))
	if err != nil {
		return 0, err
	}
	return float64(out[1].Data[0]), nil
}

// A new face is looked at twice or three times as a rule, and up to maxMeshRuns times where it is tilted.
const (
	usualMeshRuns, maxMeshRuns = 3, 4
	tilted                     = 10 * math.Pi / 180
)

// refineMesh looks until the region fits: the detector's box is rough, and knows nothing of roll.
func (f *Finder) refineMesh(p *pyramid, r region) (mesh, error) {
	m, err := f.runMesh(p, r)
	first := m.face
	for looks := 1; err == nil && !r.fits(m.next) && looks < maxMeshRuns; looks++ {
		if looks >= usualMeshRuns && math.Abs(m.next.angle) < tilted {
			break
		}
		// A look sees only a part of a great tilt.
		next := m.next
		next.angle += 0.7 * math.Remainder(next.angle-r.angle, 2*math.Pi)
		r = next
		m, err = f.runMesh(p, r)
	}
	m.first = first
	return m, err
}

// turns are the angles at which a face is looked for that does not stand upright.
var turns = []float64{math.Pi / 2, -math.Pi / 2, math.Pi, math.Pi / 4, -math.Pi / 4}

// minTurnedFace is the mesh's probability of a face from which the tried angle may be right. At wrong angles it seldom reaches as
// much.
const minTurnedFace = 0.99

// describe reads the mesh of what the detector found, which finds faces at any angle and does not say at which. It reports
// whether that is a face: one that does not stand upright only where it is turnable, since it takes long to find out.
func (f *Finder) describe(p *pyramid, d detected, turnable bool) (m mesh, ok bool, err error) {
	r := regionOf(d)
	if m, err = f.refineMesh(p, r); err != nil {
		return m, false, err
	}
	if d.angle == 0 && m.face >= sureMesh {
		return m, true, nil
	}
	if d.angle == 0 && turnable {
		turned, err := f.findTurnedMesh(p, d)
		if err != nil {
			return m, false, err
		}
		if turned.face >= minTurnedFace {
			r = turned.next
			if m, err = f.refineMesh(p, r); err != nil {
				return m, false, err
			}
		}
	}
	if d.angle != 0 && m.face < sureMesh {
		return m, false, nil
	}
	ok, err = f.plausible(p, d, r, m)
	return m, ok, err
}

// findTurnedMesh returns what the mesh is surest of where the face does not stand upright.
func (f *Finder) findTurnedMesh(p *pyramid, d detected) (best mesh, err error) {
	for _, angle := range turns {
		d.angle = angle
		m, err := f.runMesh(p, regionOf(d))
		if err != nil {
			return best, err
		}
		if m.face > best.face {
			best = m
		}
	}
	return best, nil
}

// around returns the region of the points that were found in another one.
func around(points []float32, r region, angle float64) region {
	affine := r.affine()
	sin, cos := math.Sincos(angle)
	low, high := liveness.Point{X: math.Inf(1), Y: math.Inf(1)}, liveness.Point{X: math.Inf(-1), Y: math.Inf(-1)}
	for i := range meshPoints {
		q := affine.Apply(liveness.Point{X: float64(points[3*i]), Y: float64(points[3*i+1])})
		x, y := cos*q.X+sin*q.Y, cos*q.Y-sin*q.X
		low.X, low.Y = min(low.X, x), min(low.Y, y)
		high.X, high.Y = max(high.X, x), max(high.Y, y)
	}
	x, y := (low.X+high.X)/2, (low.Y+high.Y)/2
	return region{
		centre: liveness.Point{X: cos*x - sin*y, Y: sin*x + cos*y},
		side:   aroundPoints * max(high.X-low.X, high.Y-low.Y), angle: angle,
	}
}

// ibug are the mesh's points that stand where those of the 300-W scheme do.
var ibug = [68]int{
	162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, // jaw
	70, 63, 105, 66, 107, 336, 296, 334, 293, 300, // brows
	168, 197, 5, 4, 75, 97, 2, 326, 305, // nose
	33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, // eyes
	61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, // outer lips
	78, 82, 13, 312, 308, 317, 14, 87, // inner lips
}

// The mesh's points at the forehead's top, the chin, and before the ears, on the picture's left and right.
const forehead, chin, leftCheek, rightCheek = 10, 152, 234, 454

// poseOf returns yaw and pitch of the points in space, whose depth is in pixels too, growing away from the camera.
func poseOf(points []float32) liveness.Pose {
	between := func(a, b int) (x, y, z float64) {
		return float64(points[3*b] - points[3*a]), float64(points[3*b+1] - points[3*a+1]), float64(points[3*b+2] - points[3*a+2])
	}
	x, y, z := between(leftCheek, rightCheek)
	u, v, w := between(forehead, chin)
	const degrees = 180 / math.Pi
	return liveness.Pose{
		Yaw:   math.Atan2(z, math.Hypot(x, y))*degrees - yawBias,
		Pitch: -math.Atan2(w, math.Hypot(u, v))*degrees - pitchBias,
	}
}

// What the points say of people who look at the camera, in degrees: the median of 100 press portraits.
const (
	pitchBias = -7
	yawBias   = -1
)

// roll returns the angle of the line between the eyes, in degrees.
func roll(points liveness.Landmarks) float64 {
	left, right := eyes(points)
	return math.Atan2(right.Y-left.Y, right.X-left.X) * 180 / math.Pi
}

// bounds returns the smallest upright box that holds the points.
func bounds(points liveness.Landmarks) liveness.Box {
	least, most := points[0], points[0]
	for _, p := range points {
		least.X, least.Y = min(least.X, p.X), min(least.Y, p.Y)
		most.X, most.Y = max(most.X, p.X), max(most.Y, p.Y)
	}
	return liveness.Box{X: least.X, Y: least.Y, Width: most.X - least.X, Height: most.Y - least.Y}
}

// eyes returns the centres of the eyes, the one on the picture's left first.
func eyes(points liveness.Landmarks) (left, right liveness.Point) {
	return liveness.Centre(points[36:42]), liveness.Centre(points[42:48])
}
