package sqlite

import (
	"context"
	"embed"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"

	"github.com/bonafide-id/bonafide/internal/store/relational"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables up to date. It goes forward only.
func (s *Store) migrate(ctx context.Context, create bool) error {
	return relational.Migrations{
		Dialect: goose.DialectSQLite3,
		Files:   migrations,
		Exists:  "SELECT count(*) FROM sqlite_schema WHERE name = 'accounts'",
	}.Apply(ctx, s.Writer, create)
}

// lock takes the file's lock, waiting for other processes until ctx is done. The lock ends with its process, whatever
// ends that.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			file.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
