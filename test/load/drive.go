package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/bonafide-id/bonafide/test/process"
)

// kind is what is sent.
type kind struct {
	name string
	send func(context.Context) (process.Reply, error)
}

func (t *target) pictures() kind { return t.picturesOf(t.picture) }

func (t *target) picturesOf(data []byte) kind {
	return kind{"pictures", func(ctx context.Context) (process.Reply, error) { return t.client.FaceLiveness(ctx, data) }}
}

func (t *target) recordings() kind {
	return kind{"recordings", func(ctx context.Context) (process.Reply, error) {
		transaction, err := t.client.Challenge(ctx)
		if err != nil {
			return process.Reply{}, err
		}
		return t.client.Verify(ctx, transaction, t.recording)
	}}
}

// outcome is what came of a phase.
type outcome struct {
	lasted            time.Duration
	answered, refused []time.Duration // how long each took
	failed            map[string]int
	cpu               spent
}

// spent is processor time, of the server, of this client, and of whatever else the machine does.
type spent struct{ server, client, other time.Duration }

func (s spent) plus(o spent) spent {
	return spent{s.server + o.server, s.client + o.client, s.other + o.other}
}

// spent returns what has been spent so far. The figures of a process that has gone are 0.
func (t *target) spent() spent {
	server, _ := t.server.CPU()
	all, _ := process.AllCPU()
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	client := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	return spent{server, client, all - server - client}
}

// addCost adds to a phase what it spent.
func (t *target) addCost(phase func() outcome) outcome {
	before := t.spent()
	out := phase()
	after := t.spent()
	out.cpu = spent{after.server - before.server, after.client - before.client, after.other - before.other}
	return out
}

// cost returns what a phase spent.
func (t *target) cost(o outcome) string {
	share := func(d time.Duration, cores int) float64 {
		return 100 * d.Seconds() / o.lasted.Seconds() / float64(cores)
	}
	each := o.cpu.server.Seconds() * 1000 / max(1, float64(len(o.answered)))
	return fmt.Sprintf("%.1f ms of the server's CPU for each answer; of its cores, the server took %.0f%%; of all, others took %.0f%%",
		each, share(o.cpu.server, t.cores), share(o.cpu.other, runtime.NumCPU()))
}

// goodput returns the answers a second.
func (o outcome) goodput() float64 { return float64(len(o.answered)) / o.lasted.Seconds() }

func (o *outcome) merge(other outcome) {
	o.lasted += other.lasted
	o.cpu = o.cpu.plus(other.cpu)
	o.answered, o.refused = append(o.answered, other.answered...), append(o.refused, other.refused...)
	for text, n := range other.failed {
		o.fail(text, n)
	}
}

func (o *outcome) fail(text string, n int) {
	if o.failed == nil {
		o.failed = map[string]int{}
	}
	o.failed[text] += n
}

func (o outcome) String() string {
	text := fmt.Sprintf("%.2f/s answered, in %v at the median, %v at the 99th percentile", o.goodput(),
		percentile(o.answered, 50), percentile(o.answered, 99))
	if len(o.refused) > 0 {
		text += fmt.Sprintf("; %d refused, in %v, %v", len(o.refused), percentile(o.refused, 50), percentile(o.refused, 99))
	}
	if len(o.failed) > 0 {
		text += fmt.Sprintf("; FAILED: %v", o.failed)
	}
	return text
}

func percentile(of []time.Duration, p int) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Round(100 * time.Microsecond)
}

// drive collects a phase.
type drive struct {
	mu   sync.Mutex
	out  outcome
	sent sync.WaitGroup
}

func (d *drive) sendOne(ctx context.Context, k kind) {
	reply, err := k.send(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ctx.Err() != nil: // the phase is over
	case err != nil:
		d.out.fail(err.Error(), 1)
	case reply.Status == http.StatusOK:
		d.out.answered = append(d.out.answered, reply.Took)
	case reply.Status == http.StatusServiceUnavailable:
		d.out.refused = append(d.out.refused, reply.Took)
	default:
		d.out.fail(fmt.Sprintf("status %d", reply.Status), 1)
	}
}

// runClosed sends as fast as so many clients get their answers.
func runClosed(ctx context.Context, k kind, clients int, lasting time.Duration) outcome {
	d := &drive{}
	ctx, cancel := context.WithTimeout(ctx, lasting)
	defer cancel()
	for range clients {
		d.sent.Go(func() {
			for ctx.Err() == nil {
				d.sendOne(ctx, k)
			}
		})
	}
	d.sent.Wait()
	d.out.lasted = lasting
	return d.out
}

// runOpen sends so many a second, however few are answered. Those that are under way at the end are waited for, and count:
// what a server answers late is an answer. The time until the last answer counts too.
func runOpen(ctx context.Context, k kind, rate float64, lasting time.Duration) outcome {
	d := &drive{}
	began := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		due := began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		if due.Sub(began) >= lasting {
			break
		}
		time.Sleep(time.Until(due))
		d.sent.Go(func() { d.sendOne(ctx, k) })
	}
	d.sent.Wait()
	d.out.lasted = time.Since(began)
	return d.out
}
