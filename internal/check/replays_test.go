package check

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/edits"
	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/liveness"
)

// remembered is a store that knows these fingerprints.
type remembered []store.FoundFingerprint

func (r remembered) FindFingerprints(context.Context, []liveness.Fingerprint) ([]store.FoundFingerprint, error) {
	return r, nil
}

func (r remembered) Secret(context.Context, string) ([]byte, error) { return []byte("salt"), nil }

// speaker returns a recording of random movements.
func speaker(seed uint64) *edits.Trace {
	r, t := rand.New(rand.NewPCG(seed, 1)), &edits.Trace{}
	walk := make([]float64, 8)
	for i := range 100 {
		for k := range walk {
			walk[k] = 0.8*walk[k] + 4*r.NormFloat64()
		}
		f := edits.Frame{At: time.Duration(i) * 40 * time.Millisecond, Step: 3}
		put := func(from, to int, x, y float64) {
			for p := from; p < to; p++ {
				f.Landmarks[p] = liveness.Point{X: 200 + walk[0] + x, Y: 200 + walk[1] + y}
			}
		}
		put(0, 68, 0, 50)
		put(17, 27, 0, -30+walk[2])
		put(36, 42, -40, 0)
		put(42, 48, 40, 0)
		put(27, 28, 0, -5)
		put(30, 31, 0, 45)
		put(33, 34, 0, 60)
		put(48, 65, 0, 80-walk[3])
		put(65, 68, 0, 90+walk[4])
		t.Frames = append(t.Frames, f)
	}
	return t
}

func TestReplayedRecordingsAreRefused(t *testing.T) {
	owner := Owner{Account: "a", Transaction: "t1"}
	prints, _ := edits.NewFingerprinter([]byte("salt")).Recording(speaker(1))
	known := func(of []liveness.Fingerprint, account, transaction string) (r remembered) {
		for _, p := range of {
			r = append(r, store.FoundFingerprint{Fingerprint: p, Record: "r1", Account: account, Transaction: transaction})
		}
		return r
	}
	others, _ := edits.NewFingerprinter([]byte("salt")).Recording(speaker(2))
	late := make([]liveness.Fingerprint, len(prints))
	scattered := make([]liveness.Fingerprint, len(prints))
	for i, p := range prints {
		late[i], scattered[i] = p, p
		late[i].At += 3 * time.Second
		scattered[i].At = time.Duration(i*i) * time.Second
	}
	for name, c := range map[string]struct {
		store remembered
		want  liveness.Reason
	}{
		"nothing is known":                    {nil, ""},
		"the same, for another transaction":   {known(prints, "a", "t0"), liveness.MediaReplayed},
		"the same, of another account":        {known(prints, "b", "t1"), liveness.MediaReplayed},
		"the same, as a part of a longer one": {known(late, "b", "t9"), liveness.MediaReplayed},
		"a retry":                             {known(prints, "a", "t1"), ""},
		"another recording":                   {known(others, "b", "t9"), ""},
		"two moments of it":                   {known(prints[:2], "b", "t9"), ""},
		"its moments at other times":          {known(scattered, "b", "t9"), ""},
	} {
		r := NewReplays(c.store)
		gates, kept, err := r.recording(t.Context(), speaker(1), owner)
		if err != nil {
			t.Fatal(err)
		}
		run := newCheckRun(0.5, nil)
		run.addGates(gates...)
		if run.verdict.Reason != c.want || len(kept) != len(prints) {
			t.Errorf("%s: reason %q, want %q; %d fingerprints of %d: %+v", name, run.verdict.Reason, c.want, len(kept), len(prints), gates)
		}
	}
	var nobody *Replays
	if gates, kept, err := nobody.recording(t.Context(), speaker(1), owner); gates != nil || kept != nil || err != nil {
		t.Errorf("without a store: %v, %v, %v", gates, kept, err)
	}
}

func TestReplayedPicturesAreReportedOrRefused(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 1))
	p := liveness.NewPicture(400, 400)
	for i := range p.Pixels {
		p.Pixels[i] = byte(noise.Uint32())
	}
	face := liveness.Face{Landmarks: speaker(1).Frames[0].Landmarks}
	print, _, _ := edits.NewFingerprinter([]byte("salt")).Picture(p, face)
	r := NewReplays(remembered{{Fingerprint: print, Record: "r1", Account: "a", Subject: "s1"}})
	for name, c := range map[string]struct {
		options PictureOptions
		passed  bool
		reason  liveness.Reason
	}{
		"reported":          {PictureOptions{Owner: Owner{Account: "a"}}, false, ""},
		"refused":           {PictureOptions{Owner: Owner{Account: "b", Session: "s1"}, RefuseReplayed: true}, false, liveness.MediaReplayed},
		"the session again": {PictureOptions{Owner: Owner{Account: "a", Session: "s1"}, RefuseReplayed: true}, true, liveness.MediaReplayed},
	} {
		gates, kept, err := r.picture(t.Context(), p, face, c.options)
		if err != nil || len(kept) != 1 || len(gates) != 1 || gates[0].Passed != c.passed || gates[0].Reason != c.reason {
			t.Errorf("%s: %+v, %d fingerprints, %v", name, gates, len(kept), err)
		}
	}
}
