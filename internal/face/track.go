package face

import (
	"math"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// detectEvery is how many frames apart the detector looks at the whole frame while a face is followed.
	detectEvery = 12
	// searchEvery is how many frames apart a frame is searched thoroughly while there is no face.
	searchEvery = 10
	// jump is how far the landmarks' centre may move between two frames, and how much their size may change, as a part of that
	// size. Beyond it the detector runs again.
	jump = 0.25
	// lostMesh is the mesh's probability of a face under which the detector is asked again.
	lostMesh = 0.5
	// mainFace is the width of a box over that of the largest from which a second face counts (the protocol: half).
	mainFace = 0.5
)

// Track follows one face through the frames of one recording. It is not safe for concurrent use.
type Track struct {
	finder *Finder
	face   liveness.Face
	region region // where to look for it in the next frame
	ok     bool   // face is that of the last frame
	person person
	seen   Seen
	// since is the number of frames since the detector looked.
	since int
}

// Seen is what a track saw so far.
type Seen struct {
	// Frames is how many frames there were, and Found in how many of them there was a face.
	Frames, Found int
	// Detections is how many frames the detector ran on. Crowded is how many of them had more than one main face: a second box
	// over half as wide as the first.
	Detections, Crowded int
	// Changed are the moments from which on another person was seen. A cut between two pictures of one person is none.
	Changed []time.Duration
	// Others is how many looks showed one and the same other person, whenever that was: people may take turns.
	Others int
}

// Follow begins a track.
func (f *Finder) Follow() *Track { return &Track{finder: f, since: searchEvery} }

// Seen returns the counts of the track so far.
func (t *Track) Seen() Seen {
	seen := t.seen
	seen.Others = others(t.person.looks)
	return seen
}

// Restart forgets the last frame and the face in it, the first that was found: that frame comes again, turned.
func (t *Track) Restart() {
	t.ok, t.since, t.person = false, searchEvery, person{}
	t.seen.Frames--
	t.seen.Found--
}

// Next takes the next frame and when it is shown. It returns the face and true, or false where the frame shows none.
// The landmarks are read from every frame; the box is moved along with them between detections.
func (t *Track) Next(frame *liveness.Picture, at time.Duration) (liveness.Face, bool, error) {
	p := pyramidOf(frame)
	t.seen.Frames++
	t.since++
	if t.ok && t.since < detectEvery {
		moved, err := t.move(p, lostMesh)
		if err != nil {
			return liveness.Face{}, false, err
		}
		if moved {
			return t.report(p, at, false)
		}
	}
	return t.update(p, at)
}

// move takes the landmarks from the last frame to this one, in which the mesh must be so sure of a face. It reports whether
// they moved as a face can.
func (t *Track) move(p *pyramid, sure float64) (bool, error) {
	m, err := t.finder.runMesh(p, t.region)
	if err != nil {
		return false, err
	}
	before, after := bounds(t.face.Landmarks), bounds(m.landmarks)
	size := math.Sqrt(before.Area())
	if m.face < sure || distance(before.Centre(), after.Centre()) > jump*size || math.Abs(math.Sqrt(after.Area())-size) > jump*size {
		return false, nil
	}
	t.face.Box = moveBox(t.face.Box, before, after)
	t.applyMesh(m)
	return true, nil
}

// applyMesh sets the tracked face's landmarks and pose from the mesh.
func (t *Track) applyMesh(m mesh) {
	applyMesh(&t.face, m)
	t.region = m.next
}

// moveBox moves and scales a box as another went from before to after.
func moveBox(box, before, after liveness.Box) liveness.Box {
	scale := math.Sqrt(after.Area() / before.Area())
	from, to, c := before.Centre(), after.Centre(), box.Centre()
	x, y := to.X+scale*(c.X-from.X), to.Y+scale*(c.Y-from.Y)
	w, h := scale*box.Width, scale*box.Height
	return liveness.Box{X: x - w/2, Y: y - h/2, Width: w, Height: h}
}

// update asks the detector.
func (t *Track) update(p *pyramid, at time.Duration) (liveness.Face, bool, error) {
	boxes, err := t.detect(p)
	if err != nil {
		return liveness.Face{}, false, err
	}
	if len(boxes) == 0 {
		return t.searchAgain(p, at)
	}
	t.seen.Detections++
	if isCrowded(boxes) {
		t.seen.Crowded++
	}
	chosen, same := t.choose(boxes)
	t.face.Box, t.face.Confidence = chosen.box, chosen.confidence
	if same {
		t.ok, err = t.describeAgain(p)
	} else {
		t.ok, err = t.describeDetected(p, chosen)
	}
	if err != nil || !t.ok {
		return liveness.Face{}, false, err
	}
	return t.report(p, at, !same)
}

// searchAgain handles a frame without a detection. A followed face stays if the mesh is sure of it, as in a blur or a tilt.
func (t *Track) searchAgain(p *pyramid, at time.Duration) (liveness.Face, bool, error) {
	if t.ok {
		moved, err := t.move(p, sureMesh)
		if err != nil {
			return liveness.Face{}, false, err
		}
		if moved {
			t.since = 0
			return t.report(p, at, false)
		}
	}
	t.ok = false
	return liveness.Face{}, false, nil
}

// describeDetected describes a new detection.
func (t *Track) describeDetected(p *pyramid, d detected) (bool, error) {
	if d.mesh != nil {
		t.applyMesh(*d.mesh)
		return true, nil
	}
	m, ok, err := t.finder.describe(p, d, true)
	if err == nil {
		t.applyMesh(m)
	}
	return ok, err
}

// describeAgain describes a face that the track has followed up to the last frame: its landmarks go on from the last ones.
func (t *Track) describeAgain(p *pyramid) (bool, error) {
	m, err := t.finder.runMesh(p, t.region)
	if err != nil {
		return false, err
	}
	if overlap(t.face.Box, bounds(m.landmarks)) < sameFace {
		return t.describeDetected(p, detected{box: t.face.Box, confidence: t.face.Confidence})
	}
	t.applyMesh(m)
	return true, nil
}

// detect looks at the whole frame, then near the last face, and now and then, while there is none, thoroughly.
func (t *Track) detect(p *pyramid) ([]detected, error) {
	if !t.ok && t.since >= searchEvery {
		t.since = 0
		return t.finder.search(p)
	}
	boxes, err := t.finder.detect(p, pictureBox(p), faceThreshold)
	if err == nil && len(boxes) == 0 && t.ok {
		boxes, err = t.finder.detect(p, enlargedBox(t.face.Box, 4), faceThreshold)
	}
	if len(boxes) > 0 {
		t.since = 0
	}
	return boxes, err
}

// choose picks the box that goes on with the followed face, and the largest where there is none.
func (t *Track) choose(boxes []detected) (chosen detected, same bool) {
	best := 0.0
	for _, b := range boxes {
		if o := overlap(b.box, t.face.Box); t.ok && o > sameFace && o > best {
			chosen, same, best = b, true, o
		}
	}
	if same {
		return chosen, true
	}
	for _, b := range boxes {
		if b.box.Area() > chosen.box.Area() {
			chosen = b
		}
	}
	return chosen, false
}

// isCrowded reports whether there is more than one main face.
func isCrowded(boxes []detected) bool {
	widest, main := 0.0, 0
	for _, b := range boxes {
		widest = max(widest, b.box.Width)
	}
	for _, b := range boxes {
		if b.box.Width > mainFace*widest {
			main++
		}
	}
	return main > 1
}

// report notes a frame with a face; fresh says that the face does not go on from the last frame.
func (t *Track) report(p *pyramid, at time.Duration, fresh bool) (liveness.Face, bool, error) {
	t.seen.Found++
	if t.person.shouldCompare(at, fresh) {
		embedding, err := t.finder.rawEmbedding(p, t.face.Landmarks)
		if err != nil {
			return liveness.Face{}, false, err
		}
		if since, changed := t.person.compare(embedding, at); changed {
			t.seen.Changed = append(t.seen.Changed, since)
		}
	}
	return t.face, true, nil
}
