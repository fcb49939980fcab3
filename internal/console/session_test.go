package console

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/internal/server"
)

// Behind a proxy the throttle counts each client by itself; what a client says of itself counts for nothing elsewhere.
func TestThrottleTrustsProxies(t *testing.T) {
	for _, c := range []struct {
		proxies string
		other   int
	}{{"127.0.0.0/8", http.StatusUnauthorized}, {"10.0.0.0/8", http.StatusTooManyRequests}} {
		pages, err := New(nil, password, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		web := server.New(server.Config{Proxies: []netip.Prefix{netip.MustParsePrefix(c.proxies)}}, slog.New(slog.DiscardHandler))
		web.MountSite(pages, Paths...)
		listener := httptest.NewServer(web.Handler())
		defer listener.Close()
		login := func(client string) int {
			t.Helper()
			request, err := http.NewRequest("POST", listener.URL+"/console/login", strings.NewReader(url.Values{"password": {"wrong"}}.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("X-Forwarded-For", client)
			reply, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			reply.Body.Close()
			return reply.StatusCode
		}
		for range attemptsOfOne {
			if status := login("198.51.100.1"); status != http.StatusUnauthorized {
				t.Fatalf("proxies %s: status %d", c.proxies, status)
			}
		}
		if status := login("198.51.100.1"); status != http.StatusTooManyRequests {
			t.Errorf("proxies %s: one more of the same client: %d", c.proxies, status)
		}
		if status := login("198.51.100.2"); status != c.other {
			t.Errorf("proxies %s: another client: %d, want %d", c.proxies, status, c.other)
		}
	}
}
