// Package storetest tests any implementation of store.Store. It does not know which database that uses.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/liveness"
)

// Open returns one empty store, opened twice as two processes would. The suite closes neither.
type Open func(t *testing.T) (one, other store.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(t *testing.T, one, other store.Store){
		"accounts":               accounts,
		"keys":                   keys,
		"credentials":            credentials,
		"key limits":             keyLimits,
		"rate":                   rate,
		"rate under concurrency": rateConcurrent,
		"transactions":           transactions,
		"settle once":            settleOnce,
		"tries":                  tries,
		"settle against tries":   settleAgainstTries,
		"capture tokens":         captureTokens,
		"capture token once":     captureTokenOnce,
		"records":                records,
		"find records":           findRecords,
		"retention":              retention,
		"kept twice":             recordTwice,
		"insist":                 retryUntilStored,
		"hostile text":           hostileText,
		"erase":                  erase,
		"fingerprints":           fingerprints,
		"secret":                 secret,
		"roll-up":                rollUp,
		"repeat":                 repeat,
		"repeat once per period": repeatOnce,
		"quota":                  quota,
		"quota keeps open":       quotaKeepsOpen,
		"ping":                   ping,
	} {
		t.Run(name, func(t *testing.T) {
			one, other := open(t)
			test(t, one, other)
		})
	}
}

var (
	ctx  = context.Background()
	noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func wantEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func anAccount(id string) store.Account {
	return store.Account{ID: id, Name: "name of " + id, Created: noon, Settings: []byte(`{"a":1}`)}
}

func addAccount(t *testing.T, s store.Store, a store.Account) store.Account {
	t.Helper()
	must(t, s.AddAccount(ctx, a))
	return a
}

func aKey(id, account string) store.Key {
	return store.Key{ID: id, Account: account, Created: noon, Credentials: []store.Credential{
		{Protocol: "lips", Public: "pub-" + id, Hash: sha256.Sum256([]byte(id))},
		{Protocol: "selfie", Public: "pub-" + id, Hash: sha256.Sum256([]byte(id + "2"))},
	}}
}

func aTransaction(id, account string) store.Transaction {
	return store.Transaction{ID: id, Account: account, Phrase: "597692", Created: noon, Expires: noon.Add(5 * time.Minute), TriesLeft: 3}
}

func aRecord(id, account, transaction string) store.Record {
	score := 0.987
	return store.Record{ID: id, Account: account, Protocol: "lips", Subject: "s", Transaction: transaction, At: noon,
		Outcome: liveness.Live, Score: &score, Threshold: 0.5}
}

// runConcurrently calls do n times concurrently, half of them on each store, and counts the errors by kind; nil counts as nil.
func runConcurrently(n int, one, other store.Store, do func(i int, s store.Store) error, kinds ...error) (count map[error]int, strange error) {
	count = map[error]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		s := one
		if i%2 == 1 {
			s = other
		}
		wg.Go(func() {
			err := do(i, s)
			mu.Lock()
			defer mu.Unlock()
			for _, kind := range append(kinds, nil) {
				if errors.Is(err, kind) {
					count[kind]++
					return
				}
			}
			strange = err
		})
	}
	wg.Wait()
	return count, strange
}

func accounts(t *testing.T, one, other store.Store) {
	none, err := one.Accounts(ctx)
	must(t, err)
	wantEqual(t, len(none), 0)

	b := addAccount(t, one, anAccount("b"))
	a := addAccount(t, one, anAccount("a"))
	wantError(t, other.AddAccount(ctx, store.Account{ID: "c", Name: a.Name, Created: noon}), store.ErrExists)
	wantError(t, other.AddAccount(ctx, store.Account{ID: "a", Name: "another", Created: noon}), store.ErrExists)

	all, err := other.Accounts(ctx)
	must(t, err)
	wantEqual(t, all, []store.Account{a, b})

	a.MonthlyQuota, a.RatePerSecond, a.Settings = 7, 8, []byte(`{}`)
	must(t, other.SetAccount(ctx, a))
	got, err := one.AccountByName(ctx, a.Name)
	must(t, err)
	wantEqual(t, got, a)
	_, err = one.AccountByName(ctx, "nobody")
	wantError(t, err, store.ErrNotFound)
	wantError(t, one.SetAccount(ctx, anAccount("nobody")), store.ErrNotFound)
}

func keys(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	first, second := aKey("k2", "a"), aKey("k1", "a")
	second.Created = noon.Add(time.Second)
	must(t, one.AddKey(ctx, first))
	must(t, one.AddKey(ctx, second))
	taken := aKey("k3", "a")
	taken.Credentials[1].Public = first.Credentials[1].Public
	wantError(t, one.AddKey(ctx, taken), store.ErrExists)
	wantError(t, one.AddKey(ctx, aKey("k4", "nobody")), store.ErrNotFound)

	all, err := other.Keys(ctx)
	must(t, err)
	wantEqual(t, all, []store.Key{first, second})

	must(t, other.RevokeKey(ctx, "k2", noon.Add(time.Hour)))
	must(t, other.RevokeKey(ctx, "k2", noon.Add(2*time.Hour)))
	wantError(t, other.RevokeKey(ctx, "k3", noon), store.ErrNotFound)
	first.Revoked = noon.Add(time.Hour)
	all, err = one.Keys(ctx)
	must(t, err)
	wantEqual(t, all, []store.Key{first, second})
}

func credentials(t *testing.T, one, other store.Store) {
	a := addAccount(t, one, anAccount("a"))
	key := aKey("k", "a")
	must(t, one.AddKey(ctx, key))
	got, err := other.FindCredential(ctx, "selfie", "pub-k", noon)
	must(t, err)
	bare := key
	bare.Credentials = nil
	var protocols []string
	for _, c := range key.Credentials {
		protocols = append(protocols, c.Protocol)
	}
	slices.Sort(protocols)
	wantEqual(t, got, store.ValidCredential{Credential: key.Credentials[1], Key: bare, Account: a, Protocols: protocols})
	for _, missing := range [][2]string{{"selfie", "pub-x"}, {"nothing", "pub-k"}, {"selfie", ""}, {"selfie", "pub-_"},
		{"selfie", "' OR 1=1 --"}, {"selfie", "pub-k\x00"}, {"selfie", "\xff"}} {
		_, err := one.FindCredential(ctx, missing[0], missing[1], noon)
		wantError(t, err, store.ErrNotFound)
	}
	must(t, one.RevokeKey(ctx, "k", noon))
	_, err = other.FindCredential(ctx, "selfie", "pub-k", noon)
	wantError(t, err, store.ErrNotFound)
}

// A key ends at its expiry by itself, and is bound to its networks.
func keyLimits(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	key := aKey("k", "a")
	key.Expires = noon.Add(time.Hour)
	key.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	must(t, one.AddKey(ctx, key))
	all, err := other.Keys(ctx)
	must(t, err)
	wantEqual(t, all, []store.Key{key})
	got, err := other.FindCredential(ctx, "lips", "pub-k", key.Expires.Add(-time.Millisecond))
	must(t, err)
	wantEqual(t, got.Key.Networks, key.Networks)
	_, err = other.FindCredential(ctx, "lips", "pub-k", key.Expires)
	wantError(t, err, store.ErrNotFound)
}

func rate(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	addAccount(t, one, anAccount("b"))
	count := func(s store.Store, account string, at time.Time) error { return s.CountRequest(ctx, account, at, 2) }
	must(t, count(one, "a", noon))
	must(t, count(other, "a", noon.Add(999*time.Millisecond)))
	wantError(t, count(one, "a", noon.Add(500*time.Millisecond)), store.ErrRate)
	must(t, count(one, "b", noon))
	must(t, count(one, "a", noon.Add(time.Second)))
	// A replica whose clock is a little behind counts in the same second.
	must(t, count(one, "a", noon))
	wantError(t, count(one, "a", noon), store.ErrRate)
	// A clock that was set back does not lock the account out.
	must(t, count(one, "a", noon.Add(-time.Hour)))
	wantError(t, one.CountRequest(ctx, "nobody", noon, 2), store.ErrNotFound)
}

func rateConcurrent(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	count, strange := runConcurrently(40, one, other, func(_ int, s store.Store) error {
		return s.CountRequest(ctx, "a", noon, 15)
	}, store.ErrRate)
	must(t, strange)
	wantEqual(t, count[nil], 15)
}

func transactions(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	addAccount(t, one, anAccount("b"))
	want := aTransaction("t", "a")
	must(t, one.AddTransaction(ctx, want))
	got, err := other.Transaction(ctx, "a", "t")
	must(t, err)
	wantEqual(t, got, want)
	for _, missing := range [][2]string{{"b", "t"}, {"a", "x"}, {"a", ""}} {
		_, err := one.Transaction(ctx, missing[0], missing[1])
		wantError(t, err, store.ErrNotFound)
	}
	// Another account's record does not reach it.
	wantError(t, one.Settle(ctx, aRecord("r", "b", "t")), store.ErrNotOpen)
	wantError(t, one.UseTry(ctx, aRecord("r", "b", "t")), store.ErrNotOpen)

	n, err := one.DeleteTransactions(ctx, want.Expires)
	must(t, err)
	wantEqual(t, n, int64(0))
	n, err = one.DeleteTransactions(ctx, want.Expires.Add(time.Millisecond))
	must(t, err)
	wantEqual(t, n, int64(1))
	_, err = other.Transaction(ctx, "a", "t")
	wantError(t, err, store.ErrNotFound)
}

func settleOnce(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	must(t, one.AddTransaction(ctx, aTransaction("t", "a")))
	unscored := aRecord("r", "a", "t")
	unscored.Score = nil
	if one.Settle(ctx, unscored) == nil {
		t.Fatal("settled without a score")
	}
	var winner int
	count, strange := runConcurrently(24, one, other, func(i int, s store.Store) error {
		r := aRecord(fmt.Sprint("r", i), "a", "t")
		*r.Score = float64(i) / 100
		err := s.Settle(ctx, r)
		if err == nil {
			winner = i
		}
		return err
	}, store.ErrNotOpen)
	must(t, strange)
	wantEqual(t, count[nil], 1)
	got, err := other.Transaction(ctx, "a", "t")
	must(t, err)
	want := aTransaction("t", "a")
	want.Spent, want.Score = noon, float64(winner)/100
	wantEqual(t, got, want)
	kept, err := one.Records(ctx, "a", 100)
	must(t, err)
	wantEqual(t, len(kept), 1)
	wantEqual(t, kept[0].ID, fmt.Sprint("r", winner))
	wantError(t, one.UseTry(ctx, aRecord("late", "a", "t")), store.ErrNotOpen)
}

func tries(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	must(t, one.AddTransaction(ctx, aTransaction("t", "a")))
	count, strange := runConcurrently(24, one, other, func(i int, s store.Store) error {
		return s.UseTry(ctx, aRecord(fmt.Sprint("r", i), "a", "t"))
	}, store.ErrNotOpen)
	must(t, strange)
	wantEqual(t, count[nil], 3)
	got, err := one.Transaction(ctx, "a", "t")
	must(t, err)
	wantEqual(t, got.TriesLeft, 0)
	kept, err := other.Records(ctx, "a", 100)
	must(t, err)
	wantEqual(t, len(kept), 3)
	wantError(t, one.Settle(ctx, aRecord("late", "a", "t")), store.ErrNotOpen)
}

func settleAgainstTries(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	for round := range 10 {
		id := fmt.Sprint("t", round)
		must(t, one.AddTransaction(ctx, aTransaction(id, "a")))
		count, strange := runConcurrently(8, one, other, func(i int, s store.Store) error {
			r := aRecord(fmt.Sprint(id, "r", i), "a", id)
			if i < 4 {
				return s.UseTry(ctx, r)
			}
			return s.Settle(ctx, r)
		}, store.ErrNotOpen)
		must(t, strange)
		got, err := one.Transaction(ctx, "a", id)
		must(t, err)
		settled := 0
		if !got.Spent.IsZero() {
			settled = 1
		}
		wantEqual(t, count[nil], 3-got.TriesLeft+settled)
	}
}

func records(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	addAccount(t, one, anAccount("b"))
	full := aRecord("r1", "a", "t")
	full.Reason = liveness.FaceAngle
	full.Gates = []liveness.Gate{{Name: "yaw", Passed: false, Measure: 41.5, Limit: 30, Unit: "deg", Reason: liveness.FaceAngle, Took: time.Millisecond}}
	due := 0.9
	full.Digits = []liveness.Digit{{Digit: "5", Start: 1.25, End: 1.5, Fit: 0.75, Due: &due}, {Digit: "9", Start: 2, End: 2.5, Fit: 0.5}}
	full.Models = []liveness.ModelRef{{ID: "detector", Version: "1", SHA256: "00ff"}}
	bare := store.Record{ID: "r2", Account: "a", Protocol: "selfie", At: noon.Add(time.Second), Outcome: liveness.Undecided}
	must(t, one.AddRecord(ctx, full))
	must(t, one.AddRecord(ctx, bare))
	must(t, one.AddRecord(ctx, store.Record{ID: "r3", Account: "b", At: noon}))
	wantError(t, one.AddRecord(ctx, bare), store.ErrExists)
	wantError(t, one.AddRecord(ctx, store.Record{ID: "r4", Account: "nobody", At: noon}), store.ErrNotFound)

	got, err := other.Records(ctx, "a", 10)
	must(t, err)
	wantEqual(t, got, []store.Record{bare, full})
	got, err = other.Records(ctx, "a", 1)
	must(t, err)
	wantEqual(t, got, []store.Record{bare})
	usage, err := other.Usage(ctx, "a", noon, noon.Add(24*time.Hour))
	must(t, err)
	wantEqual(t, usage, []store.Usage{{Day: "2026-03-14", Protocol: "lips", Checks: 1}, {Day: "2026-03-14", Protocol: "selfie", Checks: 1}})
}

func findRecords(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	addAccount(t, one, anAccount("b"))
	keep := func(id, account, transaction string, at time.Duration, change func(*store.Record)) store.Record {
		r := aRecord(id, account, transaction)
		r.At = noon.Add(at)
		change(&r)
		must(t, one.AddRecord(ctx, r))
		return r
	}
	first := keep("r1", "a", "t", 0, func(r *store.Record) {})
	second := keep("r2", "b", "t2", time.Second, func(r *store.Record) { r.Outcome = liveness.Attack })
	third := keep("r3", "a", "t", 2*time.Second, func(r *store.Record) { r.Outcome, r.Reason = liveness.Undecided, liveness.FaceAngle })
	fourth := keep("r4", "b", "", 3*time.Second, func(r *store.Record) { r.Protocol = "selfie" })
	for name, c := range map[string]struct {
		filter store.Filter
		want   []store.Record
	}{
		"all":         {store.Filter{Limit: 9}, []store.Record{fourth, third, second, first}},
		"limit":       {store.Filter{Limit: 2}, []store.Record{fourth, third}},
		"none":        {store.Filter{}, nil},
		"account":     {store.Filter{Account: "b", Limit: 9}, []store.Record{fourth, second}},
		"transaction": {store.Filter{Transaction: "t", Limit: 1}, []store.Record{third}},
		"protocol":    {store.Filter{Protocol: "selfie", Limit: 9}, []store.Record{fourth}},
		"outcome":     {store.Filter{Outcome: liveness.Attack, Limit: 9}, []store.Record{second}},
		"reason":      {store.Filter{Reason: liveness.FaceAngle, Limit: 9}, []store.Record{third}},
		"time":        {store.Filter{From: noon.Add(time.Second), To: noon.Add(3 * time.Second), Limit: 9}, []store.Record{third, second}},
		"both":        {store.Filter{Account: "a", Outcome: liveness.Attack, Limit: 9}, nil},
		"hostile":     {store.Filter{Account: "' OR 1=1 --", Limit: 9}, nil},
	} {
		got, err := other.FindRecords(ctx, c.filter)
		must(t, err)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v\nwant %+v", name, got, c.want)
		}
	}
}

func aToken(text, account string) store.CaptureToken {
	return store.CaptureToken{Hash: sha256.Sum256([]byte(text)), Account: account, Transaction: "t", Created: noon, Expires: noon.Add(time.Minute)}
}

func captureTokens(t *testing.T, one, other store.Store) {
	a := addAccount(t, one, anAccount("a"))
	threshold := 0.6
	want := aToken("x", "a")
	want.Threshold = &threshold
	must(t, one.AddCaptureToken(ctx, want))
	wantError(t, other.AddCaptureToken(ctx, want), store.ErrExists)
	wantError(t, one.AddCaptureToken(ctx, aToken("y", "nobody")), store.ErrNotFound)
	got, owner, err := other.CaptureToken(ctx, want.Hash)
	must(t, err)
	wantEqual(t, got, want)
	wantEqual(t, owner, a)
	bare := aToken("z", "a")
	bare.Expires = noon.Add(time.Hour)
	must(t, one.AddCaptureToken(ctx, bare))
	got, _, err = other.CaptureToken(ctx, bare.Hash)
	must(t, err)
	wantEqual(t, got, bare)
	_, _, err = one.CaptureToken(ctx, sha256.Sum256([]byte("other")))
	wantError(t, err, store.ErrNotFound)

	n, err := one.DeleteCaptureTokens(ctx, want.Expires)
	must(t, err)
	wantEqual(t, n, int64(0))
	n, err = other.DeleteCaptureTokens(ctx, want.Expires.Add(time.Millisecond))
	must(t, err)
	wantEqual(t, n, int64(1))
	_, _, err = one.CaptureToken(ctx, want.Hash)
	wantError(t, err, store.ErrNotFound)
}

func captureTokenOnce(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	token := aToken("x", "a")
	must(t, one.AddCaptureToken(ctx, token))
	count, strange := runConcurrently(24, one, other, func(_ int, s store.Store) error {
		return s.UseCaptureToken(ctx, token.Hash)
	}, store.ErrNotFound)
	must(t, strange)
	wantEqual(t, count[nil], 1)
	_, _, err := one.CaptureToken(ctx, token.Hash)
	wantError(t, err, store.ErrNotFound)
}

func retention(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	addAccount(t, one, anAccount("b"))
	for i := range 5 {
		for _, account := range []string{"a", "b"} {
			r := aRecord(fmt.Sprint(account, i), account, "")
			r.At = noon.Add(time.Duration(i) * time.Hour)
			must(t, one.AddRecord(ctx, r))
		}
	}
	n, err := other.DeleteRecords(ctx, "a", noon.Add(3*time.Hour))
	must(t, err)
	wantEqual(t, n, int64(3))
	left, err := one.Records(ctx, "a", 10)
	must(t, err)
	wantEqual(t, []string{left[0].ID, left[1].ID}, []string{"a4", "a3"})
	left, err = one.Records(ctx, "b", 10)
	must(t, err)
	wantEqual(t, len(left), 5)
	usage, err := one.Usage(ctx, "a", noon, noon.Add(24*time.Hour))
	must(t, err)
	wantEqual(t, usage, []store.Usage{{Day: "2026-03-14", Protocol: "lips", Checks: 5}})
}

func quota(t *testing.T, one, other store.Store) {
	a := anAccount("a")
	a.MonthlyQuota = 7
	addAccount(t, one, a)
	addAccount(t, one, anAccount("b"))
	last := time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC)
	must(t, one.AddRecord(ctx, aRecord("early", "a", "")))
	count, strange := runConcurrently(30, one, other, func(i int, s store.Store) error {
		r := aRecord(fmt.Sprint("r", i), "a", "")
		r.At = last
		return s.AddRecord(ctx, r)
	}, store.ErrQuota)
	must(t, strange)
	wantEqual(t, count[nil], 6)
	kept, err := one.Records(ctx, "a", 100)
	must(t, err)
	wantEqual(t, len(kept), 7)

	must(t, one.AddRecord(ctx, aRecord("other account", "b", "")))
	next := aRecord("next month", "a", "")
	next.At = last.Add(time.Second)
	must(t, one.AddRecord(ctx, next))
}

func quotaKeepsOpen(t *testing.T, one, _ store.Store) {
	a := anAccount("a")
	a.MonthlyQuota = 1
	addAccount(t, one, a)
	must(t, one.AddTransaction(ctx, aTransaction("t", "a")))
	must(t, one.UseTry(ctx, aRecord("r1", "a", "t")))
	wantError(t, one.UseTry(ctx, aRecord("r2", "a", "t")), store.ErrQuota)
	wantError(t, one.Settle(ctx, aRecord("r3", "a", "t")), store.ErrQuota)
	got, err := one.Transaction(ctx, "a", "t")
	must(t, err)
	want := aTransaction("t", "a")
	want.TriesLeft = 2
	wantEqual(t, got, want)
}

func ping(t *testing.T, one, _ store.Store) {
	must(t, one.Ping(ctx))
	late, stop := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer stop()
	if one.Ping(late) == nil {
		t.Fatal("answered after its deadline")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if one.Ping(ended) == nil {
		t.Fatal("answered after its context ended")
	}
}

// A record that is there already changes nothing, whatever it comes with.
func recordTwice(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	must(t, one.AddTransaction(ctx, aTransaction("t", "a")))
	must(t, one.UseTry(ctx, aRecord("r1", "a", "t")))
	wantError(t, other.UseTry(ctx, aRecord("r1", "a", "t")), store.ErrExists)
	must(t, one.Settle(ctx, aRecord("r2", "a", "t")))
	wantError(t, other.Settle(ctx, aRecord("r2", "a", "t")), store.ErrExists)
	wantError(t, other.AddRecord(ctx, aRecord("r2", "a", "t")), store.ErrExists)
	got, err := one.Transaction(ctx, "a", "t")
	must(t, err)
	wantEqual(t, got.TriesLeft, 2)
	usage, err := one.Usage(ctx, "a", noon, noon.AddDate(0, 0, 1))
	must(t, err)
	wantEqual(t, usage, []store.Usage{{Day: "2026-03-14", Protocol: "lips", Checks: 2}})
}

// A store that goes away for a moment, or does what it is asked and cannot say so, loses and doubles nothing.
func retryUntilStored(t *testing.T, one, _ store.Store) {
	addAccount(t, one, anAccount("a"))
	must(t, one.AddTransaction(ctx, aTransaction("t", "a")))
	tries := 0
	must(t, store.RetryUntilStored(ctx, func(ctx context.Context) error {
		if tries++; tries == 1 {
			return store.ErrUnavailable
		}
		err := one.UseTry(ctx, aRecord("r", "a", "t"))
		if tries == 2 && err == nil {
			return store.ErrUnavailable // the answer is lost
		}
		return err
	}))
	wantEqual(t, tries, 3)
	got, err := one.Transaction(ctx, "a", "t")
	must(t, err)
	wantEqual(t, got.TriesLeft, 2)
	wantError(t, store.RetryUntilStored(ctx, func(ctx context.Context) error { return one.UseTry(ctx, aRecord("r", "a", "t")) }), store.ErrExists)
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	wantError(t, store.RetryUntilStored(short, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), store.ErrUnavailable)
}

// What a client names may be any bytes.
func hostileText(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	for i, text := range []string{"a\x00b", "\xff\xfe", "'; DROP TABLE records; --", "$1", "\u202e\U0001f600", strings.Repeat("x", 100_000)} {
		_, err := one.Transaction(ctx, "a", text)
		wantError(t, err, store.ErrNotFound)
		_, err = one.AccountByName(ctx, text)
		wantError(t, err, store.ErrNotFound)
		wantError(t, one.RevokeKey(ctx, text, noon), store.ErrNotFound)
		r := aRecord(fmt.Sprint("r", i), "a", "")
		r.Subject = text
		must(t, one.AddRecord(ctx, r))
		erased, err := other.Erase(ctx, "a", store.Reference{Session: text})
		must(t, err)
		wantEqual(t, erased, store.Erased{Records: 1})
	}
}

func erase(t *testing.T, one, other store.Store) {
	for _, account := range []string{"a", "b"} {
		addAccount(t, one, anAccount(account))
		for _, id := range []string{"1", "2"} {
			transaction := account + "t" + id
			must(t, one.AddTransaction(ctx, aTransaction(transaction, account)))
			must(t, one.UseTry(ctx, aRecord(account+"try"+id, account, transaction)))
			r := aRecord(account+"r"+id, account, "")
			r.Subject = "session " + id
			must(t, one.AddRecord(ctx, r))
		}
	}
	token := aToken("x", "a")
	token.Transaction = "at1"
	must(t, one.AddCaptureToken(ctx, token))
	for reference, want := range map[store.Reference]store.Erased{
		{Transaction: "at1"}:       {Records: 1, Transactions: 1},
		{Session: "session 1"}:     {Records: 1},
		{Request: "atry2"}:         {Records: 1},
		{Session: "no such"}:       {},
		{Transaction: "bt1"}:       {},
		{Request: "br1"}:           {},
		{Session: "' OR 1=1 --"}:   {},
		{Transaction: "%"}:         {},
		{Request: "\x00"}:          {},
		{Session: "session 1\x00"}: {},
	} {
		got, err := other.Erase(ctx, "a", reference)
		must(t, err)
		if got != want {
			t.Errorf("%+v: %+v, want %+v", reference, got, want)
		}
	}
	if _, err := one.Erase(ctx, "a", store.Reference{}); err == nil {
		t.Error("erased without a reference")
	}
	left, err := one.Records(ctx, "a", 10)
	must(t, err)
	wantEqual(t, len(left), 1)
	wantEqual(t, left[0].ID, "ar2")
	left, err = one.Records(ctx, "b", 10)
	must(t, err)
	wantEqual(t, len(left), 4)
	_, err = one.Transaction(ctx, "a", "at1")
	wantError(t, err, store.ErrNotFound)
	_, _, err = one.CaptureToken(ctx, token.Hash)
	wantError(t, err, store.ErrNotFound)
	// A check that ran meanwhile keeps nothing of it.
	wantError(t, one.Settle(ctx, aRecord("late", "a", "at1")), store.ErrNotOpen)
	_, err = one.Transaction(ctx, "a", "at2")
	must(t, err)
	usage, err := one.Usage(ctx, "a", noon, noon.AddDate(0, 0, 1))
	must(t, err)
	wantEqual(t, usage, []store.Usage{{Day: "2026-03-14", Protocol: "lips", Checks: 4}})
}

func rollUp(t *testing.T, one, other store.Store) {
	addAccount(t, one, anAccount("a"))
	addAccount(t, one, anAccount("b"))
	keep := func(account, protocol, day string) {
		at, err := time.Parse(time.DateOnly, day)
		must(t, err)
		r := aRecord(account+protocol+day, account, "")
		r.Protocol, r.At = protocol, at
		must(t, one.AddRecord(ctx, r))
	}
	for _, day := range []string{"2026-01-01", "2026-01-02", "2026-01-31", "2026-02-03", "2026-03-01", "2026-03-02"} {
		keep("a", "lips", day)
	}
	keep("a", "selfie", "2026-01-20")
	keep("b", "lips", "2026-01-31")
	for round, want := range []int64{5, 0} { // the second time finds nothing to do
		n, err := other.RollUp(ctx, noon)
		must(t, err)
		if n != want {
			t.Errorf("round %d: %d days, want %d", round, n, want)
		}
	}
	usage, err := one.Usage(ctx, "a", noon.AddDate(-1, 0, 0), noon)
	must(t, err)
	wantEqual(t, usage, []store.Usage{{Day: "2026-01-01", Protocol: "lips", Checks: 3}, {Day: "2026-01-01", Protocol: "selfie", Checks: 1},
		{Day: "2026-02-01", Protocol: "lips", Checks: 1}, {Day: "2026-03-01", Protocol: "lips", Checks: 1}, {Day: "2026-03-02", Protocol: "lips", Checks: 1}})
	usage, err = one.Usage(ctx, "b", noon.AddDate(-1, 0, 0), noon)
	must(t, err)
	wantEqual(t, usage, []store.Usage{{Day: "2026-01-01", Protocol: "lips", Checks: 1}})
}

// A task runs once for all processes, also for those that come later; one that fails is retried.
func repeat(t *testing.T, one, other store.Store) {
	done := &counter{}
	tasks := []store.Task{
		{Name: "steady", Every: 24 * time.Hour, Do: func(context.Context) error { done.add("steady"); return nil }},
		{Name: "failing", Every: 24 * time.Hour, Do: func(context.Context) error {
			if done.add("failing") == 1 {
				return errors.New("the first time fails")
			}
			return nil
		}},
	}
	log := slog.New(slog.DiscardHandler)
	stopOne, stopOther := one.RunTasks(ctx, log, tasks...), other.RunTasks(ctx, log, tasks...)
	await(t, func() bool { return done.count("steady") >= 1 && done.count("failing") >= 2 })
	stopOne() // whichever ran the tasks, neither the other nor the next comer may run them again
	last := store.Task{Name: "last", Every: time.Hour, Do: func(context.Context) error { done.add("last"); return nil }}
	stopNext := one.RunTasks(ctx, log, append(tasks, last)...) // after both others, so they were looked at
	await(t, func() bool { return done.count("last") >= 1 })
	stopNext()
	stopOther()
	wantEqual(t, done.all(), map[string]int{"steady": 1, "failing": 2, "last": 1})
}

// Two processes run a task once per period together: in n periods it begins n+1 times at most, and runs never overlap.
func repeatOnce(t *testing.T, one, other store.Store) {
	const period = 200 * time.Millisecond
	var running, overlaps atomic.Int64
	done := &counter{}
	task := store.Task{Name: "frequent", Every: period, Do: func(context.Context) error {
		if running.Add(1) > 1 {
			overlaps.Add(1)
		}
		defer running.Add(-1)
		done.add("frequent")
		return nil
	}}
	log := slog.New(slog.DiscardHandler)
	began := time.Now().Truncate(time.Millisecond)
	stopOne, stopOther := one.RunTasks(ctx, log, task), other.RunTasks(ctx, log, task)
	await(t, func() bool { return done.count("frequent") >= 8 })
	stopOne()
	stopOther()
	if n, most := done.count("frequent"), int(time.Since(began)/period)+1; n > most || overlaps.Load() > 0 {
		t.Errorf("%d runs of %d at most; %d began during another", n, most, overlaps.Load())
	}
}

// await waits until a condition holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within a minute")
		}
	}
}

// counter counts by name, for several goroutines.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) add(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
	return c.n[name]
}

func (c *counter) count(name string) int { return c.all()[name] }

func (c *counter) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}
