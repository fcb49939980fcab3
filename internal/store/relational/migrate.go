package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Migrations are what brings the tables of one kind of database up to date, forward only.
type Migrations struct {
	Dialect goose.Dialect
	// Files has a folder "migrations" of SQL files.
	Files fs.FS
	// Exists is a query that counts the tables named accounts.
	Exists string
}

// Apply takes the steps that are missing. It makes a new store only where create is set. The caller sees to it that nobody
// else does the same at the same time.
func (s Migrations) Apply(ctx context.Context, db *sql.DB, create bool) error {
	var tables int
	if err := db.QueryRowContext(ctx, s.Exists).Scan(&tables); err != nil {
		return err
	}
	if tables == 0 && !create {
		return ErrNoStore
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
		return fmt.Errorf("the store is from a newer bonafide (schema %d, known %d): run that version", current, known)
	}
	_, err = provider.Up(ctx)
	return err
}

// ErrNoStore: there is no store yet, and none is to be made.
var ErrNoStore = errors.New("no store found: check --data and --store; `serve` and `key create` create one")
