package sqlite

import (
	"context"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// AddCaptureToken implements store.CaptureTokens.
func (s *Store) AddCaptureToken(ctx context.Context, t store.CaptureToken) error {
	_, err := s.writer.ExecContext(ctx, "INSERT INTO capture_tokens VALUES (?, ?, ?, ?, ?, ?)",
		t.Hash[:], t.Account, t.Transaction, t.Threshold, milliseconds(t.Created), milliseconds(t.Expires))
	return explain(err)
}

// CaptureToken implements store.CaptureTokens.
func (s *Store) CaptureToken(ctx context.Context, hash [32]byte) (store.CaptureToken, store.Account, error) {
	t := store.CaptureToken{Hash: hash}
	var a store.Account
	var created, expires int64
	fields, done := accountFields(&a)
	err := s.reader.QueryRowContext(ctx, "SELECT t.transaction_id, t.threshold, t.created, t.expires, "+accountColumns+`
		FROM capture_tokens t JOIN accounts a ON a.id = t.account WHERE t.hash = ?`, hash[:]).
		Scan(append([]any{&t.Transaction, &t.Threshold, &created, &expires}, fields...)...)
	if err != nil {
		return store.CaptureToken{}, store.Account{}, explain(err)
	}
	done()
	t.Account, t.Created, t.Expires = a.ID, moment(created), moment(expires)
	return t, a, nil
}

// UseCaptureToken implements store.CaptureTokens.
func (s *Store) UseCaptureToken(ctx context.Context, hash [32]byte) error {
	result, err := s.writer.ExecContext(ctx, "DELETE FROM capture_tokens WHERE hash = ?", hash[:])
	return explain(changed(result, err, store.ErrNotFound))
}

// DeleteCaptureTokens implements store.CaptureTokens.
func (s *Store) DeleteCaptureTokens(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteAll(ctx, "DELETE FROM capture_tokens WHERE hash IN (SELECT hash FROM capture_tokens WHERE expires < ? LIMIT 1000)",
		milliseconds(before))
}
