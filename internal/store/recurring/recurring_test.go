package recurring

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// The clock of these tests is synctest's: it stands still while anything runs.

// fakeSchedule is a Schedule in memory. It counts what changed it.
type fakeSchedule struct {
	mu          sync.Mutex
	due         map[string]time.Time
	writes      int
	unavailable bool
}

func (b *fakeSchedule) TaskDue(_ context.Context, name string) (time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unavailable {
		return time.Time{}, store.ErrUnavailable
	}
	return b.due[name], nil
}

func (b *fakeSchedule) MoveTask(_ context.Context, name string, from, to time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unavailable {
		return false, store.ErrUnavailable
	}
	if due, known := b.due[name]; known && !due.Equal(from) {
		return false, nil
	}
	if b.due == nil {
		b.due = map[string]time.Time{}
	}
	b.due[name] = to
	b.writes++
	return true, nil
}

// newLog returns a log and what it has.
func newLog() (*slog.Logger, *strings.Builder) {
	var text strings.Builder
	return slog.New(slog.NewTextHandler(&text, nil)), &text
}

// newTasks returns a task that notes when it began.
func newTasks(began *[]time.Time, every time.Duration, do func(ctx context.Context, n int) error) []store.Task {
	return []store.Task{{Name: "task", Every: every, Do: func(ctx context.Context) error {
		*began = append(*began, time.Now())
		return do(ctx, len(*began))
	}}}
}

func succeeds(context.Context, int) error { return nil }

func TestTwoProcessesRunATaskOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		b := &fakeSchedule{}
		log, text := newLog()
		tasks := newTasks(&began, time.Hour, func(context.Context, int) error { time.Sleep(time.Minute); return nil })
		stopOne, stopOther := Start(t.Context(), b, log, tasks), Start(t.Context(), b, log, tasks)
		time.Sleep(24*time.Hour + 30*time.Minute)
		stopOne()
		stopOther()
		if len(began) != 25 || b.writes != 2*25 || text.Len() > 0 {
			t.Errorf("in a day and a half hour: %d runs, %d writes, want 25 and two for each; log: %s", len(began), b.writes, text)
		}
		for i := 1; i < len(began); i++ {
			if gap := began[i].Sub(began[i-1]); gap < time.Hour || gap > time.Hour+time.Second {
				t.Errorf("run %d began %v after the one before", i, gap)
			}
		}
	})
}

func TestARestartRunsNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		b := &fakeSchedule{}
		log, _ := newLog()
		for range 3 {
			stop := Start(t.Context(), b, log, newTasks(&began, time.Hour, succeeds))
			time.Sleep(10 * time.Minute)
			stop()
		}
		if len(began) != 1 {
			t.Errorf("%d runs in half an hour", len(began))
		}
	})
}

func TestAnotherTakesOverFromAKilledProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		start := time.Now()
		b := &fakeSchedule{due: map[string]time.Time{"task": start.Add(lease)}} // what a process leaves that was killed during a run
		log, _ := newLog()
		stop := Start(t.Context(), b, log, newTasks(&began, 24*time.Hour, succeeds))
		time.Sleep(time.Hour)
		stop()
		if len(began) != 1 || began[0].Sub(start) != lease {
			t.Errorf("it ran at %v, want one run after %v", began, lease)
		}
	})
}

func TestAFailureIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		b := &fakeSchedule{}
		log, text := newLog()
		fails := func(_ context.Context, n int) error {
			if n <= 3 {
				return errors.New("no space left")
			}
			return nil
		}
		start := time.Now()
		stop := Start(t.Context(), b, log, newTasks(&began, time.Hour, fails))
		time.Sleep(30 * time.Minute)
		stop()
		// The pauses are 2, 4 and 8 seconds.
		if len(began) != 4 || began[3].Sub(start) != 14*time.Second {
			t.Errorf("it ran at %v", began)
		}
		if strings.Count(text.String(), "level=WARN") != 3 || !strings.Contains(text.String(), "no space left") {
			t.Errorf("the log has\n%s", text)
		}
	})
}

// A store that is unavailable for hours fills no log, and the task runs soon after.
func TestAnUnavailableStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		b := &fakeSchedule{unavailable: true}
		log, text := newLog()
		stop := Start(t.Context(), b, log, newTasks(&began, time.Hour, succeeds))
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if warnings := strings.Count(text.String(), "level=WARN"); warnings > 10+5*6 || len(began) > 0 {
			t.Errorf("%d warnings, %d runs", warnings, len(began))
		}
		b.mu.Lock()
		b.unavailable = false
		b.mu.Unlock()
		time.Sleep(maxPause)
		stop()
		if len(began) != 1 {
			t.Errorf("%d runs after the store came back", len(began))
		}
	})
}

// A clock that was a year ahead once must not stop the task for a year.
func TestADueTimeFarAheadIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		b := &fakeSchedule{due: map[string]time.Time{"task": time.Now().AddDate(1, 0, 0)}}
		log, _ := newLog()
		stop := Start(t.Context(), b, log, newTasks(&began, time.Hour, succeeds))
		time.Sleep(time.Minute)
		stop()
		if len(began) != 1 {
			t.Errorf("%d runs", len(began))
		}
	})
}

func TestAStopWaitsForAShortTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		b, start := &fakeSchedule{}, time.Now()
		log, text := newLog()
		stop := Start(t.Context(), b, log, newTasks(&began, time.Hour, func(ctx context.Context, _ int) error {
			time.Sleep(5 * time.Second)
			return ctx.Err()
		}))
		time.Sleep(time.Second)
		stop()
		stop() // a second call does nothing
		if time.Since(start) != 5*time.Second || text.Len() > 0 || !b.due["task"].Equal(start.Add(time.Hour)) {
			t.Errorf("stopped after %v, due at %v, log: %s", time.Since(start), b.due["task"], text)
		}
	})
}

func TestAStopCancelsALongTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		b, start := &fakeSchedule{}, time.Now()
		log, text := newLog()
		tasks := newTasks(&began, time.Hour, func(ctx context.Context, n int) error {
			if n > 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		stop := Start(t.Context(), b, log, tasks)
		time.Sleep(time.Second)
		stop()
		if time.Since(start) != time.Second+stopWait || strings.Count(text.String(), "level=WARN") != 1 {
			t.Errorf("stopped after %v, log: %s", time.Since(start), text)
		}
		stop = Start(t.Context(), b, log, tasks)
		time.Sleep(time.Second)
		stop()
		if len(began) != 2 {
			t.Errorf("%d runs, want one more after the next start", len(began))
		}
	})
}
