package face

import "time"

const (
	// samePerson is the cosine of two embeddings from which they are one person's. Of eight speakers of the GRID corpus
	// one person's are at least 0.78 (120 pairs), two persons' at most 0.33 (1008 pairs): see TestLikeness.
	samePerson = 0.5
	// meetEvery is the longest time between two comparisons.
	meetEvery = 800 * time.Millisecond
	// strangers is how many comparisons in a row must fail before the person has changed: one can fail on a blurred
	// or dissolving frame.
	strangers = 3
)

// person notices that a recording goes on with somebody else.
type person struct {
	known []float32
	last  time.Duration // of the last comparison
	// doubts counts the comparisons in a row that failed, the first of them at since.
	doubts int
	since  time.Duration
}

// due reports whether a frame is to be compared: the first, one now and then, each after the face was lost or cut, and each
// while there is doubt.
func (p *person) due(at time.Duration, fresh bool) bool {
	return p.known == nil || fresh || p.doubts > 0 || at-p.last >= meetEvery
}

// meet compares an embedding with the person's. It reports a change, and from when on.
func (p *person) meet(embedding []float32, at time.Duration) (since time.Duration, changed bool) {
	p.last = at
	switch {
	case p.known == nil:
		p.known = embedding
	case likeness(p.known, embedding) >= samePerson:
		p.doubts = 0
	case p.doubts == 0:
		p.doubts, p.since = 1, at
	default:
		p.doubts++
	}
	if p.doubts < strangers {
		return 0, false
	}
	p.doubts, p.known = 0, embedding
	return p.since, true
}
