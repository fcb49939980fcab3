package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// Keep implements store.Records.
func (s *Store) Keep(ctx context.Context, r store.Record) error {
	return s.write(ctx, func(tx *sql.Tx) error { return keep(ctx, tx, r) })
}

// keep adds the record and counts it. The transaction holds the write lock, so no other check is counted between the
// look at the quota and the count.
func keep(ctx context.Context, tx *sql.Tx, r store.Record) error {
	first, next := store.Month(r.At)
	var quota, used int64
	err := tx.QueryRowContext(ctx, `SELECT monthly_quota, (SELECT coalesce(sum(checks), 0) FROM usage
		WHERE account = ?1 AND day >= ?2 AND day < ?3) FROM accounts WHERE id = ?1`,
		r.Account, store.Day(first), store.Day(next)).Scan(&quota, &used)
	if err != nil {
		return err
	}
	if quota > 0 && used >= quota {
		return store.ErrQuota
	}
	gates, err := json.Marshal(r.Gates)
	if err != nil {
		return err
	}
	digits, err := json.Marshal(r.Digits)
	if err != nil {
		return err
	}
	models, err := json.Marshal(r.Models)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO records (id, account, protocol, subject, transaction_id, at, outcome, score,
		threshold, reason, gates, digits, models) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Account, r.Protocol, r.Subject, r.Transaction, milliseconds(r.At),
		string(r.Outcome), r.Score, r.Threshold, string(r.Reason), string(gates), string(digits), string(models)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO usage VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET checks = checks + 1",
		r.Account, store.Day(r.At), r.Protocol)
	return err
}

// Records implements store.Records.
func (s *Store) Records(ctx context.Context, account string, limit int) ([]store.Record, error) {
	return s.records(ctx, "account = ? ORDER BY at DESC, id LIMIT ?", account, limit)
}

// FindRecords implements store.Records.
func (s *Store) FindRecords(ctx context.Context, f store.Filter) ([]store.Record, error) {
	where, args := "TRUE", []any{}
	add := func(use bool, condition string, arg any) {
		if use {
			where, args = where+" AND "+condition, append(args, arg)
		}
	}
	add(f.Account != "", "account = ?", f.Account)
	add(f.Protocol != "", "protocol = ?", f.Protocol)
	add(f.Transaction != "", "transaction_id = ?", f.Transaction)
	add(f.Outcome != "", "outcome = ?", string(f.Outcome))
	add(f.Reason != "", "reason = ?", string(f.Reason))
	add(!f.From.IsZero(), "at >= ?", milliseconds(f.From))
	add(!f.To.IsZero(), "at < ?", milliseconds(f.To))
	return s.records(ctx, where+" ORDER BY at DESC, id LIMIT ?", append(args, f.Limit)...)
}

// records lists the records that the rest of a statement, from its condition on, picks.
func (s *Store) records(ctx context.Context, rest string, args ...any) (records []store.Record, err error) {
	err = s.query(ctx, func(row scanner) error {
		var r store.Record
		var at int64
		var gates, digits, models string
		if err := row.Scan(&r.ID, &r.Account, &r.Protocol, &r.Subject, &r.Transaction, &at, &r.Outcome, &r.Score, &r.Threshold,
			&r.Reason, &gates, &digits, &models); err != nil {
			return err
		}
		r.At = moment(at)
		err := errors.Join(json.Unmarshal([]byte(gates), &r.Gates), json.Unmarshal([]byte(digits), &r.Digits), json.Unmarshal([]byte(models), &r.Models))
		records = append(records, r)
		return err
	}, `SELECT id, account, protocol, subject, transaction_id, at, outcome, score, threshold, reason, gates, digits, models
		FROM records WHERE `+rest, args...)
	return records, err
}

// DeleteRecords implements store.Records.
func (s *Store) DeleteRecords(ctx context.Context, account string, before time.Time) (int64, error) {
	return s.deleteAll(ctx, "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE account = ? AND at < ? LIMIT 1000)",
		account, milliseconds(before))
}

// Usage implements store.Records.
func (s *Store) Usage(ctx context.Context, account string, from, to time.Time) (usage []store.Usage, err error) {
	err = s.query(ctx, func(row scanner) error {
		var u store.Usage
		err := row.Scan(&u.Day, &u.Protocol, &u.Checks)
		usage = append(usage, u)
		return err
	}, "SELECT day, protocol, checks FROM usage WHERE account = ? AND day >= ? AND day < ? ORDER BY day, protocol",
		account, store.Day(from), store.Day(to))
	return usage, err
}
