// Package server listens and gives each request an id, a log line, limits, a queue slot and metrics, and it recovers panics. It
// does not know any protocol.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/bonafide-id/bonafide/internal/protocol"
)

// Config is the server's settings. A zero field has its default.
type Config struct {
	// Listen is the address to serve on; default ":8080".
	Listen string
	// Proxies are the networks of reverse proxies. A request that comes from one comes from whom its X-Forwarded-For names.
	Proxies []netip.Prefix
	// TLSCert and TLSKey are the files of a certificate and its key in PEM; without both, the server speaks plain HTTP.
	TLSCert, TLSKey string
	// PictureBytes and RecordingBytes bound the body of a request that carries one; default 15 MiB and 50 MiB.
	PictureBytes, RecordingBytes int64
	// UploadBytes limits the upload memory, for bodies that arrive and wait; default 256 MiB.
	UploadBytes int64
	// Pictures and Recordings bound the checks of each kind.
	Pictures, Recordings Pool
	// ReadTimeout bounds how long a request may take to arrive; default 2 minutes.
	ReadTimeout time.Duration
	// StopTimeout bounds how long a stop waits for the requests that run; default 75 seconds. A check may wait 10 seconds for its
	// turn and take 60.
	StopTimeout time.Duration
}

const (
	// lightBytes bounds the body of a request that carries no media.
	lightBytes     = 64 << 10
	maxHeaderBytes = 32 << 10
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	// replyTimeout is what a reply may take after its request has arrived: to wait for its turn, be checked, and be read.
	replyTimeout = 5 * time.Minute
)

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, ":8080")
	c.PictureBytes = cmp.Or(c.PictureBytes, 15<<20)
	c.RecordingBytes = cmp.Or(c.RecordingBytes, 50<<20)
	c.UploadBytes = cmp.Or(c.UploadBytes, 256<<20)
	c.ReadTimeout = cmp.Or(c.ReadTimeout, 2*time.Minute)
	c.StopTimeout = cmp.Or(c.StopTimeout, 75*time.Second)
	return c
}

// Server serves protocols.
type Server struct {
	config Config
	log    *slog.Logger
	probes []Probe
	router chi.Router
	// endpoints has the protocols' endpoints alone, which notFound looks in once more.
	endpoints chi.Router
	metrics   *metrics
	pools     map[protocol.MediaKind]*pool
	uploads   *uploadMemory
	stopping  atomic.Bool

	certificate certificate
}

// New returns a server that serves /healthz, /readyz and /metrics. The probes decide whether it is ready.
func New(c Config, log *slog.Logger, probes ...Probe) *Server {
	c = c.withDefaults()
	s := &Server{config: c, log: log, probes: probes, router: chi.NewRouter(), endpoints: chi.NewRouter(), metrics: newMetrics()}
	s.pools = map[protocol.MediaKind]*pool{
		protocol.Picture:   newPool(c.Pictures),
		protocol.Recording: newPool(c.Recordings),
	}
	s.uploads = newUploadMemory(c.UploadBytes)
	s.certificate = certificate{cert: c.TLSCert, key: c.TLSKey, log: log}
	s.metrics.watch(s)
	s.router.Use(clientAddress(c.Proxies), s.observe, s.recoverPanics, middleware.GetHead)
	s.router.NotFound(s.notFound)
	s.endpoints.NotFound(s.withoutMedia(writeNotFound))
	s.router.MethodNotAllowed(s.withoutMedia(s.writeWrongMethod))
	s.router.Get("/healthz", s.withoutMedia(s.health))
	s.router.Get("/readyz", s.withoutMedia(s.ready))
	s.router.Get("/metrics", s.withoutMedia(s.metrics.handler().ServeHTTP))
	return s
}

// Mount adds the protocols' endpoints.
func (s *Server) Mount(protocols ...protocol.Protocol) {
	for _, p := range protocols {
		for _, e := range p.Endpoints() {
			for _, path := range e.Paths {
				handler := s.allowOrigins(e, s.limitBody(s.bodyLimit(e.Media), e.WriteError, s.endpoint(p.Name(), e)))
				s.router.Handle(path, handler)
				s.endpoints.Handle(path, handler)
			}
		}
	}
}

// MountPages adds what is read without credentials: documents that the handler answers at the paths, to GET and HEAD.
func (s *Server) MountPages(h http.Handler, paths ...string) {
	for _, path := range paths {
		s.router.Get(path, s.withoutMedia(h.ServeHTTP))
	}
}

// MountSite adds pages that look after themselves: who may see them, and what is posted to them, in small bodies.
func (s *Server) MountSite(h http.Handler, paths ...string) {
	for _, path := range paths {
		s.router.HandleFunc(path, s.withoutMedia(h.ServeHTTP))
	}
}

// withoutMedia returns how handlers are reached that no protocol has a reply for.
func (s *Server) withoutMedia(handle http.HandlerFunc) http.HandlerFunc {
	return s.limitBody(lightBytes, writeError, func(w http.ResponseWriter, r *http.Request) {
		if !refuseCompressed(w, r, writeError) {
			handle(w, r)
		}
	})
}

// Handler returns the whole server without its listener.
func (s *Server) Handler() http.Handler { return s.router }

// Listen opens the server's address. It fails too where HTTPS is set but its certificate cannot be used.
func (s *Server) Listen() (net.Listener, error) {
	if s.config.TLSCert != "" {
		if _, err := s.certificate.readFiles(); err != nil {
			return nil, fmt.Errorf("tls-cert and tls-key cannot be used, give the PEM files of a certificate and its key: %w", err)
		}
	}
	l, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s, give another address: %w", s.config.Listen, err)
	}
	return l, nil
}

// Serve serves on the listener until ctx is done. Then it accepts no more connections and says on /readyz that it is stopping. It
// returns when running requests have their replies, or with an error after StopTimeout.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.ReadTimeout + replyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate.getCertificate},
	}
	ended := make(chan error, 1)
	go func() { ended <- s.serveOn(h, l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.log.Info("stopping", "wait_at_most", s.config.StopTimeout.String())
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.StopTimeout)
	defer cancel()
	if err := h.Shutdown(stop); err != nil {
		h.Close() //nolint:errcheck // the shutdown's error says more
		return fmt.Errorf("requests still ran %s after the stop and were cut off: %w", s.config.StopTimeout, err)
	}
	return nil
}

func (s *Server) serveOn(h *http.Server, l net.Listener) error {
	serve := func() error { return h.Serve(l) }
	if s.config.TLSCert != "" {
		serve = func() error { return h.ServeTLS(l, "", "") }
	}
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bodyLimit returns how many bytes a request of the load may have.
func (s *Server) bodyLimit(l protocol.MediaKind) int64 {
	switch l {
	case protocol.Picture:
		return s.config.PictureBytes
	case protocol.Recording:
		return s.config.RecordingBytes
	}
	return lightBytes
}
