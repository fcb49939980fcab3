package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

// maxRedirects is how many redirects a fetch follows.
const maxRedirects = 3

// Resolver looks up the addresses of a host. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// FetchOptions say what may be fetched. The zero value fetches from any public host.
type FetchOptions struct {
	// Disabled refuses every URL.
	Disabled bool
	// Hosts, when there are any, are the only hosts that are asked, by exact name.
	Hosts []string
	// Ports are those that may be connected to; 80 and 443 when there are none.
	Ports []uint16
	// Networks are allowed although they are not public.
	Networks []netip.Prefix
	// MaxBytes is the largest body; 0: 10 MB. Timeout is the maximum time of a whole fetch; 0: 5 s.
	MaxBytes int64
	Timeout  time.Duration
	// Resolver is the system's when it is nil.
	Resolver Resolver
}

// Fetcher fetches pictures from URLs that strangers gave, without access to the operator's network. Every address of a host's
// name must be public, on every redirect. It connects to exactly these addresses. It sends no cookies and no credentials, and
// uses no proxy. It is safe for concurrent use.
type Fetcher struct {
	options  FetchOptions
	guardian *ssrf.Guardian
	client   *http.Client
}

// NewFetcher makes a Fetcher.
func NewFetcher(options FetchOptions) *Fetcher {
	if len(options.Ports) == 0 {
		options.Ports = []uint16{80, 443}
	}
	if options.MaxBytes == 0 {
		options.MaxBytes = 10 << 20
	}
	if options.Timeout == 0 {
		options.Timeout = 5 * time.Second
	}
	if options.Resolver == nil {
		options.Resolver = net.DefaultResolver
	}
	var allowed4, allowed6 []netip.Prefix
	for _, network := range options.Networks {
		if network.Addr().Is4() {
			allowed4 = append(allowed4, network)
		} else {
			allowed6 = append(allowed6, network)
		}
	}
	f := &Fetcher{
		options:  options,
		guardian: ssrf.New(ssrf.WithPorts(options.Ports...), ssrf.WithAllowedV4Prefixes(allowed4...), ssrf.WithAllowedV6Prefixes(allowed6...)),
	}
	f.client = &http.Client{
		Transport: &http.Transport{
			DialContext:            f.dial,
			DisableKeepAlives:      true, // the next fetch is another stranger's
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			request.Header.Del("Referer") // it may carry a signed URL to another host
			return f.checkURL(request.URL)
		},
	}
	return f
}

// Fetch gets the body that an http or https URL stands for. It calls charge with the bytes that arrive; nil charges
// nothing. Its errors are ErrNotFetched, whose text is for a debug log and does not contain the URL, or that of the context
// or of charge.
func (f *Fetcher) Fetch(ctx context.Context, address string, charge func(bytes int64) error) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	charged := &chargedReader{charge: charge}
	body, err := f.getURL(limited, address, charged)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if charged.err != nil {
		return nil, charged.err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFetched, err)
	}
	return body, nil
}

// chargedReader charges what is read. err is that of charge.
type chargedReader struct {
	io.Reader
	charge func(bytes int64) error
	err    error
}

func (c *chargedReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.charge != nil {
		c.err = c.charge(int64(n))
	}
	if c.err != nil {
		return 0, c.err
	}
	return n, err
}

func (f *Fetcher) getURL(ctx context.Context, address string, charged *chargedReader) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	if err := f.checkURL(request.URL); err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "bonafide")
	request.Header.Set("Accept", "image/*")
	response, err := f.client.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the URL
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	tooLarge := fmt.Errorf("over %d bytes", f.options.MaxBytes)
	if response.ContentLength > f.options.MaxBytes {
		return nil, tooLarge
	}
	charged.Reader = io.LimitReader(response.Body, f.options.MaxBytes+1)
	var body bytes.Buffer
	if _, err := body.ReadFrom(charged); err != nil {
		return nil, err
	}
	if int64(body.Len()) > f.options.MaxBytes {
		return nil, tooLarge
	}
	return body.Bytes(), nil
}

// checkURL judges a URL before anything is looked up.
func (f *Fetcher) checkURL(u *url.URL) error {
	host := strings.ToLower(u.Hostname())
	switch {
	case f.options.Disabled:
		return errors.New("fetching is switched off")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("neither http nor https")
	case u.User != nil:
		return errors.New("credentials in the URL")
	case host == "":
		return errors.New("no host")
	case len(f.options.Hosts) > 0 && !slices.ContainsFunc(f.options.Hosts, func(h string) bool { return strings.EqualFold(h, host) }):
		return errors.New("host not on the allow list")
	}
	return nil
}

// dial connects to a host if all its addresses may be connected to.
func (f *Fetcher) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	port, err := net.LookupPort("tcp", service)
	if err != nil {
		return nil, err
	}
	addresses, err := f.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	targets := make([]netip.AddrPort, len(addresses))
	for i, address := range addresses {
		targets[i] = netip.AddrPortFrom(address.Unmap(), uint16(port))
		if err := f.guardian.SafeAddrPort(targets[i]); err != nil {
			return nil, err
		}
	}
	dialer := net.Dialer{Control: f.guardian.Safe}
	failure := errors.New("no address")
	for _, target := range targets {
		connection, err := dialer.DialContext(ctx, network, target.String())
		if err == nil {
			return connection, nil
		}
		failure = err
	}
	return nil, failure
}

func (f *Fetcher) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	addresses, err := f.options.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, errors.New("the host's name does not resolve")
	}
	return addresses, nil
}
