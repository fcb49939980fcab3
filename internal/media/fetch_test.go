package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"code.dny.dev/ssrf"
)

// names is a resolver that gives a host's answers one after the other, the last one for ever.
type names struct {
	mutex   sync.Mutex
	answers map[string][][]string
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	host = strings.ToLower(host)
	answers := n.answers[host]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		n.answers[host] = answers[1:]
	}
	var addresses []netip.Addr
	for _, a := range answers[0] {
		addresses = append(addresses, netip.MustParseAddr(a))
	}
	return addresses, nil
}

const content = "the picture"

// site returns a server on loopback and the options that make it the only thing that is not public and may be asked.
func site(t *testing.T) (port string, options FetchOptions) {
	t.Helper()
	stop := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/picture", func(w http.ResponseWriter, r *http.Request) {
		for _, header := range []string{"Cookie", "Authorization", "Referer"} {
			if r.Header.Get(header) != "" {
				t.Errorf("%s was sent", header)
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "1"})
		fmt.Fprint(w, content)
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "1"})
		http.Redirect(w, r, r.URL.Query().Get("url"), http.StatusFound)
	})
	mux.HandleFunc("/hops/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if n == 0 {
			fmt.Fprint(w, content)
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/hops/%d", n-1), http.StatusSeeOther)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<16)
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		for {
			fmt.Fprint(w, "x")
			w.(http.Flusher).Flush()
			select {
			case <-stop:
				return
			case <-r.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, content)
	})
	mux.HandleFunc("/claims-much", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "999999999999")
		fmt.Fprint(w, content)
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<20))
		fmt.Fprint(w, content)
	})
	mux.HandleFunc("/missing", http.NotFound)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	number := server.Listener.Addr().(*net.TCPAddr).Port
	resolver := &names{answers: map[string][][]string{
		"good.test":       {{"127.0.0.1"}},
		"private.test":    {{"10.0.0.1"}},
		"mixed.test":      {{"127.0.0.1", "192.168.1.1"}},
		"empty.test":      {{}},
		"metadata.test":   {{"169.254.169.254"}},
		"mapped.test":     {{"::ffff:10.0.0.1"}},
		"rebinding.test":  {{"127.0.0.1"}, {"10.0.0.1"}},
		"other-self.test": {{"127.0.0.2"}},
	}}
	return strconv.Itoa(number), FetchOptions{
		Ports:    []uint16{80, 443, uint16(number)},
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		MaxBytes: 1 << 20,
		Timeout:  2 * time.Second,
		Resolver: resolver,
	}
}

func TestFetch(t *testing.T) {
	port, options := site(t)
	base := "http://good.test:" + port
	to := func(target string) string { return base + "/to?url=" + url.QueryEscape(target) }
	none := errors.New("any")
	tests := []struct {
		name, url string
		cause     error // nil: the content is expected; none: any cause
	}{
		{"public", base + "/picture", nil},
		{"capitals", "HTTP://GOOD.test:" + port + "/picture", nil},
		{"redirect", to(base + "/picture"), nil},
		{"three redirects", base + "/hops/3", nil},
		{"four redirects", base + "/hops/4", none},
		{"endless body", base + "/endless", none},
		{"slow body", base + "/slow", context.DeadlineExceeded},
		{"no answer", base + "/silent", context.DeadlineExceeded},
		{"body shorter than its length", base + "/short", io.ErrUnexpectedEOF},
		{"length over the limit", base + "/claims-much", none},
		{"endless headers", base + "/headers", none},
		{"missing", base + "/missing", none},
		{"credentials", "http://user:pass@good.test:" + port + "/picture", none},
		{"user", "http://user@good.test:" + port + "/picture", none},
		{"odd port", "http://good.test:22/", ssrf.ErrProhibitedPort},
		{"no URL", "http://[", none},
		{"relative", "/picture", none},
		{"no host", "http:///picture", none},
		{"file", "file:///etc/passwd", none},
		{"ftp", "ftp://good.test/picture", none},
		{"gopher", "gopher://good.test:" + port + "/", none},
		{"data", "data:text/plain,x", none},
		{"unknown name", "http://nowhere.test/", none},
		{"name without addresses", "http://empty.test/", none},

		{"private name", "http://private.test/", ssrf.ErrProhibitedIP},
		{"one of two addresses private", "http://mixed.test:" + port + "/picture", ssrf.ErrProhibitedIP},
		{"metadata name", "http://metadata.test/latest", ssrf.ErrProhibitedIP},
		{"name with a mapped address", "http://mapped.test/", ssrf.ErrProhibitedIP},
		{"loopback that is not allowed", "http://other-self.test/", ssrf.ErrProhibitedIP},
		{"private", "http://192.168.0.1/", ssrf.ErrProhibitedIP},
		{"this host", "http://0.0.0.0/", ssrf.ErrProhibitedIP},
		{"loopback", "http://127.0.0.2/", ssrf.ErrProhibitedIP},
		{"loopback 6", "http://[::1]/", ssrf.ErrProhibitedIP},
		{"carrier", "http://100.64.0.1/", ssrf.ErrProhibitedIP},
		{"link-local", "http://169.254.1.1/", ssrf.ErrProhibitedIP},
		{"metadata", "http://169.254.169.254/latest/meta-data/", ssrf.ErrProhibitedIP},
		{"link-local 6", "http://[fe80::1]/", ssrf.ErrProhibitedIP},
		{"link-local 6 with a zone", "http://[fe80::1%25lo]/", none},
		{"unique local 6", "http://[fd00::1]/", ssrf.ErrProhibitedIP},
		{"mapped", "http://[::ffff:10.0.0.1]/", ssrf.ErrProhibitedIP},
		{"mapped loopback", "http://[::ffff:127.0.0.2]/", ssrf.ErrProhibitedIP},
		{"compatible", "http://[::10.0.0.1]/", ssrf.ErrProhibitedIP},
		{"6to4", "http://[2002:a00:1::]/", ssrf.ErrProhibitedIP},
		{"NAT64", "http://[64:ff9b::a00:1]/", ssrf.ErrProhibitedIP},
		{"Teredo", "http://[2001:0:a00:1::]/", ssrf.ErrProhibitedIP},
		{"multicast", "http://224.0.0.1/", ssrf.ErrProhibitedIP},
		{"broadcast", "http://255.255.255.255/", ssrf.ErrProhibitedIP},

		{"redirect to private", to("http://10.0.0.1/"), ssrf.ErrProhibitedIP},
		{"redirect to a private name", to("http://private.test/"), ssrf.ErrProhibitedIP},
		{"redirect to metadata", to("http://169.254.169.254/latest"), ssrf.ErrProhibitedIP},
		{"redirect to a file", to("file:///etc/passwd"), none},
		{"redirect to credentials", to("http://a:b@good.test:" + port + "/picture"), none},
		{"redirect to an odd port", to("http://good.test:25/"), ssrf.ErrProhibitedPort},
		{"answer that changes before the redirect", "http://rebinding.test:" + port + "/to?url=/picture", ssrf.ErrProhibitedIP},
	}
	fetcher := NewFetcher(options)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, err := fetcher.Fetch(t.Context(), test.url, nil)
			if test.cause == nil {
				if err != nil || string(body) != content {
					t.Fatalf("%q, %v", body, err)
				}
				return
			}
			if !errors.Is(err, ErrNotFetched) || body != nil {
				t.Fatalf("%q, %v", body, err)
			}
			if test.cause != none && !errors.Is(err, test.cause) {
				t.Errorf("for another cause: %v", err)
			}
			if strings.Contains(err.Error(), "latest") || strings.Contains(err.Error(), "pass") || strings.Contains(err.Error(), "url=") {
				t.Errorf("the error quotes the URL: %v", err)
			}
		})
	}
}

// TestFetchOfOtherSpellings uses the system's resolver, which may take numbers for addresses.
func TestFetchOfOtherSpellings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("loopback was asked") }))
	defer server.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	fetcher := NewFetcher(FetchOptions{Ports: []uint16{uint16(port)}})
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "LOCALHOST.", "127.0.0.1"} {
		if _, err := fetcher.Fetch(t.Context(), fmt.Sprintf("http://%s:%d/", host, port), nil); !errors.Is(err, ErrNotFetched) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestFetchUsesNoProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	port, options := site(t)
	if body, err := NewFetcher(options).Fetch(t.Context(), "http://good.test:"+port+"/picture", nil); err != nil || string(body) != content {
		t.Errorf("%q, %v", body, err)
	}
}

func TestFetchSwitchedOff(t *testing.T) {
	port, options := site(t)
	options.Disabled = true
	if _, err := NewFetcher(options).Fetch(t.Context(), "http://good.test:"+port+"/picture", nil); !errors.Is(err, ErrNotFetched) {
		t.Errorf("got %v", err)
	}
}

func TestFetchFromAllowedHostsOnly(t *testing.T) {
	port, options := site(t)
	options.Hosts = []string{"Good.Test"}
	options.Resolver.(*names).answers["second.test"] = [][]string{{"127.0.0.1"}}
	fetcher := NewFetcher(options)
	base := "http://good.test:" + port
	if _, err := fetcher.Fetch(t.Context(), base+"/picture", nil); err != nil {
		t.Error(err)
	}
	second := "http://second.test:" + port + "/picture"
	for _, address := range []string{second, base + "/to?url=" + url.QueryEscape(second)} {
		if _, err := fetcher.Fetch(t.Context(), address, nil); !errors.Is(err, ErrNotFetched) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestFetchChecksCertificates(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, content) }))
	defer server.Close()
	_, options := site(t)
	options.Ports = append(options.Ports, uint16(server.Listener.Addr().(*net.TCPAddr).Port))
	fetcher := NewFetcher(options)
	if _, err := fetcher.Fetch(t.Context(), server.URL, nil); !errors.Is(err, ErrNotFetched) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate was taken: %v", err)
	}
	fetcher.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	if body, err := fetcher.Fetch(t.Context(), server.URL, nil); err != nil || string(body) != content {
		t.Errorf("%q, %v", body, err)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	port, options := site(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewFetcher(options).Fetch(ctx, "http://good.test:"+port+"/picture", nil); !errors.Is(err, context.Canceled) || errors.Is(err, ErrNotFetched) {
		t.Errorf("got %v", err)
	}
}

// What is fetched is charged as it arrives; what is not granted ends the fetch with the reason.
func TestFetchChargesWhatArrives(t *testing.T) {
	port, options := site(t)
	fetcher := NewFetcher(options)
	var charged int64
	_, err := fetcher.Fetch(t.Context(), "http://good.test:"+port+"/picture", func(bytes int64) error { charged += bytes; return nil })
	if err != nil || charged != int64(len(content)) {
		t.Errorf("%d bytes were charged, %v", charged, err)
	}
	charged = 0
	full := errors.New("no memory is free")
	_, err = fetcher.Fetch(t.Context(), "http://good.test:"+port+"/endless", func(bytes int64) error {
		if charged += bytes; charged > 1000 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || errors.Is(err, ErrNotFetched) || charged > 1000+64<<10 {
		t.Errorf("%v after %d bytes", err, charged)
	}
}
