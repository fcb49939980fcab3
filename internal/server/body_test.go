package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bonafide-id/bonafide/internal/protocol"
)

// reader is a protocol that reads the body and tells what came of it.
type reader struct{ read chan error }

func (reader) Name() string { return "reader" }

func (p reader) Endpoints() []protocol.Endpoint {
	refuse := func(w http.ResponseWriter, _ *http.Request, f protocol.Fault) {
		f.Headers(w.Header())
		protocol.WriteJSON(w, f.Status, f.Message)
	}
	return []protocol.Endpoint{{Method: http.MethodPost, Paths: []string{"/"}, Media: protocol.Recording, WriteError: refuse,
		Handle: func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			p.read <- err
			if err != nil {
				refuse(w, r, protocol.FaultOf(r.Context(), err))
			}
		}}}
}

// pipeListener is a listener for connections within this process, which a test's clock counts for.
type pipeListener chan net.Conn

func (p pipeListener) Accept() (net.Conn, error) {
	c, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (pipeListener) Close() error   { return nil }
func (pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- pipeConnection{server}
	return client, nil
}

type pipeConnection struct{ net.Conn }

func (pipeConnection) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// slowReader is a body of so many bytes, of which each piece comes after a pause.
type slowReader struct {
	left, piece int
	pause       time.Duration
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause)
	n := min(s.piece, s.left, len(p))
	s.left -= n
	return n, nil
}

// A body must keep a minimum rate, over HTTP/1.1 and HTTP/2. A slower one is refused, and holds nothing any more.
func TestMinimumByteRate(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, c := range []struct {
			name   string
			body   slowReader
			status int
			within time.Duration
		}{
			{"a byte a second", slowReader{50 << 20, 1, time.Second}, 408, minRateTime + time.Second},
			{"nothing", slowReader{50 << 20, 1, time.Hour}, 408, minRateTime + time.Second},
			{"just fast enough", slowReader{160 << 10, 16 << 10, 3 * time.Second}, 200, time.Minute},
			{"a slow telephone", slowReader{400 << 10, 8 << 10, 1500 * time.Millisecond}, 200, 2 * time.Minute},
			{"longer than two minutes", slowReader{2 << 20, 16 << 10, 2 * time.Second}, 408, 2*time.Minute + time.Second},
			{"too long", slowReader{60 << 20, 1 << 20, 0}, 413, 0},
			{"small and slow", slowReader{8, 1, time.Second}, 200, 10 * time.Second},
		} {
			t.Run(fmt.Sprintf("HTTP/%d %s", version, c.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testRate(t, version, &c.body, c.status, c.within) })
			})
		}
	}
}

func testRate(t *testing.T, version int, body *slowReader, status int, within time.Duration) {
	s := New(Config{}, slog.New(slog.DiscardHandler))
	p := reader{make(chan error, 1)}
	s.Mount(p)
	var protocols http.Protocols
	protocols.SetHTTP1(version == 1)
	protocols.SetUnencryptedHTTP2(version == 2)
	listener := make(pipeListener)
	serving := &http.Server{Handler: s.Handler(), Protocols: &protocols, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	ended := make(chan error)
	go func() { ended <- serving.Serve(listener) }()

	transport := &http.Transport{DialContext: listener.dial, Protocols: &protocols}
	request, err := http.NewRequest("POST", "http://x/", body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = int64(body.left)
	began := time.Now()
	response, err := transport.RoundTrip(request)
	if took := time.Since(began); took > within {
		t.Errorf("it took %v", took)
	}
	var read error
	if status != http.StatusRequestEntityTooLarge { // which is refused unread
		read = <-p.read
	}
	switch {
	case err != nil:
		t.Errorf("no reply: %v", err)
	case response.StatusCode != status || (status == 408) != errors.Is(read, protocol.ErrTooSlow):
		t.Errorf("status %d after %v", response.StatusCode, read)
	default:
		response.Body.Close()
	}
	transport.CloseIdleConnections()
	close(listener)
	serving.Close()
	<-ended
	time.Sleep(time.Hour) // until the body's last piece has been read
	if s.uploads.freeBytes() != s.config.UploadBytes {
		t.Errorf("%d bytes are held", s.config.UploadBytes-s.uploads.freeBytes())
	}
}
