// Package protocol has what the published protocols share: endpoints, calls, errors for clients, and the reading of forms, JSON
// and pictures. It does not know the single protocols. The protocols themselves are the packages below it; they do not know each
// other.
package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// MediaKind is what an endpoint's requests carry. The server limits and admits each load on its own.
type MediaKind string

// The loads.
const (
	NoMedia   MediaKind = "light"
	Picture   MediaKind = "picture"
	Recording MediaKind = "recording"
)

// Endpoint is one request of a protocol and its reply.
type Endpoint struct {
	Method string
	// Paths are all the paths it is reached by, as patterns with {name} for a part.
	Paths []string
	Media MediaKind
	// AnyOrigin lets pages of other origins call the endpoint. It is for those that a browser calls without cookies.
	AnyOrigin bool
	Handle    http.HandlerFunc
	// WriteError prints a fault in the shape of the endpoint's reply. The server calls it where Handle is not reached or
	// does not return.
	WriteError func(w http.ResponseWriter, r *http.Request, f Fault)
}

// Protocol is one published protocol.
type Protocol interface {
	// Name is stable; it labels logs and metrics.
	Name() string
	Endpoints() []Endpoint
}

// Call is the facts of one request that its handlers share.
type Call struct {
	// ID is a version 4 UUID.
	ID      string
	Arrived time.Time
	// Protocol and Account are for the log; "" until they are known.
	Protocol, Account string
	// Visitor is the network of the browser that calls with a token; "" for an account's own server.
	Visitor string
	// Charge takes upload memory until the reply, for media that the request made the server fetch. It fails with
	// ErrOverloaded. It is nil where nothing is charged.
	Charge func(bytes int64) error
	// Log writes lines that name the call.
	Log *slog.Logger
}

type callKey struct{}

// NewCall begins a call and returns a context that carries it.
func NewCall(ctx context.Context, log *slog.Logger) (context.Context, *Call) {
	id := uuid.NewString()
	call := &Call{ID: id, Arrived: time.Now(), Log: log.With("request_id", id)}
	return context.WithValue(ctx, callKey{}, call), call
}

// CallFromContext returns the call that the context carries.
func CallFromContext(ctx context.Context) *Call {
	call, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		_, call = NewCall(ctx, slog.Default())
	}
	return call
}

// Header returns the first of the request's headers that is there. Proxies drop names with underscores.
func Header(r *http.Request, names ...string) string {
	for _, name := range names {
		if value := r.Header.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// LogHandler adds the request's id to the lines that code far from the request writes with its context.
type LogHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h LogHandler) Handle(ctx context.Context, line slog.Record) error {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		line.AddAttrs(slog.String("request_id", call.ID))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h LogHandler) WithAttrs(a []slog.Attr) slog.Handler { return LogHandler{h.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (h LogHandler) WithGroup(name string) slog.Handler { return LogHandler{h.Handler.WithGroup(name)} }

// WriteJSON writes a reply as JSON.
func WriteJSON(w http.ResponseWriter, status int, reply any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // what a client named comes back as it was sent
	if err := encoder.Encode(reply); err != nil {
		panic(err) // a reply is made of strings and finite numbers
	}
	body := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client is gone then
}

// Floor writes x, which is not negative, with at most so many decimals, rounded down: a score never shows above a
// threshold that it misses. What floating point loses of a decimal fraction (0.57*1000 is a little under 570) is
// made good first.
func Floor(x float64, decimals int) json.Number {
	shift := math.Pow10(decimals)
	return number(math.Floor(x*shift*(1+1e-15))/shift, decimals)
}

// Round writes x with at most so many decimals.
func Round(x float64, decimals int) json.Number { return number(x, decimals) }

// number has at least one decimal, as the published examples print it: 0.0.
func number(x float64, decimals int) json.Number {
	text := strings.TrimRight(strconv.FormatFloat(x, 'f', decimals, 64), "0")
	if strings.HasSuffix(text, ".") {
		text += "0"
	}
	if text == "-0.0" {
		text = "0.0"
	}
	return json.Number(text)
}
