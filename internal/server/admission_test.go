package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bonafide-id/bonafide/internal/protocol"
)

// The clock of these tests is synctest's: it stands still while anything runs.

// asked is one request: when it came, when it was told, and what.
type asked struct {
	came, told time.Duration
	err        error
}

// crowd asks a pool for turns at the given times; a check takes what lasts says at its begin. It returns when all have
// been told.
func crowd(p *pool, at []time.Duration, lasts func(since time.Duration) time.Duration) []asked {
	out, began := make([]asked, len(at)), time.Now()
	done := make(chan struct{})
	for i, when := range at {
		go func() {
			time.Sleep(when)
			out[i].came, out[i].told = when, -1
			out[i].err = p.run(context.Background(), func(context.Context) error {
				out[i].told = time.Since(began)
				time.Sleep(lasts(out[i].told))
				return nil
			})
			if out[i].told < 0 {
				out[i].told = time.Since(began)
			}
			done <- struct{}{}
		}()
	}
	for range at {
		<-done
	}
	return out
}

// every returns so many times, so far apart.
func every(gap time.Duration, n int) (at []time.Duration) {
	for i := range n {
		at = append(at, time.Duration(i)*gap)
	}
	return at
}

func always(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

func isServed(a asked) bool { return a.err == nil }

// At five times the capacity a pool is never idle, and refusals are immediate.
func TestOverloadIsRefusedImmediately(t *testing.T) {
	for _, workers := range []int{1, 2, 16} {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(Pool{Workers: workers, Queue: 100, Wait: 10 * time.Second})
			const check, long = time.Second, 60 * time.Second
			gap := check / time.Duration(5*workers)
			all := crowd(p, every(gap, int(long/gap)), always(check))
			count := 0
			for _, a := range all {
				wait := a.told - a.came
				if isServed(a) {
					count++
				}
				// Before a check has ended nobody knows how long one takes.
				switch settled := a.came > 10*time.Second; {
				case isServed(a) && wait > 10*time.Second, settled && isServed(a) && wait > 6*time.Second:
					t.Errorf("%d workers: one that came after %v waited %v", workers, a.came, wait)
				case settled && !isServed(a) && wait > 0:
					t.Errorf("%d workers: one that came after %v was refused after %v", workers, a.came, wait)
				}
			}
			if least := workers * int(long/check); count < least {
				t.Errorf("%d workers: %d checks in %v, want at least %d", workers, count, long, least)
			}
		})
	}
}

// Where checks become half as slow again, those that wait for them are served all the same. If they become six times as slow,
// some of those that wait are not. But nobody who comes after that waits in vain.
func TestChecksThatGrowSlower(t *testing.T) {
	const change, seen = 30 * time.Second, 36 * time.Second
	for slower, inVain := range map[float64]bool{1.5: false, 6: true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(Pool{Workers: 2, Queue: 100, Wait: 10 * time.Second})
			all := crowd(p, every(100*time.Millisecond, 900), func(since time.Duration) time.Duration {
				if since < change {
					return time.Second
				}
				return time.Duration(slower * float64(time.Second))
			})
			late := 0
			for _, a := range all {
				wait := a.told - a.came
				if a.came < change-10*time.Second || isServed(a) || wait == 0 {
					continue
				}
				late++
				if a.came > seen || wait > 10*time.Second {
					t.Errorf("%v times slower: one that came after %v was refused after %v", slower, a.came, wait)
				}
			}
			if late > 0 != inVain {
				t.Errorf("%v times slower: %d were refused late", slower, late)
			}
		})
	}
}

// While nothing comes out, nobody is let in who would wait for all before him to come out as slowly.
func TestChecksThatHangLetNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Pool{Workers: 2, Queue: 100, Wait: 10 * time.Second})
		crowd(p, every(time.Second, 10), always(time.Second))
		hang := append(slices.Repeat([]time.Duration{0}, 5), 4*time.Second, 5*time.Second)
		all := crowd(p, hang, always(30*time.Second))
		for i, a := range all {
			switch wait := a.told - a.came; {
			case i >= 5 && (isServed(a) || wait > 0):
				t.Errorf("request %d came while everything hung: %v after %v", i, a.err, wait)
			case !isServed(a) && wait > 10*time.Second:
				t.Errorf("request %d waited %v", i, wait)
			}
		}
	})
}

// One check that takes long sends nobody away who waits behind it.
func TestOneLongCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Pool{Workers: 1, Queue: 100, Wait: 10 * time.Second})
		crowd(p, every(time.Second, 10), always(time.Second))
		all := crowd(p, every(time.Millisecond, 5), func(since time.Duration) time.Duration {
			if since == 0 {
				return 5 * time.Second
			}
			return time.Second
		})
		if slices.ContainsFunc(all, func(a asked) bool { return !isServed(a) }) {
			t.Errorf("%+v", all)
		}
	})
}

func TestTheQueueKeepsItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Pool{Workers: 2, Queue: 10, Wait: time.Minute})
		all := crowd(p, every(time.Millisecond, 12), always(time.Second))
		if !slices.IsSortedFunc(all, func(a, b asked) int { return int(a.told - b.told) }) {
			t.Errorf("%+v", all)
		}
	})
}

func TestAQueueHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Pool{Workers: 1, Queue: 3, Wait: time.Minute})
		all := crowd(p, every(time.Millisecond, 6), always(time.Second))
		for i, a := range all {
			if isServed(a) != (i < 4) {
				t.Errorf("request %d: %v", i, a.err)
			}
		}
	})
}

// Who gives up, or panics, leaves the pool as it was.
func TestQueueSlotsAreReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Pool{Workers: 1, Queue: 3, Wait: 10 * time.Second})
		go func() {
			defer func() { _ = recover() }()
			_ = p.run(t.Context(), func(context.Context) error { time.Sleep(time.Minute); panic("a fault in a check") })
		}()
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.run(impatient, func(context.Context) error { t.Error("it had a turn"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		began := time.Now()
		if err := p.run(t.Context(), func(context.Context) error { t.Error("it had a turn"); return nil }); !errors.Is(err, protocol.ErrOverloaded) || time.Since(began) != 10*time.Second {
			t.Error(err, time.Since(began))
		}
		time.Sleep(time.Minute)
		if running, waiting := p.countChecks(); running != 0 || waiting != 0 {
			t.Errorf("%d run and %d wait", running, waiting)
		}
	})
}

// contextOf returns a context of a call of the owner.
func contextOf(who owner) context.Context {
	ctx, call := protocol.NewCall(context.Background(), slog.New(slog.DiscardHandler))
	call.Account, call.Visitor = who.account, who.address
	return ctx
}

// runQueued sends checks of a second each, a moment apart, to a pool with one worker, and returns whose came to an end, in
// order.
func runQueued(t *testing.T, queue int, from []owner) (ended []string) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Pool{Workers: 1, Queue: queue, Wait: time.Hour})
		var all sync.WaitGroup
		for _, who := range from {
			all.Go(func() {
				_ = p.run(contextOf(who), func(context.Context) error {
					time.Sleep(time.Second)
					ended = append(ended, who.account+who.address)
					return nil
				})
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
	})
	return ended
}

// Accounts take turns, and so do the addresses within one.
func TestAccountsAlternate(t *testing.T) {
	greedy, other, third := owner{account: "g"}, owner{account: "o"}, owner{account: "t"}
	got := strings.Join(runQueued(t, 10, []owner{greedy, greedy, greedy, greedy, greedy, other, other, third}), "")
	if got != "ggotgogg" {
		t.Errorf("the order is %s", got)
	}
	one, two := owner{"g", "1"}, owner{"g", "2"}
	got = strings.Join(runQueued(t, 10, []owner{one, one, one, one, two, other, two}), "")
	if got != "g1g1og2g1g2g1" {
		t.Errorf("the order is %s", got)
	}
}

// A full queue still takes a check of an account that has fewer there, and lets go of one of that which has most.
func TestAFullQueueRefusesTheLargestOwner(t *testing.T) {
	greedy, other := owner{account: "g"}, owner{account: "o"}
	if got := strings.Join(runQueued(t, 3, []owner{greedy, greedy, greedy, greedy, greedy, other}), ""); got != "ggog" {
		t.Errorf("the order is %s", got)
	}
	if got := strings.Join(runQueued(t, 3, []owner{greedy, greedy, other, greedy, other, other, other}), ""); got != "ggog" && got != "ggogo" {
		t.Errorf("the order is %s", got)
	}
	p := newPool(Pool{Workers: 1, Queue: 1, Wait: time.Hour})
	if w, err := p.startOrQueue(greedy, time.Now()); w != nil || err != nil || p.wouldRefuse(greedy) {
		t.Error(w, err)
	}
	if w, err := p.startOrQueue(greedy, time.Now()); w == nil || err != nil || !p.wouldRefuse(greedy) || !p.wouldRefuse(other) {
		t.Error(w, err)
	}
}

// A check that runs out of time because the machine is busy is an overload. One that fails by itself, or whose client is gone, is
// not.
func TestChecksThatTakeTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Pool{Workers: 1})
		stalled := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		began := time.Now()
		if err := p.run(t.Context(), stalled); !errors.Is(err, protocol.ErrOverloaded) || time.Since(began) != maxCheckTime {
			t.Errorf("stalled: %v after %v", err, time.Since(began))
		}
		own := errors.New("its own")
		if err := p.run(t.Context(), func(context.Context) error { return own }); !errors.Is(err, own) {
			t.Errorf("failed: %v", err)
		}
		if err := p.run(t.Context(), func(context.Context) error { time.Sleep(2 * maxCheckTime); return nil }); err != nil {
			t.Errorf("late, but done: %v", err)
		}
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.run(gone, stalled); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("client gone: %v", err)
		}
	})
}

// TestAStopOutlastsEveryCheck: a request that waits and is checked as long as it may gets its reply before a stop cuts it off.
func TestAStopOutlastsEveryCheck(t *testing.T) {
	longest := newPool(Pool{}).wait + maxCheckTime
	if stop := (Config{}).withDefaults().StopTimeout; stop < longest {
		t.Errorf("a stop waits for %v, a check may take %v", stop, longest)
	}
}

// An account that has all workers with long checks gives one to another account that waits, and to nobody else.
func TestLongChecksMakeWay(t *testing.T) {
	for name, c := range map[string]struct {
		other     string
		overloads int
	}{"of another account": {"o", 1}, "of the same account": {"g", 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(Pool{Workers: 2, Queue: 8, Wait: 10 * time.Second})
				var all sync.WaitGroup
				var overloads atomic.Int32
				start := time.Now()
				for range 2 {
					all.Go(func() {
						err := p.run(contextOf(owner{account: "g"}), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
						if errors.Is(err, protocol.ErrOverloaded) && time.Since(start) < maxCheckTime/2 {
							overloads.Add(1)
						}
					})
				}
				time.Sleep(time.Second)
				began := time.Now()
				err := p.run(contextOf(owner{account: c.other}), func(context.Context) error { return nil })
				if served := err == nil; served != (c.overloads > 0) || served && time.Since(began) != 5*time.Second {
					t.Errorf("%v after %v", err, time.Since(began))
				}
				if int(overloads.Load()) != c.overloads {
					t.Errorf("%d checks gave way, want %d", overloads.Load(), c.overloads)
				}
				all.Wait()
			})
		})
	}
}

// A free worker goes to the account with the fewest.
func TestTheAccountWithFewestWorkersIsNext(t *testing.T) {
	p := newPool(Pool{Workers: 2, Queue: 8})
	p.activate("g", func() {})
	p.waiting = []*waiter{{owner: owner{account: "g"}}, {owner: owner{account: "o"}}, {owner: owner{account: "o"}}}
	if next := p.nextWaiter(); next != 1 {
		t.Errorf("waiter %d", next)
	}
}
