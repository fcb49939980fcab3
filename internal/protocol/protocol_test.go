package protocol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
)

func TestFloor(t *testing.T) {
	for _, c := range []struct {
		x        float64
		decimals int
		want     string
	}{
		{98.7, 1, "98.7"}, {100 * 0.57, 1, "57.0"}, {100 * 0.29, 1, "29.0"}, {100 * 0.979999, 1, "97.9"}, {100, 1, "100.0"}, {99.999, 1, "99.9"},
		{0, 1, "0.0"}, {0.09, 1, "0.0"}, {0.98765, 4, "0.9876"}, {0.6, 4, "0.6"}, {0.59999, 4, "0.5999"}, {0.9997104, 7, "0.9997104"}, {1, 7, "1.0"}, {1e-9, 7, "0.0"},
	} {
		if got := Floor(c.x, c.decimals); got.String() != c.want {
			t.Errorf("Floor(%v, %d) is %s, want %s", c.x, c.decimals, got, c.want)
		}
	}
	for range 100000 { // every number of so many decimals stays what it is, and none grows
		p := float64(rand.IntN(1001)) / 1000
		if got, _ := Floor(100*p, 1).Float64(); strconv.FormatFloat(got, 'f', 1, 64) != strconv.FormatFloat(100*p, 'f', 1, 64) {
			t.Fatalf("Floor(100*%v, 1) is %v", p, got)
		}
		p = rand.Float64()
		if got, _ := Floor(p, 4).Float64(); got > p || p-got >= 0.0001 {
			t.Fatalf("Floor(%v, 4) is %v", p, got)
		}
	}
}

func TestRound(t *testing.T) {
	for x, want := range map[float64]string{38.05768: "38.0577", -4.5: "-4.5", 25.39566: "25.3957", 12: "12.0", -0.00001: "0.0", 1e6: "1000000.0"} {
		if got := Round(x, 4); got.String() != want {
			t.Errorf("Round(%v) is %s, want %s", x, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx    context.Context
		err    error
		status int
		retry  bool
	}{
		{t.Context(), account.ErrUnauthorized, 401, false},
		{t.Context(), account.ErrRate, 429, true},
		{t.Context(), account.ErrQuota, 429, true},
		{t.Context(), account.ErrUnavailable, 503, true},
		{t.Context(), ErrOverloaded, 503, true},
		{t.Context(), &http.MaxBytesError{Limit: 7}, 413, false},
		{t.Context(), BadRequest("No."), 400, false},
		{t.Context(), errors.New("the inner reason"), 500, false},
		{t.Context(), context.DeadlineExceeded, 500, false},
		{gone, context.Canceled, 499, false},
		{gone, account.ErrUnavailable, 499, false},
	} {
		fault := FaultOf(c.ctx, fmt.Errorf("wrapped: %w", c.err))
		headers := http.Header{}
		fault.Headers(headers)
		seconds, err := strconv.Atoi(headers.Get("Retry-After"))
		if fault.Status != c.status || fault.RetryAfter > 0 != c.retry || c.retry && (err != nil || seconds < 1) || !strings.HasSuffix(fault.Message, ".") {
			t.Errorf("%v: fault %+v, headers %v", c.err, fault, headers)
		}
		if strings.Contains(fault.Message, "inner") || strings.Contains(fault.Message, "wrapped") {
			t.Errorf("%v: the message tells the inside: %s", c.err, fault.Message)
		}
	}
}

func TestAnIncidentIsInTheLog(t *testing.T) {
	var log bytes.Buffer
	ctx, call := NewCall(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
	fault := FaultOf(ctx, errors.New("the inner reason"))
	id := call.ID[:8]
	if !strings.Contains(fault.Message, id) || !strings.Contains(log.String(), "incident="+id) || !strings.Contains(log.String(), "the inner reason") {
		t.Errorf("message %s, log %s", fault.Message, log.String())
	}
}

func TestRestOfMonth(t *testing.T) {
	for now, want := range map[time.Time]time.Duration{
		time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC):                                      time.Minute,
		time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC):                                         24 * time.Hour,
		time.Date(2026, 3, 1, 1, 30, 0, 0, time.FixedZone("", int(2*time.Hour/time.Second))): 30 * time.Minute,
	} {
		if got := restOfMonth(now); got != want {
			t.Errorf("%v: %v, want %v", now, got, want)
		}
	}
}
