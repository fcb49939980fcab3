package relational

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// AddRecord implements store.Records.
func (s *Store) AddRecord(ctx context.Context, r store.Record) error {
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error { return s.addRecord(ctx, tx, r) })
}

// addRecord adds the record and counts it. The account's row is locked first, so no other check of the account is counted
// between the look at the quota and the count.
func (s *Store) addRecord(ctx context.Context, tx *sql.Tx, r store.Record) error {
	var quota int64
	err := tx.QueryRowContext(ctx, "SELECT monthly_quota FROM accounts WHERE id = $1"+s.Dialect.LockRow, r.Account).Scan(&quota)
	if err != nil {
		return err
	}
	if err := s.insertRecord(ctx, tx, r); err != nil {
		return err
	}
	if quota > 0 {
		if err := withinQuota(ctx, tx, r, quota); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO usage (account, day, protocol, checks) VALUES ($1, $2, $3, 1)
		ON CONFLICT (account, day, protocol) DO UPDATE SET checks = usage.checks + 1`, r.Account, store.Day(r.At), r.Protocol)
	return err
}

func withinQuota(ctx context.Context, tx *sql.Tx, r store.Record, quota int64) error {
	first, next := store.Month(r.At)
	var used int64
	err := tx.QueryRowContext(ctx, "SELECT CAST(coalesce(sum(checks), 0) AS BIGINT) FROM usage WHERE account = $1 AND day >= $2 AND day < $3",
		r.Account, store.Day(first), store.Day(next)).Scan(&used)
	if err == nil && used >= quota {
		return store.ErrQuota
	}
	return err
}

func (s *Store) insertRecord(ctx context.Context, tx *sql.Tx, r store.Record) error {
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
	_, err = tx.ExecContext(ctx, `INSERT INTO records
		(id, account, protocol, subject, transaction_id, at, outcome, score, threshold, reason, gates, digits, models)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.ID, r.Account, r.Protocol, cleanText(r.Subject), r.Transaction, toMillis(r.At),
		string(r.Outcome), r.Score, r.Threshold, string(r.Reason), string(gates), string(digits), string(models))
	if err != nil {
		return err
	}
	return addFingerprints(ctx, tx, r)
}

// Records implements store.Records.
func (s *Store) Records(ctx context.Context, account string, limit int) ([]store.Record, error) {
	return s.records(ctx, "account = $1 ORDER BY at DESC, id LIMIT $2", account, limit)
}

// FindRecords implements store.Records.
func (s *Store) FindRecords(ctx context.Context, f store.Filter) ([]store.Record, error) {
	where, args := "TRUE", []any{}
	add := func(use bool, condition string, arg any) {
		if use {
			args = append(args, arg)
			where += fmt.Sprintf(" AND %s $%d", condition, len(args))
		}
	}
	add(f.Account != "", "account =", cleanText(f.Account))
	add(f.Protocol != "", "protocol =", cleanText(f.Protocol))
	add(f.Transaction != "", "transaction_id =", cleanText(f.Transaction))
	add(f.Outcome != "", "outcome =", cleanText(string(f.Outcome)))
	add(f.Reason != "", "reason =", cleanText(string(f.Reason)))
	add(!f.From.IsZero(), "at >=", toMillis(f.From))
	add(!f.To.IsZero(), "at <", toMillis(f.To))
	args = append(args, f.Limit)
	return s.records(ctx, fmt.Sprintf("%s ORDER BY at DESC, id LIMIT $%d", where, len(args)), args...)
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
		r.At = fromMillis(at)
		err := errors.Join(json.Unmarshal([]byte(gates), &r.Gates), json.Unmarshal([]byte(digits), &r.Digits), json.Unmarshal([]byte(models), &r.Models))
		records = append(records, r)
		return err
	}, `SELECT id, account, protocol, subject, transaction_id, at, outcome, score, threshold, reason, gates, digits, models
		FROM records WHERE `+rest, args...)
	return records, err
}

// DeleteRecords implements store.Records.
func (s *Store) DeleteRecords(ctx context.Context, account string, before time.Time) (int64, error) {
	return s.deleteAll(ctx, "DELETE FROM records WHERE id IN (SELECT id FROM records WHERE account = $1 AND at < $2 LIMIT 1000)",
		account, toMillis(before))
}

// Erase implements store.Records.
func (s *Store) Erase(ctx context.Context, account string, r store.Reference) (e store.Erased, err error) {
	column, value := "id", r.Request
	switch {
	case r.Transaction != "":
		column, value = "transaction_id", r.Transaction
	case r.Session != "":
		column, value = "subject", r.Session
	case r.Request == "":
		return e, errors.New("an erasure needs a transaction, a session or a request")
	}
	value = cleanText(value)
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if r.Transaction != "" {
			e.Transactions, err = countChanged(tx.ExecContext(ctx, "DELETE FROM transactions WHERE account = $1 AND id = $2", account, value))
			if err != nil {
				return err
			}
			if _, err = tx.ExecContext(ctx, "DELETE FROM capture_tokens WHERE account = $1 AND transaction_id = $2", account, value); err != nil {
				return err
			}
		}
		e.Records, err = countChanged(tx.ExecContext(ctx, "DELETE FROM records WHERE account = $1 AND "+column+" = $2", account, value))
		return err
	})
	if err != nil {
		return store.Erased{}, err
	}
	return e, s.afterDelete(ctx, e.Records+e.Transactions)
}

// Usage implements store.Records.
func (s *Store) Usage(ctx context.Context, account string, from, to time.Time) (usage []store.Usage, err error) {
	err = s.query(ctx, func(row scanner) error {
		var u store.Usage
		err := row.Scan(&u.Day, &u.Protocol, &u.Checks)
		usage = append(usage, u)
		return err
	}, "SELECT day, protocol, checks FROM usage WHERE account = $1 AND day >= $2 AND day < $3 ORDER BY day, protocol",
		account, store.Day(from), store.Day(to))
	return usage, err
}

// RollUp implements store.Records.
func (s *Store) RollUp(ctx context.Context, before time.Time) (days int64, err error) {
	month, _ := store.Month(before)
	const later = "FROM usage WHERE day < $1 AND substr(day, 9) <> '01'"
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO usage (account, day, protocol, checks)
			SELECT account, substr(day, 1, 8) || '01', protocol, CAST(sum(checks) AS BIGINT) `+later+` GROUP BY 1, 2, 3
			ON CONFLICT (account, day, protocol) DO UPDATE SET checks = usage.checks + excluded.checks`, store.Day(month))
		if err != nil {
			return err
		}
		days, err = countChanged(tx.ExecContext(ctx, "DELETE "+later, store.Day(month)))
		return err
	})
	return days, err
}
