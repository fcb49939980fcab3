// Package relational is store.Store in the SQL that SQLite and PostgreSQL share. It does not open or close databases. The
// packages sqlite and postgres add that.
package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// Store is a relational database. The fields are set before the first call and stay.
type Store struct {
	// Writer takes every change, Reader the rest; they may be the same.
	Writer, Reader *sql.DB
	Dialect        Dialect

	probe writeProbe
}

// Dialect is what the databases do not have in common.
type Dialect struct {
	// LockRow ends a SELECT whose row nobody else may change until the transaction ends. It is empty where a
	// transaction that writes is alone anyway.
	LockRow string
	// Explain turns the database's errors into those of package store. It is called with a fault that is none of
	// database/sql.
	Explain func(err error) error
	// AfterDelete, if it is not nil, is called after rows were deleted, to clear their bytes from the files.
	AfterDelete func(ctx context.Context) error
}

// callTimeout bounds how long one call waits for the database: a machine that is gone does not answer at all.
const callTimeout = 10 * time.Second

// write runs do in one transaction.
func (s *Store) write(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	return s.probe.noteError(s.withTimeout(ctx, func(ctx context.Context) error {
		tx, err := s.Writer.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // it reports no more than that the commit below was made
		if err := do(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	}))
}

// execute runs one statement and says how many rows it changed.
func (s *Store) execute(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = s.withTimeout(ctx, func(ctx context.Context) error {
		n, err = countChanged(s.Writer.ExecContext(ctx, statement, args...))
		return err
	})
	return n, s.probe.noteError(err)
}

// query reads rows with scan, which is called for each.
func (s *Store) query(ctx context.Context, scan func(row scanner) error, statement string, args ...any) error {
	return s.withTimeout(ctx, func(ctx context.Context) error {
		rows, err := s.Reader.QueryContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// queryRow reads one row into the fields, or fails with store.ErrNotFound.
func (s *Store) queryRow(ctx context.Context, fields []any, statement string, args ...any) error {
	return s.withTimeout(ctx, func(ctx context.Context) error {
		return s.Reader.QueryRowContext(ctx, statement, args...).Scan(fields...)
	})
}

// withTimeout calls do with the patience of one call, and explains its error. It goes on after the client hangs up. Otherwise the
// database's connection would be lost, and a client that hangs up often would cause new ones all the time.
func (s *Store) withTimeout(ctx context.Context, do func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limit := time.Now().Add(callTimeout)
	if end, ok := ctx.Deadline(); ok && end.Before(limit) {
		limit = end
	}
	bounded, cancel := context.WithDeadline(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := do(bounded)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case bounded.Err() != nil:
		return fmt.Errorf("%w: no answer in time: %w", store.ErrUnavailable, err)
	}
	return s.Dialect.Explain(err)
}

// deleteAll repeats a statement that deletes some of its rows until none is left, so that other writers get their turn.
func (s *Store) deleteAll(ctx context.Context, statement string, args ...any) (total int64, err error) {
	for {
		n, err := s.execute(ctx, statement, args...)
		if total += n; err != nil {
			return total, err
		}
		if n == 0 {
			return total, s.afterDelete(ctx, total)
		}
	}
}

func (s *Store) afterDelete(ctx context.Context, rows int64) error {
	if rows == 0 || s.Dialect.AfterDelete == nil {
		return nil
	}
	return s.Dialect.AfterDelete(ctx)
}

// scanner is one row, of sql.Row or sql.Rows.
type scanner interface{ Scan(into ...any) error }

// countChanged returns how many rows a statement changed.
func countChanged(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// requireChange fails with otherwise where no row was changed.
func requireChange(n int64, err, otherwise error) error {
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

// cleanText returns a client's text as it is kept: PostgreSQL takes no text with a zero byte or that is not UTF-8. Everything
// that a client names goes through it, what is kept and what is looked for.
func cleanText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}

// toMillis returns a time as it is kept.
func toMillis(t time.Time) int64 { return t.UnixMilli() }

// toOptionalMillis returns a time that may not have come yet, NULL then.
func toOptionalMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func fromOptionalMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}

// formatNetworks returns a list of networks as it is kept, with spaces between.
func formatNetworks(networks []netip.Prefix) string {
	words := make([]string, len(networks))
	for i, n := range networks {
		words[i] = n.String()
	}
	return strings.Join(words, " ")
}

func parseNetworks(text string) (networks []netip.Prefix, err error) {
	for _, word := range strings.Fields(text) {
		n, err := netip.ParsePrefix(word)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, nil
}
