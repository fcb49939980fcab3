package check

import (
	"context"
	"sync"
	"time"

	"github.com/bonafide-id/bonafide/internal/edits"
	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	// maxCopyDistance is the number of bits, of 256, in which copies of a picture differ at most. maxMomentDistance is the same for
	// each of a recording's moments, of which several must fit (docs/decisions/fingerprints.md).
	maxCopyDistance, maxMomentDistance = 20, 52
	// maxKnownShare is the share of a recording's moments that may, with the same times between them, be in an earlier one.
	maxKnownShare = 0.46
	// minKnownMoments is the least number of such moments that counts.
	minKnownMoments = 3
	// momentTolerance is by how much the time between two moments may differ in a copy at another frame rate.
	momentTolerance = 120 * time.Millisecond
)

// Owner is what media belongs to. The same media for the same transaction, or the same session of a client, is a retry and no replay.
type Owner struct {
	// Account is the account's ID.
	Account string
	// Transaction is the transaction's ID, and Session the client's own name for a session; "" where there is none.
	Transaction, Session string
}

func (o Owner) owns(f store.FoundFingerprint) bool {
	return o.Account == f.Account && (o.Transaction != "" && o.Transaction == f.Transaction || o.Session != "" && o.Session == f.Subject)
}

// Replays recognises media that was checked before. It is safe for concurrent use.
type Replays struct {
	store store.Fingerprints

	mu     sync.Mutex
	prints *edits.Fingerprinter // nil until the salt is known
}

// NewReplays returns what recognises media by the store's fingerprints.
func NewReplays(s store.Fingerprints) *Replays { return &Replays{store: s} }

// fingerprinter returns what makes fingerprints. The first call reads the store's salt, or makes it: a store without a check stays
// empty, so that another can be copied into it.
func (r *Replays) fingerprinter(ctx context.Context) (*edits.Fingerprinter, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.prints == nil {
		salt, err := r.store.Secret(ctx, "fingerprints")
		if err != nil {
			return nil, err
		}
		r.prints = edits.NewFingerprinter(salt)
	}
	return r.prints, nil
}

// picture returns the gate of a picture that was checked before, and its fingerprint. There is neither where the face has no landmarks.
func (r *Replays) picture(ctx context.Context, p *liveness.Picture, f liveness.Face, o PictureOptions) ([]liveness.Gate, []liveness.Fingerprint, error) {
	if r == nil {
		return nil, nil, nil
	}
	prints, err := r.fingerprinter(ctx)
	if err != nil {
		return nil, nil, err
	}
	print, mirrored, ok := prints.Picture(p, f)
	if !ok {
		return nil, nil, nil
	}
	found, err := r.store.FindFingerprints(ctx, []liveness.Fingerprint{print, mirrored})
	if err != nil {
		return nil, nil, err
	}
	nearest := 8 * liveness.FingerprintBytes
	for _, known := range found {
		if !o.Owner.owns(known) {
			nearest = min(nearest, print.Distance(known.Fingerprint), mirrored.Distance(known.Fingerprint))
		}
	}
	reason := liveness.Reason("")
	if o.RefuseReplayed {
		reason = liveness.MediaReplayed
	}
	return []liveness.Gate{liveness.AtLeast("media_new", float64(nearest), maxCopyDistance+1, "bits", reason)}, []liveness.Fingerprint{print}, nil
}

// recording returns the gate of a recording that was checked before, and its fingerprints.
func (r *Replays) recording(ctx context.Context, t *edits.Trace, owner Owner) ([]liveness.Gate, []liveness.Fingerprint, error) {
	if r == nil {
		return nil, nil, nil
	}
	maker, err := r.fingerprinter(ctx)
	if err != nil {
		return nil, nil, err
	}
	prints, mirrored := maker.Recording(t)
	found, err := r.store.FindFingerprints(ctx, append(mirrored, prints...))
	if err != nil {
		return nil, nil, err
	}
	known := max(knownMoments(prints, found, owner), knownMoments(mirrored, found, owner))
	if known < minKnownMoments {
		known = 0
	}
	return []liveness.Gate{liveness.AtMost("media_replayed", share(known, len(prints)), maxKnownShare, "", liveness.MediaReplayed)}, prints, nil
}

// knownMoments returns how many moments of a recording are, with the same times between them, in one and the same earlier recording.
func knownMoments(prints []liveness.Fingerprint, found []store.FoundFingerprint, owner Owner) (most int) {
	type shifted struct {
		moment int
		later  time.Duration
	}
	shifts := map[string][]shifted{} // the moments that fit, for each earlier record
	for _, f := range found {
		if owner.owns(f) {
			continue
		}
		for i, p := range prints {
			if p.Distance(f.Fingerprint) <= maxMomentDistance {
				shifts[f.Record] = append(shifts[f.Record], shifted{i, p.At - f.At})
			}
		}
	}
	for _, list := range shifts {
		for _, shift := range list {
			moments := map[int]bool{}
			for _, other := range list {
				if max(shift.later-other.later, other.later-shift.later) <= momentTolerance/2 {
					moments[other.moment] = true
				}
			}
			most = max(most, len(moments))
		}
	}
	return most
}
