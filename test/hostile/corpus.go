package hostile

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/rand/v2"
)

// Want is what must become of a case. Whatever it is, the answer must be one that the protocol documents.
type Want int

const (
	// Anything that the protocol documents: what a damaged file shows cannot be known beforehand.
	Anything Want = iota
	// Refused as not readable.
	Refused
	// Read: the answer tells of what is to be seen in it.
	Read
)

// Case is one hostile file.
type Case struct {
	Number int
	// Family is how it was made, Sample of what.
	Family, Sample string
	Recording      bool
	Data           []byte
	Want           Want
	// ByForm sends a picture by the selfie protocol's form, else by the face liveness protocol's JSON.
	ByForm bool
}

// Corpus makes cases. A case depends on its number and the samples only. So every run has the same cases, and a short run has the
// first ones of a long run.
type Corpus struct {
	pictures, recordings []sample
	traps                traps
}

// sample is a file of which cases are made.
type sample struct {
	name string
	data []byte
	// tailed: without its end it cannot be read at all.
	tailed bool
}

// traps are what a file may try to make the server touch.
type traps struct {
	file string // a file that nobody may open
	url  string // a server that nobody may ask
}

// recordingEvery is how often a case is a recording: one costs as much as many pictures.
const recordingEvery = 16

// Case returns the case of a number.
func (c *Corpus) Case(number int) Case {
	r := rand.New(rand.NewPCG(0xb0afde, uint64(number)))
	made := Case{Number: number, Recording: number%recordingEvery == recordingEvery-1, ByForm: r.IntN(2) == 0}
	samples, ways := c.pictures, pictureWays
	if made.Recording {
		samples, ways = c.recordings, recordingWays
	}
	// Ways and samples take turns, so that few cases already have every way and every sample.
	turn := number / recordingEvery
	if !made.Recording {
		turn = number - turn
	}
	one := samples[(turn/len(ways)+turn)%len(samples)]
	w := ways[turn%len(ways)]
	made.Family, made.Sample = w.name, one.name
	made.Data, made.Want = w.make(maker{r, c, samples}, one)
	return made
}

// Digest returns the SHA-256 of the first n cases, to tell whether two runs had the same.
func (c *Corpus) Digest(n int) []byte {
	sum := sha256.New()
	for i := range n {
		add(sum, c.Case(i).Data)
	}
	return sum.Sum(nil)
}

func add(sum hash.Hash, data []byte) {
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(data)))) // a hash takes everything
	_, _ = sum.Write(data)
}

// maker has what a way needs to make a case.
type maker struct {
	*rand.Rand
	corpus  *Corpus
	samples []sample
}

// way makes a case of a sample.
type way struct {
	name string
	make func(m maker, of sample) ([]byte, Want)
}

// damage returns a way of which nobody can know what is left to be seen.
func damage(name string, do func(m maker, data []byte) []byte) way {
	return way{name, func(m maker, of sample) ([]byte, Want) {
		return do(m, append([]byte(nil), of.data...)), Anything
	}}
}

// damages fit files of every kind.
var damages = []way{
	damage("bits flipped", func(m maker, data []byte) []byte { return m.flip(data, len(data), 1+m.IntN(20)) }),
	damage("bits of the header flipped", func(m maker, data []byte) []byte {
		return m.flip(data, min(len(data), 16<<m.IntN(6)), 1+m.IntN(8))
	}),
	damage("stretch overwritten", func(m maker, data []byte) []byte {
		from, to := m.span(data)
		m.noise(data[from:to])
		return data
	}),
	damage("stretch of one byte", func(m maker, data []byte) []byte {
		from, to := m.span(data)
		b := []byte{0, 0xff, 0x80, 0x7f}[m.IntN(4)]
		for i := from; i < to; i++ {
			data[i] = b
		}
		return data
	}),
	damage("stretch deleted", func(m maker, data []byte) []byte {
		from, to := m.span(data)
		return append(data[:from], data[to:]...)
	}),
	damage("stretch repeated", func(m maker, data []byte) []byte {
		from, to := m.span(data)
		tail := append([]byte(nil), data[to:]...)
		for range 1 + m.IntN(30) {
			data = append(data, data[from:to]...)
		}
		return append(data, tail...)
	}),
	damage("noise inserted", func(m maker, data []byte) []byte {
		at := m.IntN(len(data))
		noise := make([]byte, 1+m.IntN(4096))
		m.noise(noise)
		return append(append(append([]byte(nil), data[:at]...), noise...), data[at:]...)
	}),
	damage("spliced with another", func(m maker, data []byte) []byte {
		other := m.samples[m.IntN(len(m.samples))].data
		return append(data[:m.IntN(len(data))], other[m.IntN(len(other)):]...)
	}),
	damage("numbers made extreme", func(m maker, data []byte) []byte {
		for range 1 + m.IntN(4) {
			at := m.IntN(max(1, min(len(data), 1024)-8))
			value := []uint64{0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 1 << 62, 1<<64 - 1}[m.IntN(10)]
			switch m.IntN(3) {
			case 0:
				binary.BigEndian.PutUint16(data[at:], uint16(value))
			case 1:
				binary.BigEndian.PutUint32(data[at:], uint32(value))
			default:
				binary.LittleEndian.PutUint32(data[at:], uint32(value))
			}
		}
		return data
	}),
	damage("nothing but its magic", func(m maker, data []byte) []byte {
		data = data[:min(len(data), 12+m.IntN(24))]
		noise := make([]byte, m.IntN(1<<14))
		m.noise(noise)
		return append(data, noise...)
	}),
}

// flip flips bits within the first so many bytes.
func (m maker) flip(data []byte, within, times int) []byte {
	for range times {
		data[m.IntN(within)] ^= 1 << m.IntN(8)
	}
	return data
}

// span returns a stretch of at most a quarter of the data.
func (m maker) span(data []byte) (from, to int) {
	from = m.IntN(len(data))
	return from, min(len(data), from+1+m.IntN(1+len(data)/4))
}

func (m maker) noise(into []byte) {
	for i := range into {
		into[i] = byte(m.Uint32())
	}
}

// oneOf takes one of several finished cases by turns of luck.
func oneOf(name string, want Want, files func(t traps) [][]byte) way {
	return way{name, func(m maker, _ sample) ([]byte, Want) {
		all := files(m.corpus.traps)
		return all[m.IntN(len(all))], want
	}}
}
