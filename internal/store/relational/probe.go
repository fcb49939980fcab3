package relational

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/bonafide-id/bonafide/internal/store"
)

// writeProbe remembers when a write for Ping last succeeded.
type writeProbe struct {
	// mu lets one Ping write while others wait for what it finds.
	mu sync.Mutex
	// wrote is that time in Unix nanoseconds; 0: unknown, or a write has failed since.
	wrote atomic.Int64
}

// noteError passes the error of a write on. After one that the store could not do, the next Ping looks for itself.
func (p *writeProbe) noteError(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		p.wrote.Store(0)
	}
	return err
}

// probeBytes is about what the record of a check takes with its indexes: a disk with less room is full.
const probeBytes = 32 << 10

// Ping implements store.Store. It reads. If its last write is ProbeInterval ago, it writes an account and deletes it in the same
// transaction, so that nobody ever sees it. A full disk or a read-only database shows in no other way.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.AccountByName(ctx, ""); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	if time.Since(time.Unix(0, s.probe.wrote.Load())) < store.ProbeInterval {
		return nil
	}
	began := time.Now()
	if err := s.write(ctx, writeAndDelete); err != nil {
		return err
	}
	s.probe.wrote.Store(began.UnixNano())
	return nil
}

func writeAndDelete(ctx context.Context, tx *sql.Tx) error {
	id := "probe " + uuid.NewString()
	_, err := tx.ExecContext(ctx, `INSERT INTO accounts (id, name, created, monthly_quota, rate_per_second, settings) VALUES ($1, $1, 0, 0, 0, $2)`,
		id, "{}"+strings.Repeat(" ", probeBytes))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM accounts WHERE id = $1", id)
	return err
}
