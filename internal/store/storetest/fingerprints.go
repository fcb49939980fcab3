package storetest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/liveness"
)

// aFingerprint returns one of random bits.
func aFingerprint(seed uint64, at time.Duration) liveness.Fingerprint {
	f := liveness.Fingerprint{At: at}
	for i, r := 0, rand.New(rand.NewPCG(seed, 1)); i < len(f.Bits); i++ {
		f.Bits[i] = byte(r.Uint32())
	}
	return f
}

func fingerprints(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	addAccount(t, one, anAccount("b"))
	first, second := aFingerprint(1, 0), aFingerprint(2, 1200*time.Millisecond)
	record := aRecord("r1", "a", "t1")
	record.Fingerprints = []liveness.Fingerprint{first, second}
	must(t, one.AddRecord(ctx, record))
	late := aRecord("r2", "b", "")
	late.At, late.Fingerprints = noon.Add(48*time.Hour), []liveness.Fingerprint{first}
	must(t, one.AddRecord(ctx, late))

	find := func(f liveness.Fingerprint) map[string]store.FoundFingerprint {
		found, err := other.FindFingerprints(ctx, []liveness.Fingerprint{aFingerprint(9, 0), f})
		must(t, err)
		by := map[string]store.FoundFingerprint{}
		for _, f := range found {
			by[f.Record] = f
		}
		return by
	}
	// All bands but the last are damaged; with one moment of a record all are found.
	damaged := second
	for i := range 27 {
		damaged.Bits[i] ^= 0x55
	}
	list, err := other.FindFingerprints(ctx, []liveness.Fingerprint{damaged})
	must(t, err)
	slices.SortFunc(list, func(a, b store.FoundFingerprint) int { return cmp.Compare(a.At, b.At) })
	of := func(f liveness.Fingerprint) store.FoundFingerprint {
		return store.FoundFingerprint{Fingerprint: f, Record: "r1", Account: "a", Transaction: "t1", Subject: record.Subject}
	}
	wantEqual(t, list, []store.FoundFingerprint{of(first), of(second)})
	wantEqual(t, len(find(first)), 2) // those of all accounts
	wantEqual(t, len(find(aFingerprint(3, 0))), 0)

	none, err := other.FindFingerprints(ctx, nil)
	must(t, err)
	wantEqual(t, len(none), 0)

	// They go with their record, however it goes.
	_, err = one.DeleteRecords(ctx, "b", noon.Add(72*time.Hour))
	must(t, err)
	wantEqual(t, len(find(first)), 1)
	_, err = one.Erase(ctx, "a", store.Reference{Request: "r1"})
	must(t, err)
	wantEqual(t, len(find(first)), 0)
}

func secret(t *testing.T, one, other store.Store) {
	made, err := one.Secret(ctx, "salt")
	must(t, err)
	again, err := other.Secret(ctx, "salt")
	must(t, err)
	wantEqual(t, again, made)
	wantEqual(t, len(made), 32)
	different, err := other.Secret(ctx, "other")
	must(t, err)
	if string(different) == string(made) {
		t.Error("two secrets are the same")
	}
}
