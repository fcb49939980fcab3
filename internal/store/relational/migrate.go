package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Steps are what brings the tables of one kind of database up to date, forward only.
type Steps struct {
	Dialect goose.Dialect
	// Files has a folder "migrations" of SQL files.
	Files fs.FS
	// Exists is a query that counts the tables named accounts.
	Exists string
}

// Take takes the steps that are missing. It makes a new store only where create is set. The caller sees to it that nobody
// else does the same at the same time.
func (s Steps) Take(ctx context.Context, db *sql.DB, create bool) error {
	var tables int
	if err := db.QueryRowContext(ctx, s.Exists).Scan(&tables); err != nil {
		return err
	}
	if tables == 0 && !create {
		return ErrNone
	}
	files, err := fs.Sub(s.Files, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(s.Dialect, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > known {
		return fmt.Errorf("a newer bonafide wrote it (tables of version %d, this one knows %d): run that one", current, known)
	}
	_, err = provider.Up(ctx)
	return err
}

// ErrNone: there is no store yet, and none is to be made.
var ErrNone = errors.New("there is no store there yet: is --data or --store mistyped? `serve` and `key create` make a new one")
