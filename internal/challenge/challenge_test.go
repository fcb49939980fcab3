package challenge

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
	"github.com/bonafide-id/bonafide/liveness"
)

const owner, stranger = "owner", "stranger"

// rig is challenges on a real store with a clock that the test sets.
type rig struct {
	*Challenges
	store *sqlite.Store
	now   time.Time
	ids   int
}

func newRig(t *testing.T, c Config) *rig {
	t.Helper()
	r := &rig{store: openStore(t, t.TempDir()), now: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)}
	c.Now = func() time.Time { return r.now }
	var err error
	if r.Challenges, err = New(r.store, c); err != nil {
		t.Fatal(err)
	}
	return r
}

func openStore(t *testing.T, folder string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), folder, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	addAccounts(t, s)
	return s
}

func addAccounts(t *testing.T, s store.Store) {
	t.Helper()
	for _, name := range []string{owner, stranger} {
		err := s.AddAccount(context.Background(), store.Account{ID: name, Name: name, Created: time.Now(), Settings: []byte("{}")})
		if err != nil && !errors.Is(err, store.ErrExists) {
			t.Fatal(err)
		}
	}
}

func TestAPictureTransactionAcceptsNoRecording(t *testing.T) {
	r := newRig(t, Config{})
	picture, err := r.CreatePicture(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.FindOpenPhrase(t.Context(), owner, picture.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("a recording for a picture's transaction: %v", err)
	}
	if got, err := r.FindOpen(t.Context(), owner, picture.ID); err != nil || got != picture {
		t.Errorf("transaction %+v, error %v", got, err)
	}
	if got, err := r.FindOpen(t.Context(), owner, r.create(t).ID); err != nil || got.Phrase == "" {
		t.Errorf("transaction %+v, error %v", got, err)
	}
	if _, err := r.FindOpen(t.Context(), stranger, picture.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("a stranger's transaction: %v", err)
	}
}

func (r *rig) create(t *testing.T) Transaction {
	t.Helper()
	tx, err := r.Create(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func (r *rig) check() Check {
	r.ids++
	return Check{ID: fmt.Sprint("check ", r.ids), Protocol: "lipsecure"}
}

func (r *rig) wantOpen(t *testing.T, account, id string, want error) {
	t.Helper()
	if _, err := r.FindOpenPhrase(t.Context(), account, id); !errors.Is(err, want) {
		t.Fatalf("take: error %v, want %v", err, want)
	}
}

func wants(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func verdictWith(score float64) liveness.Verdict {
	s := liveness.Score(score)
	return liveness.Verdict{Outcome: liveness.Live, Score: &s, Threshold: 0.5}
}

var tooShort = liveness.Verdict{Outcome: liveness.Undecided, Reason: liveness.VideoTooShort}

func TestATransactionIsScoredOnce(t *testing.T) {
	r := newRig(t, Config{})
	tx := r.create(t)
	if id, err := uuid.Parse(tx.ID); err != nil || id.Version() != 4 {
		t.Errorf("transaction %s is no version 4 UUID", tx.ID)
	}
	r.wantOpen(t, owner, tx.ID, nil)
	wants(t, r.Settle(t.Context(), tx, r.check(), verdictWith(0.9)), nil)
	r.wantOpen(t, owner, tx.ID, ErrSettled)
	wants(t, r.Settle(t.Context(), tx, r.check(), verdictWith(0.1)), ErrSettled)
	wants(t, r.UseTry(t.Context(), tx, r.check(), tooShort), ErrSettled)
	got, err := r.FindOpenPhrase(t.Context(), owner, tx.ID)
	wants(t, err, ErrSettled)
	if got.Score != 0.9 || got.TriesLeft != 3 || got.Phrase != tx.Phrase {
		t.Errorf("transaction %+v", got)
	}
	kept, err := r.store.Records(t.Context(), owner, 10)
	if err != nil || len(kept) != 1 || *kept[0].Score != 0.9 || kept[0].Transaction != tx.ID {
		t.Errorf("records %+v, %v", kept, err)
	}
}

func TestUserErrorsUseUpTries(t *testing.T) {
	r := newRig(t, Config{Tries: 2})
	tx := r.create(t)
	wants(t, r.UseTry(t.Context(), tx, r.check(), tooShort), nil)
	r.wantOpen(t, owner, tx.ID, nil)
	wants(t, r.UseTry(t.Context(), tx, r.check(), tooShort), nil)
	r.wantOpen(t, owner, tx.ID, ErrUsedUp)
	wants(t, r.UseTry(t.Context(), tx, r.check(), tooShort), ErrUsedUp)
	wants(t, r.Settle(t.Context(), tx, r.check(), verdictWith(1)), ErrUsedUp)
}

func TestATransactionExpires(t *testing.T) {
	r := newRig(t, Config{Life: time.Minute})
	tx, late := r.create(t), r.create(t)
	r.now = r.now.Add(time.Minute - time.Millisecond)
	r.wantOpen(t, owner, tx.ID, nil)
	r.now = r.now.Add(time.Millisecond)
	r.wantOpen(t, owner, tx.ID, ErrExpired)
	// The recording arrived in time; its check may take longer.
	wants(t, r.Settle(t.Context(), late, r.check(), verdictWith(0.9)), nil)
	r.wantOpen(t, owner, late.ID, ErrSettled)

	n, err := r.Sweep(t.Context())
	if err != nil || n != 0 {
		t.Fatalf("swept %d, %v", n, err)
	}
	r.now = r.now.Add(24*time.Hour + time.Millisecond)
	if n, err = r.Sweep(t.Context()); err != nil || n != 2 {
		t.Fatalf("swept %d, %v", n, err)
	}
	r.wantOpen(t, owner, tx.ID, ErrUnknown)
}

func TestAForeignTransactionIsAsGoodAsNone(t *testing.T) {
	r := newRig(t, Config{})
	tx := r.create(t)
	foreign, err1 := r.FindOpenPhrase(t.Context(), stranger, tx.ID)
	unknown, err2 := r.FindOpenPhrase(t.Context(), stranger, uuid.NewString())
	if err1 != ErrUnknown || err2 != ErrUnknown || foreign != unknown {
		t.Errorf("foreign: %+v, %v; unknown: %+v, %v", foreign, err1, unknown, err2)
	}
	r.wantOpen(t, owner, "", ErrUnknown)
	tx.Account = stranger
	wants(t, r.Settle(t.Context(), tx, r.check(), verdictWith(1)), ErrUnknown)
	r.wantOpen(t, owner, tx.ID, nil)
}

func TestTheClientMayHangUp(t *testing.T) {
	r := newRig(t, Config{Tries: 1})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	tx := r.create(t)
	wants(t, r.UseTry(gone, tx, r.check(), tooShort), nil)
	r.wantOpen(t, owner, tx.ID, ErrUsedUp)
}

func TestManyConcurrentRecordings(t *testing.T) {
	r := newRig(t, Config{Tries: 3})
	for range 10 {
		tx := r.create(t)
		var mu sync.Mutex
		var settled, failed int
		var score float64
		var all sync.WaitGroup
		for i := range 16 {
			check, mine := r.check(), float64(i)/16
			all.Go(func() {
				verdict, change := verdictWith(mine), r.Settle
				if i%2 == 0 {
					verdict, change = tooShort, r.UseTry
				}
				err := change(t.Context(), tx, check, verdict)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && i%2 == 0:
					failed++
				case err == nil:
					settled, score = settled+1, mine
				case !errors.Is(err, ErrSettled) && !errors.Is(err, ErrUsedUp):
					t.Errorf("error %v", err)
				}
			})
		}
		all.Wait()
		got, err := r.FindOpenPhrase(t.Context(), owner, tx.ID)
		if err == nil || settled > 1 || failed > 3 || got.TriesLeft != 3-failed || (settled == 1) == got.Spent.IsZero() || got.Score != score {
			t.Fatalf("%d settled (score %v), %d failed, transaction %+v, error %v", settled, score, failed, got, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{{Digits: 3}, {Digits: 13}, {Digits: -6}, {Life: -1}, {Tries: -1}} {
		if _, err := New(nil, bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	r := newRig(t, Config{})
	if tx := r.create(t); len(tx.Phrase) != 6 || tx.Expires.Sub(tx.Created) != 5*time.Minute || tx.TriesLeft != 3 {
		t.Errorf("default transaction %+v", tx)
	}
}

// Every digit is as likely as any other at every place. The sum of squares over the 10 digits at one place follows the
// chi-squared distribution with 9 degrees of freedom. That is over 60 once in a billion times.
func TestNineHundredThousandPhrasesAreLeft(t *testing.T) {
	left := 0
	for n := range 1_000_000 {
		if countDistinct(fmt.Sprintf("%06d", n)) >= 4 {
			left++
		}
	}
	if left != 932_400 {
		t.Errorf("%d phrases of six digits are left", left)
	}
}

func TestPhrasesAreUniform(t *testing.T) {
	const draws = 5000
	for _, digits := range []int{4, 6, 12} {
		counts := make([][10]float64, digits)
		for range draws {
			p := randomPhrase(digits)
			if len(p) != digits || !regexp.MustCompile(`^[0-9]+$`).MatchString(p) {
				t.Fatalf("phrase %q", p)
			}
			if countDistinct(p) < min(digits-2, 4) {
				t.Fatalf("phrase %q repeats its digits too much", p)
			}
			for place, digit := range p {
				counts[place][digit-'0']++
			}
		}
		for place, count := range counts {
			var chi2 float64
			for _, n := range count {
				chi2 += (n - draws/10) * (n - draws/10) / (draws / 10)
			}
			if chi2 > 60 {
				t.Errorf("place %d of %d: chi squared %v, counts %v", place, digits, chi2, count)
			}
		}
	}
}
