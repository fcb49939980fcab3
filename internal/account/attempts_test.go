package account

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

func contextFrom(t *testing.T, address string) context.Context {
	return WithCaller(t.Context(), netip.MustParseAddr(address))
}

// createKey makes a key that nobody has shown yet.
func createKey(t *testing.T, a *Accounts, name string) Credentials {
	t.Helper()
	c, err := a.CreateKey(t.Context(), name, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWrongCredentialsAreThrottledByAddress(t *testing.T) {
	a, _, clock := open(t, t.TempDir())
	inUse, other := createKey(t, a, "in use"), createKey(t, a, "other")
	here, elsewhere := contextFrom(t, "203.0.113.7"), contextFrom(t, "203.0.113.8")
	if _, err := a.Authenticate(here, LipSecure, "", inUse.APIKey); err != nil {
		t.Fatal(err)
	}
	for i := range addressAttempts {
		if _, err := a.Authenticate(here, LipSecure, "", fmt.Sprintf("%032d", i*1e9)); !errors.Is(err, ErrUnauthorized) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if _, err := a.Authenticate(here, LipSecure, "", "wrong"); !errors.Is(err, ErrThrottled) {
		t.Errorf("wrong once more: %v", err)
	}
	// Right or wrong cannot be told now, but whoever was here before the stranger goes on, and so does everybody elsewhere.
	if _, err := a.Authenticate(here, LipSecure, "", other.APIKey); !errors.Is(err, ErrThrottled) {
		t.Errorf("right for the first time: %v", err)
	}
	if _, err := a.Authenticate(here, LipSecure, "", inUse.APIKey); err != nil {
		t.Errorf("right as before: %v", err)
	}
	if _, err := a.Authenticate(elsewhere, LipSecure, "", other.APIKey); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	clock.Time = clock.Add(addressPause)
	if _, err := a.Authenticate(here, LipSecure, "", "wrong"); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("after the pause: %v", err)
	}
	if _, err := a.Authenticate(here, LipSecure, "", "wrong"); !errors.Is(err, ErrThrottled) {
		t.Errorf("again after the pause: %v", err)
	}
	clock.Time = clock.Add(addressPause)
	if _, err := a.Authenticate(here, Selfie, other.AppID, other.AppKey); err != nil {
		t.Errorf("right after the pause: %v", err)
	}
}

func TestWrongCredentialsAreThrottledByName(t *testing.T) {
	a, _, _ := open(t, t.TempDir())
	c, other := createKey(t, a, "shop"), createKey(t, a, "other")
	for i := range nameAttempts {
		ctx := contextFrom(t, fmt.Sprintf("203.0.%d.%d", i/200, i%200))
		if _, err := a.Authenticate(ctx, Selfie, c.AppID, "wrong"); !errors.Is(err, ErrUnauthorized) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if _, err := a.Authenticate(contextFrom(t, "198.51.100.1"), Selfie, c.AppID, "wrong"); !errors.Is(err, ErrThrottled) {
		t.Errorf("the same name from another address: %v", err)
	}
	if _, err := a.Authenticate(contextFrom(t, "198.51.100.1"), Selfie, other.AppID, other.AppKey); err != nil {
		t.Errorf("another name: %v", err)
	}
	// A key whose start is known is one name.
	for i := range nameAttempts {
		ctx := contextFrom(t, fmt.Sprintf("203.1.%d.%d", i/200, i%200))
		if _, err := a.Authenticate(ctx, LipSecure, "", c.APIKey[:30]+fmt.Sprintf("-%d", i)); err == nil {
			t.Fatal("a wrong key was accepted")
		}
	}
	if _, err := a.Authenticate(contextFrom(t, "198.51.100.1"), LipSecure, "", c.APIKey[:31]+"x"); !errors.Is(err, ErrThrottled) {
		t.Errorf("the same start from another address: %v", err)
	}
}

func TestOneCustomersIPv6IsOneAddress(t *testing.T) {
	a, _, _ := open(t, t.TempDir())
	for i := range addressAttempts {
		_, err := a.Authenticate(contextFrom(t, fmt.Sprintf("2001:db8::%x", i+1)), LipSecure, "", fmt.Sprintf("%032d", i*1e9))
		if !errors.Is(err, ErrUnauthorized) {
			t.Fatal(err)
		}
	}
	if _, err := a.Authenticate(contextFrom(t, "2001:db8::ffff"), LipSecure, "", "wrong"); !errors.Is(err, ErrThrottled) {
		t.Errorf("from the same network: %v", err)
	}
	if _, err := a.Authenticate(contextFrom(t, "2001:db8:0:1::1"), LipSecure, "", "wrong"); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("from another network: %v", err)
	}
}

func TestWhoIsWatchedIsBounded(t *testing.T) {
	g := newAttemptLimiter(time.Now)
	for i := range maxCached + 1000 {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		one, err := g.start(WithCaller(t.Context(), address), LipSecure, "", fmt.Sprintf("%08d", i), [32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		if err != nil {
			t.Fatal(err)
		}
		one.fail()
		one.succeed(nil)
	}
	if g.addresses.Len() > maxCached || g.names.Len() > maxCached || g.accepted.Len() > maxCached {
		t.Errorf("%d addresses, %d names and %d credentials are remembered", g.addresses.Len(), g.names.Len(), g.accepted.Len())
	}
}

// counting counts what is asked of the store.
type counting struct {
	Store
	asked []string
}

func (c *counting) FindCredential(ctx context.Context, protocol, public string, now time.Time) (store.ValidCredential, error) {
	c.asked = append(c.asked, protocol)
	return c.Store.FindCredential(ctx, protocol, public, now)
}

// Whether a name exists, and whether its key was revoked or has expired, costs the same work and gives the same error.
func TestNothingTellsWhichCredentialsExist(t *testing.T) {
	a, _, clock := open(t, t.TempDir())
	valid, revoked := createKey(t, a, "valid"), createKey(t, a, "revoked")
	if err := a.RevokeKey(t.Context(), revoked.Key); err != nil {
		t.Fatal(err)
	}
	end := clock.Add(time.Minute)
	expired, err := a.CreateKey(t.Context(), "expired", Limits{Expires: end})
	if err != nil {
		t.Fatal(err)
	}
	clock.Time = clock.Add(time.Hour)
	watched := &counting{Store: a.store}
	a.store = watched
	errs := map[string]bool{}
	for _, one := range [][2]string{
		{"0000000000000000", valid.AppKey}, {valid.AppID, "wrong"}, {valid.AppID, revoked.AppKey}, {"", valid.AppKey},
		{revoked.AppID, revoked.AppKey}, {revoked.AppID, "wrong"}, {expired.AppID, expired.AppKey}, {"' OR 1=1 --", "x"},
	} {
		watched.asked = nil
		_, err := a.Authenticate(t.Context(), Selfie, one[0], one[1])
		if !errors.Is(err, ErrUnauthorized) || len(watched.asked) != 1 {
			t.Errorf("%q: %v after %d look-ups", one[0], err, len(watched.asked))
		}
		errs[err.Error()] = true
	}
	if len(errs) != 1 {
		t.Errorf("the errors differ: %v", errs)
	}
}

// Credentials that were right pass the throttle only as long as they are. A revoked or expired key, or one used from another
// network, is throttled like a wrong one.
func TestCredentialsThatWereRightAreThrottled(t *testing.T) {
	a, _, clock := open(t, t.TempDir())
	here := contextFrom(t, "203.0.113.7")
	create := func(l Limits) Credentials {
		t.Helper()
		c, err := a.CreateKey(t.Context(), "shop", l)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	throttled := func(name string, ctx context.Context, c Credentials) {
		t.Helper()
		for i := range addressAttempts {
			if _, err := a.Authenticate(ctx, Selfie, c.AppID, c.AppKey); !errors.Is(err, ErrUnauthorized) {
				t.Fatalf("%s, try %d: %v", name, i, err)
			}
		}
		if _, err := a.Authenticate(ctx, Selfie, c.AppID, c.AppKey); !errors.Is(err, ErrThrottled) {
			t.Errorf("%s: %v", name, err)
		}
		clock.Time = clock.Add(addressAttempts * addressPause)
	}
	right := func(ctx context.Context, c Credentials) {
		t.Helper()
		if _, err := a.Authenticate(ctx, Selfie, c.AppID, c.AppKey); err != nil {
			t.Fatal(err)
		}
	}

	revoked := create(Limits{})
	right(here, revoked)
	if err := a.RevokeKey(t.Context(), revoked.Key); err != nil {
		t.Fatal(err)
	}
	throttled("revoked", here, revoked)

	expired := create(Limits{Expires: clock.Add(time.Minute)})
	right(here, expired)
	clock.Time = clock.Add(time.Minute)
	throttled("expired", here, expired)

	inside := create(Limits{Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	office := contextFrom(t, "198.51.100.1")
	right(office, inside)
	throttled("from elsewhere", here, inside)
	right(office, inside) // whom the stranger does not lock out

	// A secret that is right for one name says nothing of other names.
	one := create(Limits{})
	right(here, one)
	for i := range addressAttempts {
		if _, err := a.Authenticate(here, Selfie, fmt.Sprint("name ", i), one.AppKey); !errors.Is(err, ErrUnauthorized) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if _, err := a.Authenticate(here, Selfie, "another name", one.AppKey); !errors.Is(err, ErrThrottled) {
		t.Errorf("another name: %v", err)
	}
}
