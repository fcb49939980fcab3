package server

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// Pool limits the checks of one kind. Workers run at the same time, and Queue more wait, each at most Wait. The rest are refused
// before they are read. A zero Workers is one for each core; a zero Wait is 10 seconds.
type Pool struct {
	Workers, Queue int
	Wait           time.Duration
}

// maxCheckTime is how long a running check may take by the clock. A longer one ends as an overload: the media's own cost is
// limited in processor time.
const maxCheckTime = time.Minute

// pool gives workers to the accounts one after the other, and within an account to the addresses of browsers. Each owner's checks
// run in the order in which they come. What is still arriving has no queue slot: a slow client must not keep another's check from
// running.
type pool struct {
	workers, queue    int
	wait, maxDuration time.Duration

	mu      sync.Mutex
	running int
	active  map[*activeCheck]bool
	waiting []*waiter // in the order of their turns
	// The average is a moving one of the time of a check; 0 until one has ended. The other two are the time of the last check,
	// and when the last worker was given.
	average, last time.Duration
	started       time.Time
}

// waiter is a check that waits since then. It is told once: nil gives it a worker.
type waiter struct {
	owner    owner
	since    time.Time
	admitted chan error
}

// activeCheck is a check that has a worker since began. giveWay ends it as an overload.
type activeCheck struct {
	account string
	began   time.Time
	giveWay context.CancelFunc
}

func newPool(c Pool) *pool {
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Wait == 0 {
		c.Wait = 10 * time.Second
	}
	return &pool{workers: c.Workers, queue: c.Queue, wait: c.Wait, maxDuration: maxCheckTime, active: map[*activeCheck]bool{}}
}

// wouldRefuse reports whether a check of the owner that came now would be refused.
func (p *pool) wouldRefuse(o owner) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &waiter{owner: o}
	return p.running == p.workers && !p.canAdmit(p.orderWith(w), w, time.Now())
}

// orderWith returns the order of turns if w waited too.
func (p *pool) orderWith(w *waiter) []*waiter {
	order := alternate(append(slices.Clone(p.waiting), w), func(o owner) owner { return o })
	return alternate(order, func(o owner) owner { return owner{account: o.account} })
}

// alternate sorts waiters so that everybody's first comes before anybody's second.
func alternate(waiting []*waiter, who func(owner) owner) []*waiter {
	rank, count := map[*waiter]int{}, map[owner]int{}
	for _, w := range waiting {
		rank[w] = count[who(w.owner)]
		count[who(w.owner)]++
	}
	slices.SortStableFunc(waiting, func(a, b *waiter) int { return rank[a] - rank[b] })
	return waiting
}

// canAdmit reports whether w gets a queue slot, and a worker within half of the maximum wait. It assumes that each check takes
// the longest of three times: the average, the last check's, and that of the running checks so far. The other half is for checks
// that become slower after that: an admitted check should get a worker.
func (p *pool) canAdmit(order []*waiter, w *waiter, now time.Time) bool {
	slow := max(p.average, p.last, now.Sub(p.started))
	position := slices.Index(order, w)
	return position < p.queue && p.drainTime(position, slow) <= p.wait/2
}

// drainTime returns how long so many checks take that each take so long.
func (p *pool) drainTime(checks int, each time.Duration) time.Duration {
	return time.Duration(checks) * each / time.Duration(p.workers)
}

// run waits for a worker and runs do, whose context ends when it has taken too long. It fails with protocol.ErrOverloaded without a
// free queue slot, without a worker in time, or if do runs out of time. Otherwise it returns the error of do.
func (p *pool) run(ctx context.Context, do func(context.Context) error) error {
	if err := p.waitForWorker(ctx); err != nil {
		return err
	}
	timed, cancel := context.WithTimeout(ctx, p.maxDuration)
	defer cancel()
	defer p.freeWorker(p.activate(protocol.CallFromContext(ctx).Account, cancel))
	err := do(timed)
	if err != nil && timed.Err() != nil && ctx.Err() == nil {
		return protocol.ErrOverloaded
	}
	return err
}

// waitForWorker waits for a worker. Each call that returns nil needs one of freeWorker.
func (p *pool) waitForWorker(ctx context.Context) error {
	w, err := p.startOrQueue(ownerOf(protocol.CallFromContext(ctx)), time.Now())
	if w == nil {
		return err
	}
	halfway, patience := time.NewTimer(p.wait/2), time.NewTimer(p.wait)
	defer halfway.Stop()
	defer patience.Stop()
	for err == nil {
		select {
		case err := <-w.admitted:
			return err
		case <-halfway.C:
			p.makeWay(w.owner.account)
		case <-patience.C:
			err = protocol.ErrOverloaded
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if p.removeFromQueue(w) {
		return err
	}
	return <-w.admitted // it was told meanwhile
}

// activate notes a check that has a worker.
func (p *pool) activate(account string, giveWay context.CancelFunc) *activeCheck {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := &activeCheck{account, time.Now(), giveWay}
	p.active[a] = true
	return a
}

// makeWay ends the longest check of another account that has all workers, if it takes longer than half of the wait. So one account
// cannot stop all others with a few costly recordings.
func (p *pool) makeWay(account string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var longest *activeCheck
	for a := range p.active {
		if a.account == account || longest != nil && a.account != longest.account {
			return
		}
		if longest == nil || a.began.Before(longest.began) {
			longest = a
		}
	}
	if len(p.active) == p.workers && time.Since(longest.began) >= p.wait/2 {
		longest.giveWay()
	}
}

// nextWaiter returns the index of the first waiter of those whose accounts have the fewest workers.
func (p *pool) nextWaiter() int {
	workers := map[string]int{}
	for a := range p.active {
		workers[a.account]++
	}
	next := 0
	for i, w := range p.waiting {
		if workers[w.owner.account] < workers[p.waiting[next].owner.account] {
			next = i
		}
	}
	return next
}

// startOrQueue gets a worker or a queue slot; without a waiter, the error says whether it was a worker. In a full queue the last
// waiter is refused: it belongs to the owner with the most.
func (p *pool) startOrQueue(o owner, now time.Time) (*waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuseLate(now)
	if p.running < p.workers {
		p.running++
		p.started = now
		return nil, nil
	}
	w := &waiter{o, now, make(chan error, 1)}
	order := p.orderWith(w)
	if !p.canAdmit(order, w, now) {
		return nil, protocol.ErrOverloaded
	}
	if len(order) > p.queue {
		order[p.queue].admitted <- protocol.ErrOverloaded
		order = order[:p.queue]
	}
	p.waiting = order
	return w, nil
}

// freeWorker gives the worker of a check to the next one.
func (p *pool) freeWorker(ended *activeCheck) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.active, ended)
	now := time.Now()
	p.recordDuration(now.Sub(ended.began))
	p.refuseLate(now)
	if len(p.waiting) == 0 {
		p.running--
		return
	}
	p.started = now
	next := p.nextWaiter()
	p.waiting[next].admitted <- nil
	p.waiting = slices.Delete(p.waiting, next, next+1)
}

// recordDuration notes what a check took; it moves the average by an eighth of the way.
func (p *pool) recordDuration(d time.Duration) {
	if p.average == 0 {
		p.average = d
	}
	p.average += (d - p.average) / 8
	p.last = d
}

// refuseLate refuses the waiters who will not get a worker in time, because checks have become slower since their admission. One
// check that takes long is not a reason to refuse others; a longer average is.
func (p *pool) refuseLate(now time.Time) {
	before := 0
	p.waiting = slices.DeleteFunc(p.waiting, func(w *waiter) bool {
		if now.Sub(w.since)+p.drainTime(before, p.average) <= p.wait {
			before++
			return false
		}
		w.admitted <- protocol.ErrOverloaded
		return true
	})
}

// removeFromQueue takes one out of the queue, unless it has been told.
func (p *pool) removeFromQueue(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, w)
	if i < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	return true
}

// countChecks returns how many run and how many wait.
func (p *pool) countChecks() (running, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running, len(p.waiting)
}

// Checker is what checks pictures and recordings.
type Checker interface {
	CheckPicture(ctx context.Context, data []byte, o check.PictureOptions) (liveness.Verdict, error)
	CheckRecording(ctx context.Context, data []byte, phrase string, o check.RecordingOptions) (liveness.Verdict, error)
}

// Admission is a checker that lets in no more than the pools allow, and counts and logs what comes out.
type Admission struct {
	server  *Server
	checker Checker
}

// LimitChecker returns the checker that the protocols of this server must use.
func (s *Server) LimitChecker(c Checker) *Admission { return &Admission{s, c} }

// CheckPicture checks a picture when its turn has come. It fails with protocol.ErrOverloaded where that takes too long.
func (a *Admission) CheckPicture(ctx context.Context, data []byte, o check.PictureOptions) (v liveness.Verdict, err error) {
	return a.run(ctx, protocol.Picture, func(ctx context.Context) (liveness.Verdict, error) { return a.checker.CheckPicture(ctx, data, o) })
}

// CheckRecording checks a recording when its turn has come. It fails with protocol.ErrOverloaded where that takes too long.
func (a *Admission) CheckRecording(ctx context.Context, data []byte, phrase string, o check.RecordingOptions) (v liveness.Verdict, err error) {
	return a.run(ctx, protocol.Recording, func(ctx context.Context) (liveness.Verdict, error) {
		return a.checker.CheckRecording(ctx, data, phrase, o)
	})
}

func (a *Admission) run(ctx context.Context, l protocol.MediaKind, check func(context.Context) (liveness.Verdict, error)) (v liveness.Verdict, err error) {
	err = a.server.pools[l].run(ctx, func(ctx context.Context) (err error) {
		v, err = check(ctx)
		return err
	})
	if err == nil {
		call := protocol.CallFromContext(ctx)
		a.server.metrics.verdict(call.Protocol, v)
		call.Log.Info("verdict", "outcome", v.Outcome, "reason", v.Reason, "score", v.Score, "threshold", v.Threshold)
		call.Log.Debug("gates", "gates", v.Gates)
	}
	return v, err
}
