package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

const accountColumns = "a.id, a.name, a.created, a.monthly_quota, a.rate_per_second, a.settings"

// accountFields are where a row's accountColumns go; done completes the account after the scan.
func accountFields(a *store.Account) (fields []any, done func()) {
	var created int64
	var settings string
	return []any{&a.ID, &a.Name, &created, &a.MonthlyQuota, &a.RatePerSecond, &settings}, func() {
		a.Created = moment(created)
		a.Settings = []byte(settings)
	}
}

func scanAccount(row scanner) (store.Account, error) {
	var a store.Account
	fields, done := accountFields(&a)
	err := row.Scan(fields...)
	done()
	return a, err
}

// AddAccount implements store.Accounts.
func (s *Store) AddAccount(ctx context.Context, a store.Account) error {
	_, err := s.writer.ExecContext(ctx, "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)",
		a.ID, a.Name, milliseconds(a.Created), a.MonthlyQuota, a.RatePerSecond, string(a.Settings))
	return explain(err)
}

// SetAccount implements store.Accounts.
func (s *Store) SetAccount(ctx context.Context, a store.Account) error {
	result, err := s.writer.ExecContext(ctx, "UPDATE accounts SET monthly_quota = ?, rate_per_second = ?, settings = ? WHERE id = ?",
		a.MonthlyQuota, a.RatePerSecond, string(a.Settings), a.ID)
	return explain(changed(result, err, store.ErrNotFound))
}

// AccountNamed implements store.Accounts.
func (s *Store) AccountNamed(ctx context.Context, name string) (store.Account, error) {
	a, err := scanAccount(s.reader.QueryRowContext(ctx, "SELECT "+accountColumns+" FROM accounts a WHERE name = ?", name))
	return a, explain(err)
}

// Accounts implements store.Accounts.
func (s *Store) Accounts(ctx context.Context) (accounts []store.Account, err error) {
	err = s.query(ctx, func(row scanner) error {
		a, err := scanAccount(row)
		accounts = append(accounts, a)
		return err
	}, "SELECT "+accountColumns+" FROM accounts a ORDER BY name")
	return accounts, err
}

// AddKey implements store.Accounts.
func (s *Store) AddKey(ctx context.Context, k store.Key) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO keys VALUES (?, ?, ?, ?)", k.ID, k.Account, milliseconds(k.Created), optional(k.Revoked))
		if err != nil {
			return err
		}
		for _, c := range k.Credentials {
			if _, err := tx.ExecContext(ctx, "INSERT INTO credentials VALUES (?, ?, ?, ?)", c.Protocol, c.Public, k.ID, c.Hash[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keys implements store.Accounts.
func (s *Store) Keys(ctx context.Context) (keys []store.Key, err error) {
	err = s.query(ctx, func(row scanner) error {
		var k store.Key
		var c store.Credential
		var created int64
		var revoked sql.NullInt64
		var hash []byte
		if err := row.Scan(&k.ID, &k.Account, &created, &revoked, &c.Protocol, &c.Public, &hash); err != nil {
			return err
		}
		if len(keys) == 0 || keys[len(keys)-1].ID != k.ID {
			k.Created, k.Revoked = moment(created), optionalMoment(revoked)
			keys = append(keys, k)
		}
		copy(c.Hash[:], hash)
		last := &keys[len(keys)-1]
		last.Credentials = append(last.Credentials, c)
		return nil
	}, `SELECT k.id, k.account, k.created, k.revoked, c.protocol, c.public, c.hash
		FROM keys k JOIN credentials c ON c.key = k.id ORDER BY k.created, k.id, c.protocol`)
	return keys, err
}

// RevokeKey implements store.Accounts.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) error {
	result, err := s.writer.ExecContext(ctx, "UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?", milliseconds(at), id)
	return explain(changed(result, err, store.ErrNotFound))
}

// FindCredential implements store.Accounts.
func (s *Store) FindCredential(ctx context.Context, protocol, public string) (store.Credential, store.Account, error) {
	c := store.Credential{Protocol: protocol, Public: public}
	var a store.Account
	var hash []byte
	fields, done := accountFields(&a)
	err := s.reader.QueryRowContext(ctx, "SELECT c.hash, "+accountColumns+` FROM credentials c
		JOIN keys k ON k.id = c.key JOIN accounts a ON a.id = k.account
		WHERE c.protocol = ? AND c.public = ? AND k.revoked IS NULL`, protocol, public).Scan(append([]any{&hash}, fields...)...)
	if err != nil {
		return store.Credential{}, store.Account{}, explain(err)
	}
	done()
	if copy(c.Hash[:], hash) != len(c.Hash) {
		return store.Credential{}, store.Account{}, fmt.Errorf("a credential's hash has %d bytes", len(hash))
	}
	return c, a, nil
}

// clockSkew, in seconds, is how far behind another writer a clock may be and still count in that writer's second.
// Beyond it the clock was set back, and counting starts anew.
const clockSkew = 2

// CountRequest implements store.Accounts.
func (s *Store) CountRequest(ctx context.Context, account string, at time.Time, limit int) error {
	result, err := s.writer.ExecContext(ctx, `
		INSERT INTO rates (account, second, count) SELECT ?1, ?2, 1 WHERE ?3 > 0
		ON CONFLICT (account) DO UPDATE SET
			count = CASE WHEN second - ?2 BETWEEN 0 AND ?4 THEN count + 1 ELSE 1 END,
			second = CASE WHEN second - ?2 BETWEEN 0 AND ?4 THEN second ELSE ?2 END
		WHERE count < ?3 OR second - ?2 NOT BETWEEN 0 AND ?4`, account, at.Unix(), limit, clockSkew)
	return explain(changed(result, err, store.ErrRate))
}
