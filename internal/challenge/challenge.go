// Package challenge creates transactions with random phrases, counts their tries and settles each once. It does not check
// recordings.
//
// A transaction has no state in memory. Each change is one compare-and-set in the store before its reply leaves. After a crash at
// any moment the transaction is open with the same tries, used with its score, or has one try fewer.
package challenge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/liveness"
)

// The ways in which a transaction takes no recording. ErrUnknown also stands for another account's transaction; the
// others are told only to the account that it belongs to.
var (
	ErrUnknown = errors.New("transaction is unknown")
	ErrExpired = errors.New("transaction is expired")
	ErrSettled = errors.New("transaction is spent")
	ErrUsedUp  = errors.New("transaction has no tries left")
)

// Store is what this package needs of the store.
type Store = store.Transactions

// Transaction is one challenge.
type Transaction = store.Transaction

// Config shapes the transactions. A zero field has its default.
type Config struct {
	// Digits is the length of a phrase, 4 to 12; default 6.
	Digits int
	// Life is how long a transaction waits for its recording; default 5 minutes.
	Life time.Duration
	// Tries is how many recordings may end in a user error; default 3.
	Tries int
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Challenges gives out transactions and takes recordings for them.
type Challenges struct {
	store  Store
	config Config
}

// New returns the challenges on the store, or says what of the config is wrong.
func New(s Store, c Config) (*Challenges, error) {
	if c.Digits == 0 {
		c.Digits = 6
	}
	if c.Life == 0 {
		c.Life = 5 * time.Minute
	}
	if c.Tries == 0 {
		c.Tries = 3
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Digits < 4 || c.Digits > 12 {
		return nil, fmt.Errorf("a challenge phrase of %d digits: give 4 to 12", c.Digits)
	}
	if c.Life < 0 || c.Tries < 0 {
		return nil, fmt.Errorf("a challenge with a life of %v and %d tries: give more than 0", c.Life, c.Tries)
	}
	return &Challenges{store: s, config: c}, nil
}

// Create opens a transaction with a new phrase for the account.
func (c *Challenges) Create(ctx context.Context, account string) (Transaction, error) {
	return c.create(ctx, account, randomPhrase(c.config.Digits))
}

// CreatePicture opens a transaction that waits for a picture: it has no phrase.
func (c *Challenges) CreatePicture(ctx context.Context, account string) (Transaction, error) {
	return c.create(ctx, account, "")
}

func (c *Challenges) create(ctx context.Context, account, phrase string) (Transaction, error) {
	now := c.config.Now()
	t := Transaction{
		ID: uuid.NewString(), Account: account, Phrase: phrase,
		Created: now, Expires: now.Add(c.config.Life), TriesLeft: c.config.Tries,
	}
	return t, c.store.AddTransaction(ctx, t)
}

// randomPhrase returns a random string of so many digits with enough different ones, each equally likely. A phrase that repeats
// its digits accepts other phrases more often (docs/decisions/phrases.md). Of six digits four must differ, which leaves 932,400
// phrases.
func randomPhrase(digits int) string {
	all := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	for {
		n, err := rand.Int(rand.Reader, all)
		if err != nil {
			panic(err) // the system's random source never fails: it ends the program instead
		}
		if drawn := fmt.Sprintf("%0*d", digits, n); countDistinct(drawn) >= min(digits-2, 4) {
			return drawn
		}
	}
}

// countDistinct counts the different digits of a phrase.
func countDistinct(phrase string) int {
	seen := map[rune]bool{}
	for _, digit := range phrase {
		seen[digit] = true
	}
	return len(seen)
}

// FindOpenPhrase returns the account's transaction if a recording may be checked for it. It changes nothing: until Settle or Fail
// the transaction stays as it is. With ErrExpired, ErrSettled and ErrUsedUp it returns the transaction too. One that waits
// for a picture is unknown here.
func (c *Challenges) FindOpenPhrase(ctx context.Context, account, id string) (Transaction, error) {
	t, err := c.FindOpen(ctx, account, id)
	if t.Phrase == "" && t.ID != "" {
		return Transaction{}, ErrUnknown
	}
	return t, err
}

// FindOpen returns FindOpenPhrase for transactions of both kinds.
func (c *Challenges) FindOpen(ctx context.Context, account, id string) (Transaction, error) {
	t, err := c.store.Transaction(ctx, account, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Transaction{}, ErrUnknown
	case err != nil:
		return Transaction{}, err
	case !t.Spent.IsZero():
		return t, ErrSettled
	case t.TriesLeft <= 0:
		return t, ErrUsedUp
	case !c.config.Now().Before(t.Expires):
		return t, ErrExpired
	}
	return t, nil
}

// Check names the check of one recording.
type Check struct {
	// ID is the request's, unique.
	ID       string
	Protocol string
}

// Settle spends the transaction with the verdict's score and keeps the verdict's record. Of several concurrent recordings one
// succeeds. For the others Settle fails with ErrSettled, or ErrUsedUp if failed ones have used up the tries. Their verdict must
// not be sent. It fails with store.ErrQuota where the account's checks of the month are used up; then the transaction stays open.
//
// Neither Settle nor Fail ends because the client is gone: who hangs up in time shall not save a try. Neither looks at
// the expiry again: it is the recording's arrival that must be in time, not the end of its check.
func (c *Challenges) Settle(ctx context.Context, t Transaction, check Check, v liveness.Verdict) error {
	return c.change(ctx, t, check, v, c.store.Settle)
}

// UseTry uses up one try and keeps the verdict's record. Where recordings at the same time have used up the last try or
// spent the transaction it fails as Settle does.
func (c *Challenges) UseTry(ctx context.Context, t Transaction, check Check, v liveness.Verdict) error {
	return c.change(ctx, t, check, v, c.store.UseTry)
}

// settleTimeout bounds how long a result waits for the store.
const settleTimeout = 10 * time.Second

func (c *Challenges) change(ctx context.Context, t Transaction, check Check, v liveness.Verdict, set func(context.Context, store.Record) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	r := store.NewRecord(v)
	r.ID, r.Protocol, r.Account, r.Transaction, r.At = check.ID, check.Protocol, t.Account, t.ID, c.config.Now()
	err := store.RetryUntilStored(ctx, func(ctx context.Context) error { return set(ctx, r) })
	if !errors.Is(err, store.ErrNotOpen) {
		return err
	}
	if _, err := c.FindOpen(ctx, t.Account, t.ID); err != nil {
		return err
	}
	return ErrSettled
}

// expiredLife is how long an expired transaction can still be told from an unknown one.
const expiredLife = 24 * time.Hour

// Sweep forgets transactions that expired a day ago and says how many. The app calls it from time to time.
func (c *Challenges) Sweep(ctx context.Context) (int64, error) {
	return c.store.DeleteTransactions(ctx, c.config.Now().Add(-expiredLife))
}
