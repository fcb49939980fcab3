package relational

import (
	"context"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// AddCaptureToken implements store.CaptureTokens.
func (s *Store) AddCaptureToken(ctx context.Context, t store.CaptureToken) error {
	_, err := s.execute(ctx, `INSERT INTO capture_tokens (hash, account, transaction_id, threshold, created, expires)
		VALUES ($1, $2, $3, $4, $5, $6)`, t.Hash[:], t.Account, t.Transaction, t.Threshold, toMillis(t.Created), toMillis(t.Expires))
	return err
}

// CaptureToken implements store.CaptureTokens.
func (s *Store) CaptureToken(ctx context.Context, hash [32]byte) (store.CaptureToken, store.Account, error) {
	t := store.CaptureToken{Hash: hash}
	var a accountRow
	var created, expires int64
	fields := append([]any{&t.Transaction, &t.Threshold, &created, &expires}, a.fields()...)
	err := s.queryRow(ctx, fields, "SELECT t.transaction_id, t.threshold, t.created, t.expires, "+accountColumns+`
		FROM capture_tokens t JOIN accounts a ON a.id = t.account WHERE t.hash = $1`, hash[:])
	if err != nil {
		return store.CaptureToken{}, store.Account{}, err
	}
	t.Account, t.Created, t.Expires = a.ID, fromMillis(created), fromMillis(expires)
	return t, a.account(), nil
}

// UseCaptureToken implements store.CaptureTokens.
func (s *Store) UseCaptureToken(ctx context.Context, hash [32]byte) error {
	n, err := s.execute(ctx, "DELETE FROM capture_tokens WHERE hash = $1", hash[:])
	return requireChange(n, err, store.ErrNotFound)
}

// DeleteCaptureTokens implements store.CaptureTokens.
func (s *Store) DeleteCaptureTokens(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteAll(ctx, "DELETE FROM capture_tokens WHERE hash IN (SELECT hash FROM capture_tokens WHERE expires < $1 LIMIT 1000)",
		toMillis(before))
}
