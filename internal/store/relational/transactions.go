package relational

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// AddTransaction implements store.Transactions.
func (s *Store) AddTransaction(ctx context.Context, t store.Transaction) error {
	_, err := s.execute(ctx, "INSERT INTO transactions (id, account, phrase, created, expires, tries_left) VALUES ($1, $2, $3, $4, $5, $6)",
		t.ID, t.Account, t.Phrase, toMillis(t.Created), toMillis(t.Expires), t.TriesLeft)
	return err
}

// Transaction implements store.Transactions.
func (s *Store) Transaction(ctx context.Context, account, id string) (store.Transaction, error) {
	t := store.Transaction{ID: id, Account: account}
	var created, expires int64
	var spent sql.NullInt64
	var score sql.NullFloat64
	err := s.queryRow(ctx, []any{&t.Phrase, &created, &expires, &t.TriesLeft, &spent, &score},
		"SELECT phrase, created, expires, tries_left, spent, score FROM transactions WHERE id = $1 AND account = $2", cleanText(id), account)
	if err != nil {
		return store.Transaction{}, err
	}
	t.Created, t.Expires, t.Spent, t.Score = fromMillis(created), fromMillis(expires), fromOptionalMillis(spent), score.Float64
	return t, nil
}

// Settle implements store.Transactions.
func (s *Store) Settle(ctx context.Context, r store.Record) error {
	if r.Score == nil {
		return errors.New("a transaction can only be settled with a score")
	}
	return s.change(ctx, r, "spent = $3, score = $4", toMillis(r.At), *r.Score)
}

// UseTry implements store.Transactions.
func (s *Store) UseTry(ctx context.Context, r store.Record) error {
	return s.change(ctx, r, "tries_left = tries_left - 1")
}

// change keeps r and updates the transaction that r names if that is open. The record comes first: one that is there
// already tells that the same change was made before.
func (s *Store) change(ctx context.Context, r store.Record, set string, args ...any) error {
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.addRecord(ctx, tx, r); err != nil {
			return err
		}
		n, err := countChanged(tx.ExecContext(ctx, "UPDATE transactions SET "+set+
			" WHERE id = $1 AND account = $2 AND spent IS NULL AND tries_left > 0", append([]any{r.Transaction, r.Account}, args...)...))
		return requireChange(n, err, store.ErrNotOpen)
	})
}

// DeleteTransactions implements store.Transactions.
func (s *Store) DeleteTransactions(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteAll(ctx, "DELETE FROM transactions WHERE id IN (SELECT id FROM transactions WHERE expires < $1 LIMIT 1000)", toMillis(before))
}
