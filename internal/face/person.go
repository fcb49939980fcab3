package face

import "time"

const (
	// samePerson is the cosine of two embeddings from which they are one person's. Of eight speakers of the GRID corpus, one
	// person's are at least 0.78 (120 pairs). Two persons' are at most 0.33 (1008 pairs): see TestLikeness.
	samePerson = 0.5
	// compareEvery is the longest time between two comparisons.
	compareEvery = 800 * time.Millisecond
	// lookEvery is the least time between two looks that are compared with all others: what a cut leaves behind lasts less.
	lookEvery = 200 * time.Millisecond
	// strangers is how many comparisons in a row must show the same other person before the person has changed, and strangerFor
	// for how long. Some comparisons fail on blurred or dissolving frames, and at 60 kbit/s on the frames after a cut.
	strangers   = 3
	strangerFor = 400 * time.Millisecond
	// clearFace is the length of a raw embedding under which it tells nobody. People before a camera have at least 2.9, even at
	// 60 kbit/s. Faces that dissolve into another have 1.9 to 2.7.
	clearFace = 2.75
)

// person notices that a recording goes on with somebody else.
type person struct {
	reference []float32
	// looks are clear ones, lookEvery apart at least and maxKnown at most; kept is the time of the last of them.
	looks [][]float32
	kept  time.Duration
	last  time.Duration // of the last comparison
	// doubts counts the comparisons in a row that showed the stranger, the first of them at since.
	doubts   int
	stranger []float32
	since    time.Duration
}

// shouldCompare reports whether a frame must be compared. These are the first, one now and then, each after the face was lost or
// cut, and each in doubt.
func (p *person) shouldCompare(at time.Duration, fresh bool) bool {
	return p.reference == nil || fresh || p.doubts > 0 || at-p.last >= compareEvery
}

// compare compares a raw embedding with the person's. It reports a change, and from when on.
func (p *person) compare(raw []float32, at time.Duration) (since time.Duration, changed bool) {
	p.last = at
	if vectorLength(raw) < clearFace {
		return 0, false
	}
	embedding := normalise(raw)
	if len(p.looks) == 0 || len(p.looks) < maxKnown && at-p.kept >= lookEvery {
		p.looks, p.kept = append(p.looks, embedding), at
	}
	switch {
	case p.reference == nil:
		p.reference = embedding
	case similarity(p.reference, embedding) >= samePerson:
		p.doubts = 0
	case p.doubts == 0 || similarity(p.stranger, embedding) < samePerson:
		p.doubts, p.stranger, p.since = 1, embedding, at
	default:
		p.doubts++
	}
	if p.doubts < strangers || at-p.since < strangerFor {
		return 0, false
	}
	p.doubts, p.reference = 0, embedding
	return p.since, true
}
