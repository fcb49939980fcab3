// Package postgres opens the store in PostgreSQL, for more than one machine. It does not have the queries: package relational does.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/relational"
)

const (
	// connections is how many a process has at most, unless the URL says otherwise with pool_max_conns.
	connections    = 16
	connectTimeout = 5 * time.Second
	// migrationLock is the advisory lock that a process holds while it brings the tables up to date. The number is
	// "bonafide" in ASCII.
	migrationLock = 0x626f6e6166696465
)

// Store is a store.Store in a PostgreSQL database.
type Store struct {
	relational.Store
	pool *pgxpool.Pool
}

var _ store.Store = (*Store)(nil)

// Open opens the store that the URL names, as postgres://USER:PASSWORD@HOST/DATABASE, and migrates it. The environment of libpq,
// such as PGPASSWORD, fills in what the URL omits. Where create is not set it fails with relational.ErrNoStore on a database
// without tables. Any number of processes may open and use it at the same time. No error shows the password.
func Open(ctx context.Context, url string, create bool) (*Store, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	where := fmt.Sprintf("store postgres://%s/%s", net.JoinHostPort(config.ConnConfig.Host, fmt.Sprint(config.ConnConfig.Port)), config.ConnConfig.Database)
	if err := migrate(ctx, config, create); err != nil {
		return nil, fmt.Errorf("%s: %w", where, explain(err))
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	db := stdlib.OpenDBFromPool(pool)
	return &Store{relational.Store{Writer: db, Reader: db, Dialect: relational.Dialect{LockRow: " FOR NO KEY UPDATE", Explain: explain}}, pool}, nil
}

func parse(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx hides a password only where it finds one: what it cannot read it may print.
		return nil, errors.New("the address of the store cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, " +
			"with %XX for what is special in a URL, or leave the password to PGPASSWORD or PGPASSFILE")
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = connections
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "bonafide"
	}
	return config, nil
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables up to date. Processes that start together take turns. It has one connection of its own, which holds
// the lock and does the work. So a store with only one allowed connection can start. Closing it ends the lock.
func migrate(ctx context.Context, config *pgxpool.Config, create bool) error {
	config = config.Copy()
	config.MinConns, config.MinIdleConns, config.MaxConns = 0, 0, 1
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close() //nolint:errcheck // closing the pool closes the connection
	return relational.Migrations{
		Dialect: goose.DialectPostgres,
		Files:   migrations,
		Exists:  "SELECT count(to_regclass('accounts'))",
	}.Apply(ctx, db, create)
}

// Close implements store.Store.
func (s *Store) Close() error {
	err := s.Writer.Close()
	s.pool.Close()
	return err
}

// explain turns PostgreSQL's errors into those of package store.
func explain(err error) error {
	var fault *pgconn.PgError
	if !errors.As(err, &fault) {
		if isUnavailable(err) {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return err
	}
	if kind := kindOf(fault.Code); kind != nil {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// isUnavailable reports whether a fault is the connection's.
func isUnavailable(err error) bool {
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// kindOf returns the error of package store for a code of PostgreSQL, whose first two characters are its class, or nil.
func kindOf(code string) error {
	switch code {
	case "23505": // unique_violation
		return store.ErrExists
	case "23503": // foreign_key_violation
		return store.ErrNotFound
	case "25006", // read_only_sql_transaction: the server is a standby
		"40001", "40P01", // serialization_failure, deadlock_detected
		"55P03": // lock_not_available
		return store.ErrUnavailable
	}
	switch code[:2] {
	case "08", "53", "57", "58": // connection, too few resources, operator intervention (shutdown), system error
		return store.ErrUnavailable
	}
	return nil
}
