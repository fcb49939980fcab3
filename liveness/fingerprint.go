package liveness

import (
	"math/bits"
	"time"
)

// Fingerprint is what a picture, or one moment of a recording, is recognised by when it comes again. Its bits are secret
// projections of how a face looks or moves: without a store's salt they say nothing.
type Fingerprint struct {
	Bits [FingerprintBytes]byte
	// At is the moment's time in the recording; 0 for a picture.
	At time.Duration
}

const (
	// FingerprintBytes is the length of a fingerprint.
	FingerprintBytes = 32
	// FingerprintBands is how many bands a fingerprint has, of 24 bits each.
	FingerprintBands = 10
	bandBits         = 24
)

// Distance returns the number of bits, 0 to 256, in which two fingerprints differ. Unrelated ones differ in about half.
func (f Fingerprint) Distance(other Fingerprint) int {
	n := 0
	for i, b := range f.Bits {
		n += bits.OnesCount8(b ^ other.Bits[i])
	}
	return n
}

// Bands returns parts of the fingerprint that a store can look up exactly. Copies of the same picture share one at least, as a rule.
func (f Fingerprint) Bands() (bands [FingerprintBands]int64) {
	for i := range FingerprintBands * bandBits {
		if f.Bits[i/8]>>(i%8)&1 == 1 {
			bands[i/bandBits] |= 1 << (i % bandBits)
		}
	}
	return bands
}
