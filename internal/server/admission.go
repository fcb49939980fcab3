package server

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// Pool bounds the checks of one kind: Workers run at once, Queue more wait, each at most Wait; the rest are refused at
// once, before they are read. A zero Workers is one for each core; a zero Wait is 10 seconds.
type Pool struct {
	Workers, Queue int
	Wait           time.Duration
}

// pool has a place for every check that runs or waits, and fewer turns to run. What is still arriving has no place: a slow
// client must not keep another's check from running.
type pool struct {
	places, turns chan struct{}
	wait          time.Duration
	// usual is what a check takes, in nanoseconds: a moving average.
	usual atomic.Int64
}

func newPool(c Pool) *pool {
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Wait == 0 {
		c.Wait = 10 * time.Second
	}
	return &pool{places: make(chan struct{}, c.Workers+c.Queue), turns: make(chan struct{}, c.Workers), wait: c.Wait}
}

// full says whether a check that came now would be refused: no place is free, or those before it would take longer than
// it may wait. Who would wait in vain is better told at once.
func (p *pool) full() bool {
	if len(p.places) == cap(p.places) {
		return true
	}
	ahead := max(0, len(p.places)-cap(p.turns)+1)
	return time.Duration(ahead)*time.Duration(p.usual.Load())/time.Duration(cap(p.turns)) > p.wait
}

// run takes a place, waits for a turn, and runs do. It fails with protocol.ErrOverloaded where there is no place, or no
// turn in time.
func (p *pool) run(ctx context.Context, do func()) error {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		return protocol.ErrOverloaded
	}
	patience := time.NewTimer(p.wait)
	defer patience.Stop()
	select {
	case p.turns <- struct{}{}:
	case <-patience.C:
		return protocol.ErrOverloaded
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turns }()
	began := time.Now()
	do()
	p.took(time.Since(began))
	return nil
}

// took moves the average by an eighth of the way. That two at once may lose one of them does no harm.
func (p *pool) took(d time.Duration) {
	usual := p.usual.Load()
	if usual == 0 {
		usual = int64(d)
	}
	p.usual.Store(usual + (int64(d)-usual)/8)
}

// budget is how many more bytes may be held at once.
type budget struct{ left atomic.Int64 }

// take takes so many bytes, or says that there are not so many left.
func (b *budget) take(bytes int64) bool {
	if b.left.Add(-bytes) < 0 {
		b.left.Add(bytes)
		return false
	}
	return true
}

func (b *budget) giveBack(bytes int64) { b.left.Add(bytes) }

// Checker is what checks pictures and recordings.
type Checker interface {
	Picture(ctx context.Context, data []byte, o check.PictureOptions) (liveness.Verdict, error)
	Recording(ctx context.Context, data []byte, phrase string, o check.RecordingOptions) (liveness.Verdict, error)
}

// Admission is a checker that lets in no more than the pools allow, and counts and logs what comes out.
type Admission struct {
	server  *Server
	checker Checker
}

// Admit returns the checker that the protocols of this server must use.
func (s *Server) Admit(c Checker) *Admission { return &Admission{s, c} }

// Picture checks a picture when its turn has come. It fails with protocol.ErrOverloaded where that takes too long.
func (a *Admission) Picture(ctx context.Context, data []byte, o check.PictureOptions) (v liveness.Verdict, err error) {
	return a.run(ctx, protocol.Picture, func() (liveness.Verdict, error) { return a.checker.Picture(ctx, data, o) })
}

// Recording checks a recording when its turn has come. It fails with protocol.ErrOverloaded where that takes too long.
func (a *Admission) Recording(ctx context.Context, data []byte, phrase string, o check.RecordingOptions) (v liveness.Verdict, err error) {
	return a.run(ctx, protocol.Recording, func() (liveness.Verdict, error) { return a.checker.Recording(ctx, data, phrase, o) })
}

func (a *Admission) run(ctx context.Context, l protocol.Load, check func() (liveness.Verdict, error)) (v liveness.Verdict, err error) {
	if refused := a.server.pools[l].run(ctx, func() { v, err = check() }); refused != nil {
		return v, refused
	}
	if err == nil {
		call := protocol.CallOf(ctx)
		a.server.metrics.verdict(call.Protocol, v)
		call.Log.Info("verdict", "outcome", v.Outcome, "reason", v.Reason, "score", v.Score, "threshold", v.Threshold)
		call.Log.Debug("gates", "gates", v.Gates)
	}
	return v, err
}
