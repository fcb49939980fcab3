package relational

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// accountRow is an account as it is kept.
type accountRow struct {
	store.Account
	created  int64
	settings string
}

const accountColumns = "a.id, a.name, a.created, a.monthly_quota, a.rate_per_second, a.settings"

func (r *accountRow) fields() []any {
	return []any{&r.ID, &r.Name, &r.created, &r.MonthlyQuota, &r.RatePerSecond, &r.settings}
}

func (r *accountRow) account() store.Account {
	r.Created, r.Settings = fromMillis(r.created), []byte(r.settings)
	return r.Account
}

// AddAccount implements store.Accounts.
func (s *Store) AddAccount(ctx context.Context, a store.Account) error {
	_, err := s.execute(ctx, `INSERT INTO accounts (id, name, created, monthly_quota, rate_per_second, settings)
		VALUES ($1, $2, $3, $4, $5, $6)`, a.ID, a.Name, toMillis(a.Created), a.MonthlyQuota, a.RatePerSecond, string(a.Settings))
	return err
}

// SetAccount implements store.Accounts.
func (s *Store) SetAccount(ctx context.Context, a store.Account) error {
	n, err := s.execute(ctx, "UPDATE accounts SET monthly_quota = $1, rate_per_second = $2, settings = $3 WHERE id = $4",
		a.MonthlyQuota, a.RatePerSecond, string(a.Settings), a.ID)
	return requireChange(n, err, store.ErrNotFound)
}

// AccountByName implements store.Accounts.
func (s *Store) AccountByName(ctx context.Context, name string) (store.Account, error) {
	var row accountRow
	if err := s.queryRow(ctx, row.fields(), "SELECT "+accountColumns+" FROM accounts a WHERE name = $1", cleanText(name)); err != nil {
		return store.Account{}, err
	}
	return row.account(), nil
}

// Accounts implements store.Accounts.
func (s *Store) Accounts(ctx context.Context) (accounts []store.Account, err error) {
	err = s.query(ctx, func(row scanner) error {
		var r accountRow
		if err := row.Scan(r.fields()...); err != nil {
			return err
		}
		accounts = append(accounts, r.account())
		return nil
	}, "SELECT "+accountColumns+" FROM accounts a ORDER BY name")
	return accounts, err
}

// keyRow is a key as it is kept.
type keyRow struct {
	store.Key
	created          int64
	revoked, expires sql.NullInt64
	networks         string
}

const keyColumns = "k.id, k.account, k.created, k.revoked, k.expires, k.networks"

func (r *keyRow) fields() []any {
	return []any{&r.ID, &r.Account, &r.created, &r.revoked, &r.expires, &r.networks}
}

func (r *keyRow) key() (k store.Key, err error) {
	r.Created, r.Revoked, r.Expires = fromMillis(r.created), fromOptionalMillis(r.revoked), fromOptionalMillis(r.expires)
	r.Networks, err = parseNetworks(r.networks)
	return r.Key, err
}

// credentialRow is a credential as it is kept.
type credentialRow struct {
	store.Credential
	hash []byte
}

const credentialColumns = "c.protocol, c.public, c.hash"

func (r *credentialRow) fields() []any { return []any{&r.Protocol, &r.Public, &r.hash} }

func (r *credentialRow) credential() (store.Credential, error) {
	if copy(r.Hash[:], r.hash) != len(r.Hash) {
		return store.Credential{}, fmt.Errorf("a credential's hash has %d bytes", len(r.hash))
	}
	return r.Credential, nil
}

// AddKey implements store.Accounts.
func (s *Store) AddKey(ctx context.Context, k store.Key) error {
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO keys (id, account, created, revoked, expires, networks) VALUES ($1, $2, $3, $4, $5, $6)",
			k.ID, k.Account, toMillis(k.Created), toOptionalMillis(k.Revoked), toOptionalMillis(k.Expires), formatNetworks(k.Networks))
		if err != nil {
			return err
		}
		for _, c := range k.Credentials {
			if _, err := tx.ExecContext(ctx, "INSERT INTO credentials (protocol, public, key, hash) VALUES ($1, $2, $3, $4)",
				c.Protocol, c.Public, k.ID, c.Hash[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keys implements store.Accounts.
func (s *Store) Keys(ctx context.Context) (keys []store.Key, err error) {
	err = s.query(ctx, func(row scanner) error {
		var k keyRow
		var c credentialRow
		if err := row.Scan(append(k.fields(), c.fields()...)...); err != nil {
			return err
		}
		if len(keys) == 0 || keys[len(keys)-1].ID != k.ID {
			key, err := k.key()
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
		credential, err := c.credential()
		last := &keys[len(keys)-1]
		last.Credentials = append(last.Credentials, credential)
		return err
	}, "SELECT "+keyColumns+", "+credentialColumns+" FROM keys k JOIN credentials c ON c.key = k.id ORDER BY k.created, k.id, c.protocol")
	return keys, err
}

// RevokeKey implements store.Accounts.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) error {
	n, err := s.execute(ctx, "UPDATE keys SET revoked = coalesce(revoked, $1) WHERE id = $2", toMillis(at), cleanText(id))
	return requireChange(n, err, store.ErrNotFound)
}

// FindCredential implements store.Accounts.
func (s *Store) FindCredential(ctx context.Context, protocol, public string, at time.Time) (g store.ValidCredential, err error) {
	var c credentialRow
	var k keyRow
	var a accountRow
	var protocols string
	fields := append(append(append(c.fields(), k.fields()...), a.fields()...), &protocols)
	err = s.queryRow(ctx, fields, "SELECT "+credentialColumns+", "+keyColumns+", "+accountColumns+`,
		(SELECT string_agg(o.protocol, ' ') FROM credentials o WHERE o.key = k.id) FROM credentials c
		JOIN keys k ON k.id = c.key JOIN accounts a ON a.id = k.account
		WHERE c.protocol = $1 AND c.public = $2 AND k.revoked IS NULL AND (k.expires IS NULL OR k.expires > $3)`,
		protocol, cleanText(public), toMillis(at))
	if err != nil {
		return g, err
	}
	if g.Credential, err = c.credential(); err != nil {
		return g, err
	}
	g.Account, g.Protocols = a.account(), slices.Sorted(strings.FieldsSeq(protocols))
	g.Key, err = k.key()
	return g, err
}

// clockSkew, in seconds, is how far behind another writer a clock may be and still count in that writer's second.
// Beyond it the clock was set back, and counting restarts.
const clockSkew = 2

// CountRequest implements store.Accounts.
func (s *Store) CountRequest(ctx context.Context, account string, at time.Time, limit int) error {
	n, err := s.execute(ctx, `
		INSERT INTO rates (account, second, count) SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), 1 WHERE $3 > 0
		ON CONFLICT (account) DO UPDATE SET
			count = CASE WHEN rates.second - $2 BETWEEN 0 AND $4 THEN rates.count + 1 ELSE 1 END,
			second = CASE WHEN rates.second - $2 BETWEEN 0 AND $4 THEN rates.second ELSE $2 END
		WHERE rates.count < $3 OR rates.second - $2 NOT BETWEEN 0 AND $4`, account, at.Unix(), limit, clockSkew)
	return requireChange(n, err, store.ErrRate)
}
