package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// CaptureToken is what a capture token lets its bearer do: bring the picture or the recording of one transaction, once.
type CaptureToken struct {
	Account     Account
	Transaction string
	// Threshold is the score, 0 to 1, that a picture is compared with.
	Threshold float64
	Expires   time.Time

	// own is the token's own threshold; nil: the account's.
	own *float64
}

// captureTokenLife bounds how long a capture token lives; it never outlives its transaction.
const captureTokenLife = 10 * time.Minute

// tokenBytes is 256 bits: a token stands alone, without a name to find it by.
const tokenBytes = 32

// CreateCaptureToken makes a token for one upload of media for the account's transaction, and says until when it is good. The
// token exists only while it is shown; what is kept is its hash. A nil threshold is the account's.
func (a *Accounts) CreateCaptureToken(ctx context.Context, acct Account, t store.Transaction, threshold *float64) (token string, expires time.Time, err error) {
	token = random(tokenBytes)
	now := a.now()
	if expires = now.Add(captureTokenLife); t.Expires.Before(expires) {
		expires = t.Expires
	}
	return token, expires, a.store.AddCaptureToken(ctx, store.CaptureToken{
		Hash: sha256.Sum256([]byte(token)), Account: acct.ID, Transaction: t.ID, Threshold: threshold, Created: now, Expires: expires,
	})
}

// CaptureToken returns what the token allows, and leaves it as it is. It fails with ErrUnauthorized where the token is unknown,
// used or expired; which of them is not told.
func (a *Accounts) CaptureToken(ctx context.Context, token string) (CaptureToken, error) {
	kept, owner, err := a.store.CaptureToken(ctx, sha256.Sum256([]byte(token)))
	if errors.Is(err, store.ErrNotFound) {
		return CaptureToken{}, ErrUnauthorized
	}
	if err != nil {
		return CaptureToken{}, err
	}
	if !a.now().Before(kept.Expires) {
		return CaptureToken{}, ErrUnauthorized
	}
	acct, err := a.resolve(owner)
	return CaptureToken{
		Account: acct, Transaction: kept.Transaction, Threshold: valueOr(kept.Threshold, acct.PictureThreshold),
		Expires: kept.Expires, own: kept.Threshold,
	}, err
}

// UseCaptureToken uses the token up: of any number of calls one succeeds, the others fail with ErrUnauthorized.
func (a *Accounts) UseCaptureToken(ctx context.Context, token string) error {
	err := a.store.UseCaptureToken(ctx, sha256.Sum256([]byte(token)))
	if errors.Is(err, store.ErrNotFound) {
		return ErrUnauthorized
	}
	return err
}

// RenewCaptureToken makes another token for what a used one allowed.
func (a *Accounts) RenewCaptureToken(ctx context.Context, c CaptureToken, t store.Transaction) (token string, err error) {
	token, _, err = a.CreateCaptureToken(ctx, c.Account, t, c.own)
	return token, err
}
