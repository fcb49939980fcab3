// Package sqlite keeps the store in one SQLite file: the default, for one machine.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/bonafide-id/bonafide/internal/store"
)

const (
	fileName = "bonafide.db"
	// busyTimeout is how long a write waits for one of another process, such as `bonafide key create`.
	busyTimeout = 10 * time.Second
	readers     = 4
)

// Store is a store.Store in one file. One connection writes, since SQLite has one writer at a time; others read beside
// it, which the write-ahead log allows.
type Store struct {
	writer, reader *sql.DB
}

var _ store.Store = (*Store)(nil)

// Open opens the store in the folder, creating folder and file where they are missing, readable by their owner only, and
// brings the tables up to date. Several processes may open it at once and use it together.
func Open(ctx context.Context, folder string) (*Store, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("data folder cannot be made, give another one: %w", err)
	}
	path := filepath.Join(folder, fileName)
	// The first connection turns the write-ahead log on and then migrates. SQLite lets neither wait for another process
	// that does the same, hence a lock around both.
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return nil, fmt.Errorf("data folder cannot be locked, give one that this user may write to: %w", err)
	}
	defer unlock()
	s, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string) (*Store, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	file.Close()
	s := &Store{}
	if s.writer, err = connect(path, 1, "_txlock=immediate"); err != nil {
		return nil, err
	}
	if err = migrate(ctx, s.writer); err == nil {
		s.reader, err = connect(path, readers, "_pragma=query_only(1)")
	}
	if err != nil {
		s.writer.Close()
		return nil, err
	}
	return s, nil
}

// connect returns a pool of connections that sync every commit to the disk (synchronous FULL): what was answered stays
// true after a power cut.
func connect(path string, connections int, option string) (*sql.DB, error) {
	where := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf(
		"_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&%s",
		busyTimeout.Milliseconds(), option)}
	db, err := sql.Open("sqlite", where.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return explain(s.reader.QueryRowContext(ctx, "SELECT count(*) FROM accounts WHERE id = ''").Scan(&one))
}

// Close implements store.Store.
func (s *Store) Close() error { return errors.Join(s.reader.Close(), s.writer.Close()) }

// write runs do in one transaction that holds the write lock from its start.
func (s *Store) write(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback() //nolint:errcheck // it reports no more than that the commit below was made
	if err := do(tx); err != nil {
		return explain(err)
	}
	return explain(tx.Commit())
}

// query reads rows with scan, which is called for each.
func (s *Store) query(ctx context.Context, scan func(row scanner) error, statement string, args ...any) error {
	rows, err := s.reader.QueryContext(ctx, statement, args...)
	if err != nil {
		return explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return explain(err)
		}
	}
	return explain(rows.Err())
}

// scanner is one row, of sql.Row or sql.Rows.
type scanner interface{ Scan(into ...any) error }

// explain turns SQLite's errors into those of package store.
func explain(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	var fault *sqlite.Error
	if !errors.As(err, &fault) {
		return err
	}
	switch fault.Code() {
	case codes.SQLITE_CONSTRAINT_PRIMARYKEY, codes.SQLITE_CONSTRAINT_UNIQUE:
		return fmt.Errorf("%w: %w", store.ErrExists, err)
	case codes.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	switch fault.Code() & 0xff { // the low byte is the family of an extended code
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_IOERR, codes.SQLITE_FULL, codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// changed returns otherwise where a statement changed no row.
func changed(result sql.Result, err error, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

// milliseconds is a time as it is kept.
func milliseconds(t time.Time) int64 { return t.UnixMilli() }

// optional is a time that may not have come yet, NULL then.
func optional(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func optionalMoment(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return moment(ms.Int64)
}
