package server

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// observe returns every request its id, its reply the headers that all have, and the log and the metrics their line.
// Neither headers nor query nor the path as sent are logged: they may hold secrets. The route is.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		ctx, call := protocol.NewCall(account.WithCaller(r.Context(), callerAddress(r)), s.log)
		routing := chi.RouteContext(ctx)
		if method(r) == otherMethod {
			routing.RouteMethod = http.MethodPost // so that the endpoint itself refuses what the router does not know
		}
		reply := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		s.setHeaders(reply.Header(), call.ID)
		defer func() {
			took := time.Since(call.Arrived)
			route := routing.RoutePattern()
			if route == "" {
				route = "none"
			}
			s.metrics.request(route, reply.Status(), took)
			call.Log.Info("request", "protocol", call.Protocol, "account", call.Account, "method", method(r), "route", route,
				"status", reply.Status(), "took_ms", took.Milliseconds(), "request_bytes", max(r.ContentLength, 0),
				"reply_bytes", reply.BytesWritten(), "remote", callerAddress(r).String())
		}()
		next.ServeHTTP(reply, r.WithContext(ctx))
	})
}

func (s *Server) setHeaders(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if s.config.TLSCert != "" {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

const otherMethod = "other"

// method returns the request's method where it is one that exists: a client may write anything there.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return otherMethod
}

// clientAddress finds the address that a request comes from, behind the proxies.
func clientAddress(proxies []netip.Prefix) func(http.Handler) http.Handler {
	if len(proxies) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	trusted := make([]string, len(proxies))
	for i, p := range proxies {
		trusted[i] = p.String()
	}
	return middleware.ClientIPFromXFF(trusted...)
}

// callerAddress returns that address. It is not valid where a proxy names none that can be read.
func callerAddress(r *http.Request) netip.Addr { return middleware.GetClientIPAddr(r.Context()) }

// metrics are what /metrics shows.
type metrics struct {
	registry *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.HistogramVec
	verdicts *prometheus.CounterVec
	gates    *prometheus.HistogramVec
}

func newMetrics() *metrics {
	seconds := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bonafide_requests_in_flight", Help: "Requests without a reply yet."}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bonafide_request_seconds", Help: "Time from a request's arrival to the end of its reply.", Buckets: seconds},
			[]string{"route", "status"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bonafide_verdicts_total", Help: "Checks with a verdict."},
			[]string{"protocol", "outcome", "reason"}),
		gates: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bonafide_gate_seconds", Help: "Time of a gate.", Buckets: append([]float64{.0005, .001, .0025}, seconds...)},
			[]string{"gate"}),
	}
	m.registry.MustRegister(m.inFlight, m.requests, m.verdicts, m.gates,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// watch exports the use of the pools and of the upload memory.
func (m *metrics) watch(s *Server) {
	gauge := func(name, help string, labels prometheus.Labels, value func() int64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value()) }))
	}
	for load, p := range s.pools {
		labels := prometheus.Labels{"kind": string(load)}
		gauge("bonafide_checks_running", "Checks that run.", labels, func() int64 { running, _ := p.countChecks(); return int64(running) })
		gauge("bonafide_checks_queued", "Checks in the queue.", labels, func() int64 { _, waiting := p.countChecks(); return int64(waiting) })
	}
	gauge("bonafide_upload_bytes", "Upload memory in use, in bytes.", nil, func() int64 { return s.config.UploadBytes - s.uploads.freeBytes() })
}

func (m *metrics) request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *metrics) verdict(protocol string, v liveness.Verdict) {
	m.verdicts.WithLabelValues(protocol, string(v.Outcome), string(v.Reason)).Inc()
	for _, g := range v.Gates {
		m.gates.WithLabelValues(g.Name).Observe(g.Took.Seconds())
	}
}
