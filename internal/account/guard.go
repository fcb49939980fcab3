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
	addressTries, addressPause = 30, 2 * time.Second
	nameTries, namePause       = 100, 6 * time.Second
	// provenFor is how long credentials that were right pass although their address or name is held back, so that nobody
	// is locked out by a stranger behind the same address.
	provenFor = 24 * time.Hour
	// mostWatched bounds what is remembered of each kind; those seen longest ago are forgotten.
	mostWatched = 1 << 16
)

// guard holds back who tries credentials. What it remembers is this process's alone.
type guard struct {
	now              func() time.Time
	addresses, names *lru.Cache[string, *rate.Limiter]
	proven           *lru.Cache[shownCredential, proof]
}

// shownCredential is what a client showed: a secret is right for one name only.
type shownCredential struct {
	name string
	hash [32]byte
}

// proof is when credentials were right, and from which networks they may be used; none: from anywhere.
type proof struct {
	at       time.Time
	networks []netip.Prefix
}

func newGuard(now func() time.Time) *guard {
	return &guard{now: now, addresses: watched[string, *rate.Limiter](), names: watched[string, *rate.Limiter](), proven: watched[shownCredential, proof]()}
}

func watched[K comparable, V any]() *lru.Cache[K, V] {
	cache, err := lru.New[K, V](mostWatched)
	if err != nil {
		panic(err) // only for a size under one
	}
	return cache
}

// try is one showing of credentials.
type try struct {
	guard         *guard
	address, name string
	credential    shownCredential
	// proven says that the credentials were right before, so that the throttle let them pass.
	proven bool
}

// begin returns the try, or fails with ErrTries where its address or its name has had too many.
func (g *guard) begin(ctx context.Context, p Protocol, public, secret string, hash [32]byte) (try, error) {
	t := try{guard: g, address: Network(ctx), name: string(p) + " " + nameOf(public, secret)}
	t.credential = shownCredential{t.name, hash}
	if seen, known := g.proven.Get(t.credential); known && g.now().Sub(seen.at) < provenFor && comesFrom(ctx, seen.networks) {
		t.proven = true
		return t, nil
	}
	if !g.left(g.addresses, t.address) {
		return t, fmt.Errorf("%w from %s", ErrTries, t.address)
	}
	if !g.left(g.names, t.name) {
		return t, fmt.Errorf("%w for one name of %s", ErrTries, p)
	}
	return t, nil
}

// nameOf is what a client shows of itself that is not secret, or the start of what it shows where all of it is: who goes
// through the ends of a key that is known in part has one name.
func nameOf(public, secret string) string {
	if public != "" {
		return public[:min(len(public), 64)]
	}
	return secret[:min(len(secret), 8)]
}

// Network is what counts as one address: of IPv6 the 64 bits that one customer has for himself; "" where it is not known.
func Network(ctx context.Context) string {
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

func (g *guard) left(of *lru.Cache[string, *rate.Limiter], key string) bool {
	limiter, known := of.Get(key)
	return key == "" || !known || limiter.TokensAt(g.now()) >= 1
}

func (g *guard) count(of *lru.Cache[string, *rate.Limiter], key string, tries int, pause time.Duration) {
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

// wrong counts the try. Credentials that were right before are not any more, since their key was revoked or has expired:
// from now on they are throttled like any others.
func (t try) wrong() {
	if t.proven {
		t.guard.proven.Remove(t.credential)
	}
	t.guard.count(t.guard.addresses, t.address, addressTries, addressPause)
	t.guard.count(t.guard.names, t.name, nameTries, namePause)
}

// right remembers the credentials.
func (t try) right(networks []netip.Prefix) {
	t.guard.proven.Add(t.credential, proof{t.guard.now(), networks})
}
