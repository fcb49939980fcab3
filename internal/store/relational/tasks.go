package relational

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/recurring"
)

var _ recurring.Schedule = (*Store)(nil)

// RunTasks implements store.Store.
func (s *Store) RunTasks(ctx context.Context, log *slog.Logger, tasks ...store.Task) (stop func()) {
	return recurring.Start(ctx, s, log, tasks)
}

// TaskDue implements recurring.Schedule.
func (s *Store) TaskDue(ctx context.Context, name string) (time.Time, error) {
	var due int64
	err := s.queryRow(ctx, []any{&due}, "SELECT due FROM tasks WHERE name = $1", name)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	return fromMillis(due), err
}

// MoveTask implements recurring.Schedule.
func (s *Store) MoveTask(ctx context.Context, name string, from, to time.Time) (moved bool, err error) {
	n, err := s.execute(ctx, `INSERT INTO tasks (name, due) VALUES ($1, $3)
		ON CONFLICT (name) DO UPDATE SET due = excluded.due WHERE tasks.due = $2`, name, toMillis(from), toMillis(to))
	return n > 0, err
}
