package protocol

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
)

// Fault is an error on its way to a client. Each protocol prints it in its own shape.
type Fault struct {
	// Status is the HTTP status.
	Status int
	// Message is a sentence for the client. It carries nothing of the inside.
	Message string
	// RetryAfter, when it is not 0, is when the same request may succeed.
	RetryAfter time.Duration
	// Cause is what the fault was made of, for errors.Is. It is never printed.
	Cause error
}

// Error implements error.
func (f Fault) Error() string { return f.Message }

// Unwrap returns the cause.
func (f Fault) Unwrap() error { return f.Cause }

// BadRequest returns a fault of the request's form.
func BadRequest(format string, args ...any) Fault {
	return Fault{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// ErrOverloaded is what a checker returns that has no place free.
var ErrOverloaded = errors.New("too many checks are running")

// ErrTooSlow is what reading a body fails with that does not arrive at the minimum rate.
var ErrTooSlow = errors.New("the body arrives too slowly")

// overloadRetry is when to try again after an overload: about as long as a queue takes to drain.
const overloadRetry = 2 * time.Second

// triesRetry is when to try again after too many failed attempts.
const triesRetry = 5 * time.Second

// statusClientGone is what the log shows for a client that hung up; nobody reads the reply.
const statusClientGone = 499

// FaultOf turns an error into what may be told of it. What is nobody's but the server's fault is logged under an incident
// id, and the id is all that is told.
func FaultOf(ctx context.Context, err error) Fault {
	var fault Fault
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &fault):
		return fault
	case errors.As(err, &tooLarge):
		return Fault{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("The request is larger than %d bytes.", tooLarge.Limit), Cause: err}
	case errors.Is(err, account.ErrUnauthorized):
		CallFromContext(ctx).Log.Info("refused", "error", err)
		return Fault{Status: http.StatusUnauthorized, Message: "The credentials are missing or not valid.", Cause: err}
	case errors.Is(err, account.ErrThrottled):
		CallFromContext(ctx).Log.Warn("throttled", "error", err)
		return Fault{Status: http.StatusTooManyRequests, Message: "Too many failed attempts. Try again later.", RetryAfter: triesRetry, Cause: err}
	case errors.Is(err, account.ErrRate):
		return Fault{Status: http.StatusTooManyRequests, Message: "Too many requests in this second.", RetryAfter: time.Second, Cause: err}
	case errors.Is(err, account.ErrQuota):
		return Fault{Status: http.StatusTooManyRequests, Message: "The monthly quota is used up.", RetryAfter: restOfMonth(time.Now()), Cause: err}
	case errors.Is(err, ErrOverloaded):
		return Fault{Status: http.StatusServiceUnavailable, Message: "The server is overloaded.", RetryAfter: overloadRetry, Cause: err}
	case errors.Is(err, ErrTooSlow):
		return Fault{Status: http.StatusRequestTimeout, Message: "The request's body did not arrive in time.", Cause: err}
	case ctx.Err() != nil:
		return Fault{Status: statusClientGone, Message: "The client closed the connection.", Cause: err}
	case errors.Is(err, account.ErrUnavailable):
		CallFromContext(ctx).Log.Error("the store does not answer", "error", err)
		return Fault{Status: http.StatusServiceUnavailable, Message: "The server cannot answer now.", RetryAfter: overloadRetry, Cause: err}
	}
	return incident(ctx, "internal error", "error", err)
}

// Panic returns the fault of a handler that panicked. Call it from the deferred function that recovered.
func Panic(ctx context.Context, recovered any) Fault {
	return incident(ctx, "panic", "panic", fmt.Sprint(recovered), "stack", string(debug.Stack()))
}

// incident logs what happened under an id that is short enough to be read out on the telephone.
func incident(ctx context.Context, what string, details ...any) Fault {
	call := CallFromContext(ctx)
	id := call.ID[:8]
	call.Log.Error(what, append(details, "incident", id)...)
	return Fault{Status: http.StatusInternalServerError, Message: fmt.Sprintf("Internal error. See incident %s in the server's log.", id)}
}

func restOfMonth(now time.Time) time.Duration {
	year, month, _ := now.UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Sub(now)
}

// Headers sets the headers that go with the fault. The connection ends with the reply: else net/http would first wait for
// what may be left of the body, and a refusal must not.
func (f Fault) Headers(h http.Header) {
	h.Set("Connection", "close")
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
}
