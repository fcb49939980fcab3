package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// AddTransaction implements store.Transactions.
func (s *Store) AddTransaction(ctx context.Context, t store.Transaction) error {
	_, err := s.writer.ExecContext(ctx, "INSERT INTO transactions (id, account, phrase, created, expires, tries_left) VALUES (?, ?, ?, ?, ?, ?)",
		t.ID, t.Account, t.Phrase, milliseconds(t.Created), milliseconds(t.Expires), t.TriesLeft)
	return explain(err)
}

// Transaction implements store.Transactions.
func (s *Store) Transaction(ctx context.Context, account, id string) (store.Transaction, error) {
	t := store.Transaction{ID: id, Account: account}
	var created, expires int64
	var spent sql.NullInt64
	var score sql.NullFloat64
	err := s.reader.QueryRowContext(ctx, `SELECT phrase, created, expires, tries_left, spent, score
		FROM transactions WHERE id = ? AND account = ?`, id, account).Scan(&t.Phrase, &created, &expires, &t.TriesLeft, &spent, &score)
	if err != nil {
		return store.Transaction{}, explain(err)
	}
	t.Created, t.Expires, t.Spent, t.Score = moment(created), moment(expires), optionalMoment(spent), score.Float64
	return t, nil
}

// Settle implements store.Transactions.
func (s *Store) Settle(ctx context.Context, r store.Record) error {
	if r.Score == nil {
		return errors.New("a transaction can only be settled with a score")
	}
	return s.change(ctx, r, "spent = ?3, score = ?4", milliseconds(r.At), *r.Score)
}

// UseTry implements store.Transactions.
func (s *Store) UseTry(ctx context.Context, r store.Record) error {
	return s.change(ctx, r, "tries_left = tries_left - 1")
}

// change updates the transaction that r names if it is open, and keeps r.
func (s *Store) change(ctx context.Context, r store.Record, set string, args ...any) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE transactions SET "+set+
			" WHERE id = ?1 AND account = ?2 AND spent IS NULL AND tries_left > 0", append([]any{r.Transaction, r.Account}, args...)...)
		if err := changed(result, err, store.ErrNotOpen); err != nil {
			return err
		}
		return keep(ctx, tx, r)
	})
}

// DeleteTransactions implements store.Transactions.
func (s *Store) DeleteTransactions(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteAll(ctx, "DELETE FROM transactions WHERE rowid IN (SELECT rowid FROM transactions WHERE expires < ? LIMIT 1000)", milliseconds(before))
}

// deleteAll repeats a statement that deletes some of its rows until none is left, so that other writers get their turn.
func (s *Store) deleteAll(ctx context.Context, statement string, args ...any) (total int64, err error) {
	for {
		result, err := s.writer.ExecContext(ctx, statement, args...)
		if err != nil {
			return total, explain(err)
		}
		n, err := result.RowsAffected()
		if total += n; err != nil || n == 0 {
			return total, err
		}
	}
}
