package server

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/cors"

	"github.com/bonafide-id/bonafide/internal/protocol"
)

// endpoint returns the way to one endpoint: the right method, and upload memory for what it carries. What refuses the request
// does so in the endpoint's own shape.
func (s *Server) endpoint(name string, e protocol.Endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		protocol.CallFromContext(r.Context()).Protocol = name
		defer func() {
			if p := recover(); p != nil {
				s.writePanic(w, r, p, e.WriteError)
			}
		}()
		if r.Method != e.Method {
			w.Header().Set("Allow", e.Method)
			e.WriteError(w, r, protocol.Fault{Status: http.StatusMethodNotAllowed, Message: "The method must be " + e.Method + "."})
			return
		}
		if refuseCompressed(w, r, e.WriteError) {
			return
		}
		if pool := s.pools[e.Media]; pool != nil {
			defer s.chargeUpload(r, pool).release()
		}
		e.Handle(w, r)
	}
}

// refuseCompressed refuses a body that is compressed and says whether it was.
func refuseCompressed(w http.ResponseWriter, r *http.Request, writeError func(http.ResponseWriter, *http.Request, protocol.Fault)) bool {
	fault, refused := protocol.EncodingFault(r.Header)
	if !refused || r.ContentLength == 0 {
		return false
	}
	w.Header().Set("Accept-Encoding", "identity")
	writeError(w, r, fault)
	return true
}

// chargeUpload charges what the request holds to whom it turns out to be from.
func (s *Server) chargeUpload(r *http.Request, p *pool) *upload {
	call := protocol.CallFromContext(r.Context())
	u := &upload{memory: s.uploads, pool: p, call: call, stated: r.ContentLength}
	if b, sent := r.Body.(*body); sent {
		b.beforeRead, b.afterRead = u.reserveStated, u.chargeArrived
	}
	call.Charge = u.charge
	return u
}

// anyOrigin answers browsers that ask whether a page of another origin may call. What it may send is a token, never a
// cookie.
var anyOrigin = cors.New(cors.Options{
	AllowedOrigins: []string{"*"},
	AllowedMethods: []string{http.MethodGet, http.MethodPost},
	AllowedHeaders: []string{"Authorization", "Content-Type"},
	ExposedHeaders: []string{"Retry-After"},
	MaxAge:         600,
})

func (s *Server) allowOrigins(e protocol.Endpoint, handle http.Handler) http.Handler {
	if !e.AnyOrigin {
		return handle
	}
	handle = anyOrigin.Handler(handle)
	preflight := s.withoutMedia(handle.ServeHTTP)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			preflight(w, r)
		} else {
			handle.ServeHTTP(w, r)
		}
	})
}

// recoverPanics catches panics outside the endpoints.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				s.writePanic(w, r, p, writeError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// writePanic answers a request whose handler panicked, unless its reply has begun.
func (s *Server) writePanic(w http.ResponseWriter, r *http.Request, p any, writeError errorWriter) {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	fault := protocol.Panic(r.Context(), p)
	if reply, ok := w.(middleware.WrapResponseWriter); ok && reply.Status() != 0 {
		panic(http.ErrAbortHandler) // the client must see that its reply is torn
	}
	writeError(w, r, fault)
}

// writeError prints a fault where no protocol has a shape for it.
func writeError(w http.ResponseWriter, _ *http.Request, f protocol.Fault) {
	type problem struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	f.Headers(w.Header())
	protocol.WriteJSON(w, f.Status, struct {
		Error problem `json:"error"`
	}{problem{f.Status, f.Message}})
}

// writeWrongMethod answers for the server's own paths; endpoints answer for themselves.
func (s *Server) writeWrongMethod(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	writeError(w, r, protocol.Fault{Status: http.StatusMethodNotAllowed, Message: "The method must be GET or HEAD."})
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	protocol.WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// Probe is one thing that the server needs to be ready.
type Probe struct {
	// Name is shown on /readyz, such as "store".
	Name string
	// Check returns what /readyz shows of it, such as which confinement is active, and an error where it is not ready.
	// The error goes to the log only.
	Check func(ctx context.Context) (detail string, err error)
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	reply := struct {
		Ready  bool              `json:"ready"`
		Checks map[string]string `json:"checks"`
	}{!s.stopping.Load(), map[string]string{}}
	for _, p := range s.probes {
		detail, err := p.Check(r.Context())
		if err != nil {
			protocol.CallFromContext(r.Context()).Log.Warn("not ready", "probe", p.Name, "error", err)
			reply.Ready, detail = false, "failing"
		}
		reply.Checks[p.Name] = detail
	}
	status := http.StatusOK
	if !reply.Ready {
		status = http.StatusServiceUnavailable
	}
	protocol.WriteJSON(w, status, reply)
}
