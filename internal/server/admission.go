package server

import (
	"context"
	"runtime"
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

// pool has a place for every request in the house, those that are still arriving too, and fewer turns to be checked.
type pool struct {
	places, turns chan struct{}
	wait          time.Duration
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

// enter takes a place, or says that none is free.
func (p *pool) enter() bool {
	select {
	case p.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p *pool) leave() { <-p.places }

// run waits for a turn and runs do.
func (p *pool) run(ctx context.Context, do func()) error {
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
	do()
	return nil
}

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
