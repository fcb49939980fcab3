package account

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Wrong credentials that an address, or a name whoever uses it, may show: so many in a row, then one in so long. Whoever
// goes on is not looked up at all until then.
const (
	addressAttempts, addressPause = 30, 2 * time.Second
	nameAttempts, namePause       = 100, 6 * time.Second
	// acceptedLife is how long accepted credentials pass although their address or name is throttled. So a stranger behind the
	// same address locks nobody out.
	acceptedLife = 24 * time.Hour
	// maxCached limits the entries of each kind; the least recently used are dropped.
	maxCached = 1 << 16
)

// attemptLimiter throttles failed attempts. Its memory is this process's alone.
type attemptLimiter struct {
	now              func() time.Time
	addresses, names *lru.Cache[string, *rate.Limiter]
	accepted         *lru.Cache[attemptedCredential, acceptance]
}

// attemptedCredential is what a client showed: a secret is right for one name only.
type attemptedCredential struct {
	name string
	hash [32]byte
}

// acceptance is when credentials were right, and from which networks they may be used; none: from anywhere.
type acceptance struct {
	at       time.Time
	networks []netip.Prefix
}

func newAttemptLimiter(now func() time.Time) *attemptLimiter {
	return &attemptLimiter{now: now, addresses: newCache[string, *rate.Limiter](), names: newCache[string, *rate.Limiter](), accepted: newCache[attemptedCredential, acceptance]()}
}

func newCache[K comparable, V any]() *lru.Cache[K, V] {
	cache, err := lru.New[K, V](maxCached)
	if err != nil {
		panic(err) // only for a size under one
	}
	return cache
}

// attempt is one showing of credentials.
type attempt struct {
	limiter       *attemptLimiter
	address, name string
	credential    attemptedCredential
	// accepted says that the credentials were right before, so that the throttle let them pass.
	accepted bool
}

// start returns the try, or fails with ErrThrottled where its address or its name has had too many.
func (g *attemptLimiter) start(ctx context.Context, p Protocol, public, secret string, hash [32]byte) (attempt, error) {
	t := attempt{limiter: g, address: CallerNetwork(ctx), name: string(p) + " " + attemptName(public, secret)}
	t.credential = attemptedCredential{t.name, hash}
	if seen, known := g.accepted.Get(t.credential); known && g.now().Sub(seen.at) < acceptedLife && isFromNetworks(ctx, seen.networks) {
		t.accepted = true
		return t, nil
	}
	if !g.isAllowed(g.addresses, t.address) {
		return t, fmt.Errorf("%w from %s", ErrThrottled, t.address)
	}
	if !g.isAllowed(g.names, t.name) {
		return t, fmt.Errorf("%w for one name of %s", ErrThrottled, p)
	}
	return t, nil
}

// attemptName returns the public part of the credentials, or the start of the secret if there is no public part. So all guesses
// of the rest of a partly known key have one name.
func attemptName(public, secret string) string {
	if public != "" {
		return public[:min(len(public), 64)]
	}
	return secret[:min(len(secret), 8)]
}

// CallerNetwork returns what counts as one address: of IPv6 the first 64 bits, which belong to one customer. It returns "" if it
// is not known.
func CallerNetwork(ctx context.Context) string {
	caller, _ := ctx.Value(callerKey{}).(netip.Addr)
	switch {
	case !caller.IsValid():
		return ""
	case caller.Is4():
		return caller.String()
	}
	prefix, err := caller.WithZone("").Prefix(64)
	if err != nil {
		return ""
	}
	return prefix.String()
}

func (g *attemptLimiter) isAllowed(of *lru.Cache[string, *rate.Limiter], key string) bool {
	limiter, known := of.Get(key)
	return key == "" || !known || limiter.TokensAt(g.now()) >= 1
}

func (g *attemptLimiter) recordFailure(of *lru.Cache[string, *rate.Limiter], key string, tries int, pause time.Duration) {
	if key == "" {
		return
	}
	fresh := rate.NewLimiter(rate.Every(pause), tries)
	limiter, known, _ := of.PeekOrAdd(key, fresh)
	if !known {
		limiter = fresh
	}
	limiter.AllowN(g.now(), 1)
}

// fail counts the try. Credentials that were right before are wrong now, since their key was revoked or has expired. From now on
// they are throttled like any others.
func (t attempt) fail() {
	if t.accepted {
		t.limiter.accepted.Remove(t.credential)
	}
	t.limiter.recordFailure(t.limiter.addresses, t.address, addressAttempts, addressPause)
	t.limiter.recordFailure(t.limiter.names, t.name, nameAttempts, namePause)
}

// succeed remembers the credentials.
func (t attempt) succeed(networks []netip.Prefix) {
	t.limiter.accepted.Add(t.credential, acceptance{t.limiter.now(), networks})
}
