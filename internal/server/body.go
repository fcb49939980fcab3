package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/bonafide-id/bonafide/internal/protocol"
)

const (
	// Each minRateBytes of a body must arrive within minRateTime.
	minRateBytes = 40 << 10
	minRateTime  = 10 * time.Second
	// A client that is refused may send so much more and for so long: many read the reply only when they have sent all.
	maxDrainBytes = 256 << 20
	maxDrainTime  = 5 * time.Second
)

// limitBody wraps every handler. No body is longer than the limit, and none arrives too slowly. What is left of a body after the
// reply is read and dropped. A length over the limit is refused before anything else.
func (s *Server) limitBody(limit int64, writeError errorWriter, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			handle(w, r)
			return
		}
		b := &body{
			unlimited: r.Body, ReadCloser: http.MaxBytesReader(w, r.Body, limit), control: http.NewResponseController(w),
			deadline: protocol.CallFromContext(r.Context()).Arrived.Add(s.config.ReadTimeout),
		}
		if r.ContentLength > limit {
			writeError(w, r, protocol.FaultOf(r.Context(), &http.MaxBytesError{Limit: limit}))
		} else {
			r.Body = b
			handle(w, r)
		}
		b.drain()
	}
}

// errorWriter prints a fault as a reply.
type errorWriter = func(w http.ResponseWriter, r *http.Request, f protocol.Fault)

// body is what a client sends. It fails with http.MaxBytesError over its limit, with protocol.ErrTooSlow under the minimum
// rate, and with what before and arrived say.
type body struct {
	io.ReadCloser // whole, as far as the limit
	unlimited     io.Reader
	control       *http.ResponseController
	// deadline is when all of it must be there.
	deadline time.Time
	// beforeRead is called once, before anything is read, and arrived after each read; nil where nothing is charged.
	beforeRead func() error
	afterRead  func(bytes int64) error

	started       bool
	sinceDeadline int64 // bytes since the deadline was set
	err           error
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	if !b.started {
		b.started = true
		b.setDeadline(time.Now().Add(minRateTime))
		if b.beforeRead != nil {
			b.err = b.beforeRead()
		}
	}
	if b.err != nil {
		return 0, b.err
	}
	n, b.err = b.ReadCloser.Read(p)
	b.extendDeadline(n)
	if errors.Is(b.err, os.ErrDeadlineExceeded) {
		b.err = protocol.ErrTooSlow
	}
	if b.afterRead != nil {
		if err := b.afterRead(int64(n)); err != nil {
			b.err = err
		}
	}
	return n, b.err
}

// extendDeadline sets the next deadline when enough has come since the last, and none when all is there: a check may take longer.
func (b *body) extendDeadline(n int) {
	b.sinceDeadline += int64(n)
	switch {
	case b.err == io.EOF:
		b.control.SetReadDeadline(time.Time{}) //nolint:errcheck // a connection without deadlines is a test's
	case b.sinceDeadline >= minRateBytes:
		b.sinceDeadline = 0
		b.setDeadline(time.Now().Add(minRateTime))
	}
}

func (b *body) setDeadline(t time.Time) {
	if b.deadline.Before(t) {
		t = b.deadline
	}
	b.control.SetReadDeadline(t) //nolint:errcheck // a connection without deadlines is a test's
}

// drain sends the reply and reads past what the client still sends.
func (b *body) drain() {
	if b.err == io.EOF || b.err == protocol.ErrTooSlow {
		return
	}
	b.control.SetReadDeadline(time.Now().Add(maxDrainTime))         //nolint:errcheck // a connection without deadlines is a test's
	b.control.Flush()                                               //nolint:errcheck // the client is gone then
	io.Copy(io.Discard, io.LimitReader(b.unlimited, maxDrainBytes)) //nolint:errcheck // the same
}
