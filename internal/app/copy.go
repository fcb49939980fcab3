package app

import (
	"context"
	"errors"

	"github.com/bonafide-id/bonafide/internal/store/postgres"
	"github.com/bonafide-id/bonafide/internal/store/relational"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
)

// Copied is how many rows of a table were copied.
type Copied = relational.Count

// CopyStore copies the embedded store in the folder data into the empty PostgreSQL store at the URL.
func CopyStore(ctx context.Context, data, url string, report func(done, total int)) (copied []Copied, err error) {
	source, err := sqlite.Open(ctx, data, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := postgres.Open(ctx, url, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	return target.Copy(ctx, &source.Store, report)
}
