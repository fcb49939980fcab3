// Package recurring runs the tasks of a store, each once per period for all processes on that store. It does not store jobs. The
// store keeps one number for each task: when the task is due. A process that runs a task moves that time first, so that no other
// process runs it too. An idle process reads, and writes nothing.
package recurring

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

const (
	// runTimeout bounds one run of a task.
	runTimeout = 30 * time.Minute
	// lease is how long a task belongs to the process that runs it. It is longer than a run, so that two runs never
	// overlap; after it another process takes over from one that was killed.
	lease = runTimeout + time.Minute
	// maxPause is how long a process sleeps at most before it reads again when a task is due. Another process may have moved that
	// time forward, and clocks are set.
	maxPause = 10 * time.Minute
	// firstRetry is the pause after a failure. It doubles with each further one, up to maxPause.
	firstRetry = 2 * time.Second
	// stopWait is how long a stop waits for the task that runs before it is cancelled.
	stopWait = 10 * time.Second
)

// Schedule keeps when tasks are due, for all processes. Times have whole milliseconds.
type Schedule interface {
	// TaskDue returns when the task is due; the zero time if no process has run it yet.
	TaskDue(ctx context.Context, name string) (time.Time, error)
	// MoveTask sets when the task is due. It returns false, and changes nothing, if the time is not from any more.
	MoveTask(ctx context.Context, name string, from, to time.Time) (moved bool, err error)
}

// Start runs the tasks, one after the other, until stop is called.
func Start(ctx context.Context, schedule Schedule, log *slog.Logger, tasks []store.Task) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &runner{schedule: schedule, log: log, stopping: make(chan struct{})}
	for _, task := range tasks {
		r.tasks = append(r.tasks, &plannedTask{Task: task})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	return sync.OnceFunc(func() {
		defer cancel()
		close(r.stopping)
		select {
		case <-ended:
		case <-time.After(stopWait):
			cancel()
			<-ended
		}
	})
}

type runner struct {
	schedule Schedule
	log      *slog.Logger
	tasks    []*plannedTask
	stopping chan struct{}
}

// plannedTask is a task and when this process looks at it again.
type plannedTask struct {
	store.Task
	next     time.Time
	failures int // since the last success
}

// run runs what is due, and sleeps until the next task is, until the runner stops.
func (r *runner) run(ctx context.Context) {
	for {
		next := time.Now().Add(maxPause)
		for _, task := range r.tasks {
			if r.isStopping() {
				return
			}
			if !task.next.After(time.Now()) {
				task.next = r.runWithRetry(ctx, task)
			}
			if task.next.Before(next) {
				next = task.next
			}
		}
		select {
		case <-r.stopping:
			return
		case <-time.After(time.Until(next)):
		}
	}
}

func (r *runner) isStopping() bool {
	select {
	case <-r.stopping:
		return true
	default:
		return false
	}
}

// runWithRetry runs the task if it is due and no other process runs it. It returns when to look at it again.
func (r *runner) runWithRetry(ctx context.Context, task *plannedTask) time.Time {
	began := time.Now().Truncate(time.Millisecond)
	next, err := r.runDue(ctx, task, began)
	if err == nil {
		task.failures = 0
		return earlierOf(next, time.Now().Add(maxPause))
	}
	retry := time.Now().Add(task.retryPause()).Truncate(time.Millisecond)
	if ctx.Err() != nil {
		r.log.Warn("a recurring task was cancelled at the stop; it runs again after the next start", "task", task.Name)
		retry = began
	} else {
		r.log.Warn("a recurring task failed; it is retried", "task", task.Name, "at", retry, "error", err.Error())
	}
	task.failures++
	// If the store is unavailable this fails too; then the lease runs out.
	r.schedule.MoveTask(context.WithoutCancel(ctx), task.Name, began.Add(lease), retry) //nolint:errcheck
	return retry
}

// runDue runs the task if it is due, and returns when it is due next.
func (r *runner) runDue(ctx context.Context, task *plannedTask, began time.Time) (next time.Time, err error) {
	due, err := r.schedule.TaskDue(ctx, task.Name)
	if err != nil {
		return time.Time{}, fmt.Errorf("read when it is due: %w", err)
	}
	// No process plans as far ahead as latest: a clock was wrong, or the task's period was longer.
	latest := began.Add(task.Every + lease)
	if due.After(began) && !due.After(latest) {
		return due, nil
	}
	held := began.Add(lease)
	moved, err := r.schedule.MoveTask(ctx, task.Name, due, held)
	if err != nil {
		return time.Time{}, fmt.Errorf("reserve it: %w", err)
	}
	if !moved {
		return r.schedule.TaskDue(ctx, task.Name)
	}
	running, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	if err := task.Do(running); err != nil {
		return time.Time{}, err
	}
	next = began.Add(task.Every)
	if _, err := r.schedule.MoveTask(context.WithoutCancel(ctx), task.Name, held, next); err != nil {
		return time.Time{}, fmt.Errorf("note that it is done: %w", err)
	}
	return next, nil
}

// retryPause returns how long to wait after one more failure.
func (p *plannedTask) retryPause() time.Duration {
	pause := firstRetry
	for range p.failures {
		pause = min(2*pause, maxPause)
	}
	return pause
}

func earlierOf(one, other time.Time) time.Time {
	if one.Before(other) {
		return one
	}
	return other
}
