// Package recurring has the tasks of a store done on River, a job queue in the same database: once for all processes,
// whichever of them are up.
package recurring

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/bonafide-id/bonafide/internal/store"
)

// Migrate brings the queue's tables up to date, forward only.
func Migrate[TTx any](ctx context.Context, driver riverdriver.Driver[TTx]) error {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

const (
	// pollEvery is how often the queue is looked at: a task need not start on the second.
	pollEvery = time.Second
	// taskTimeout bounds one run of a task.
	taskTimeout = 30 * time.Minute
	// stopWait is how long a stop waits for the task that runs before it is told to end.
	stopWait = 10 * time.Second
)

// Start has the tasks done until stop is called. A task's run is a job that can be inserted once in each period of the
// task's length, so that neither a second process nor a restart repeats it.
func Start[TTx any](ctx context.Context, driver riverdriver.Driver[TTx], log *slog.Logger, tasks []store.Task) (stop func(), err error) {
	worker := &worker{log: log, tasks: map[string]store.Task{}}
	var jobs []*river.PeriodicJob
	for _, t := range tasks {
		worker.tasks[t.Name] = t
		jobs = append(jobs, river.NewPeriodicJob(river.PeriodicInterval(t.Every), func() (river.JobArgs, *river.InsertOpts) {
			return run{t.Name}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: t.Every}}
		}, &river.PeriodicJobOpts{ID: t.Name, RunOnStart: true}))
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client, err := river.NewClient(driver, &river.Config{
		Logger:            slog.New(quieter{log.Handler(), new(atomic.Int64)}),
		PeriodicJobs:      jobs,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}},
		Workers:           workers,
		PollOnly:          true,
		FetchPollInterval: pollEvery,
		JobTimeout:        taskTimeout,
		SoftStopTimeout:   stopWait,
	})
	if err != nil {
		return nil, fmt.Errorf("recurring tasks: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("recurring tasks: %w", err)
	}
	return func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*stopWait)
		defer cancel()
		if err := client.Stop(stopping); err != nil {
			log.Warn("a recurring task was cut off; it is done again", "error", err.Error())
		}
	}, nil
}

// run is one run of a task.
type run struct {
	Task string `json:"task"`
}

// Kind implements river.JobArgs.
func (run) Kind() string { return "task" }

type worker struct {
	river.WorkerDefaults[run]
	log   *slog.Logger
	tasks map[string]store.Task
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[run]) error {
	task, known := w.tasks[job.Args.Task]
	if !known {
		return river.JobCancel(fmt.Errorf("there is no task %q any more", job.Args.Task))
	}
	if err := task.Do(ctx); err != nil {
		w.log.Warn("a recurring task failed; it is tried again", "task", task.Name, "error", err.Error())
		return err
	}
	return nil
}

// quieter makes of River's words one warning a minute; the rest is for debugging. A database that is away for a while is
// complained of by every part of River, again and again.
type quieter struct {
	slog.Handler
	last *atomic.Int64 // when the last warning was, in seconds
}

const quiet = 60 // seconds

func (q quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, max(l, slog.LevelDebug))
}

func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	last, now := q.last.Load(), r.Time.Unix()
	if r.Level >= slog.LevelWarn && now-last >= quiet && q.last.CompareAndSwap(last, now) {
		r.Level = slog.LevelWarn
	} else {
		r.Level = slog.LevelDebug
	}
	if !q.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(attrs), q.last}
}

func (q quieter) WithGroup(name string) slog.Handler {
	return quieter{q.Handler.WithGroup(name), q.last}
}
