package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bonafide-id/bonafide/internal/store/relational"
)

// Copy copies everything from another store into this one, which must be empty, all or nothing. It returns the number of rows of
// each table. Nobody writes to either while it runs. It calls report from time to time.
func (s *Store) Copy(ctx context.Context, source *relational.Store, report func(done, total int)) ([]relational.Count, error) {
	rows, err := source.LockForCopy(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts, err := rows.Count(ctx)
	if err != nil {
		return nil, err
	}
	var total, done int
	for _, c := range counts {
		total += c.Rows
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := requireEmpty(ctx, tx); err != nil {
			return err
		}
		for _, c := range counts {
			source, err := rows.Table(ctx, c.Table, func() { done++; report(done, total) })
			if err != nil {
				return err
			}
			if _, err = tx.CopyFrom(ctx, pgx.Identifier{c.Table}, source.Columns, source); err != nil {
				return fmt.Errorf("%s: %w", c.Table, err)
			}
		}
		return verify(ctx, tx, counts)
	})
	if err != nil {
		return nil, fmt.Errorf("nothing was copied: %w", err)
	}
	return counts, nil
}

// requireEmpty locks the tables and fails where one has a row.
func requireEmpty(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "LOCK TABLE "+strings.Join(relational.Tables, ", ")+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return err
	}
	for _, table := range relational.Tables {
		var filled bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+")").Scan(&filled); err != nil {
			return err
		}
		if filled {
			return errors.New("the PostgreSQL store is not empty: give an empty database")
		}
	}
	return nil
}

// verify fails where a table has not as many rows as it should.
func verify(ctx context.Context, tx pgx.Tx, counts []relational.Count) error {
	for _, c := range counts {
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+c.Table).Scan(&n); err != nil {
			return err
		}
		if n != c.Rows {
			return fmt.Errorf("%s has %d rows in the copy and %d in the original", c.Table, n, c.Rows)
		}
	}
	return nil
}
