// Package sqlite opens the store in one SQLite file: the default, for one machine. It does not have the queries: package
// relational does.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/relational"
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
	relational.Store
}

var _ store.Store = (*Store)(nil)

// Open opens the store in the folder and migrates it. If create is set, it makes a missing folder and file, readable by their
// owner only. Otherwise it fails with relational.ErrNoStore. Several processes may open and use it concurrently.
func Open(ctx context.Context, folder string, create bool) (*Store, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	path := filepath.Join(folder, fileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !create {
		return nil, fmt.Errorf("store %s: %w", path, relational.ErrNoStore)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("data folder cannot be made, give another one: %w", err)
	}
	// The first connection turns the write-ahead log on and then migrates. SQLite lets neither wait for another process
	// that does the same, hence a lock around both.
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return nil, fmt.Errorf("data folder cannot be locked, give one that this user may write to: %w", err)
	}
	defer unlock()
	s, err := open(ctx, path, create)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, create bool) (*Store, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	file.Close()
	s := &Store{}
	s.Dialect = relational.Dialect{Explain: explain, AfterDelete: s.clearLog}
	if s.Writer, err = connect(path, 1, "_txlock=immediate"); err != nil {
		return nil, err
	}
	if err = s.migrate(ctx, create); err == nil {
		s.Reader, err = connect(path, readers, "_pragma=query_only(1)")
	}
	if err != nil {
		s.Writer.Close()
		return nil, explain(err)
	}
	return s, nil
}

// connect returns a pool of connections that sync every commit to the disk (synchronous FULL): what was answered stays
// true after a power cut. What is deleted is overwritten with zeros (secure_delete).
func connect(path string, connections int, option string) (*sql.DB, error) {
	where := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf(
		"_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&%s",
		busyTimeout.Milliseconds(), option)}
	db, err := sql.Open("sqlite", where.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Close implements store.Store.
func (s *Store) Close() error { return errors.Join(s.Reader.Close(), s.Writer.Close()) }

// clearLog moves what the write-ahead log holds into the file, where deleted rows are zeros by then, and cuts the log
// off. Connections that read hold it up for a moment.
func (s *Store) clearLog(ctx context.Context) error {
	for {
		var busy, frames, moved int
		if err := s.Writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
			return explain(err)
		}
		if busy == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("deleted data may remain in the write-ahead log; the next deletion clears it: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// explain turns SQLite's errors into those of package store.
func explain(err error) error {
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
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return fmt.Errorf("the file is damaged or is not an SQLite database: stop the server and restore the backup, "+
			"or save what can be read with `sqlite3 bonafide.db .recover`: %w", err)
	}
	return err
}
