package account

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestAKeyIsForItsScope(t *testing.T) {
	a, _, _ := open(t, t.TempDir())
	c, err := a.CreateKey(t.Context(), "shop", Limits{Scope: []Protocol{Selfie}})
	if err != nil {
		t.Fatal(err)
	}
	if c.APIKey != "" || c.Username != "" || c.Password != "" {
		t.Errorf("credentials outside of the scope: %+v", c)
	}
	if _, err := a.Authenticate(t.Context(), Selfie, c.AppID, c.AppKey); err != nil {
		t.Error(err)
	}
	for _, p := range []Protocol{LipSecure, FaceLiveness} {
		if _, err := a.Authenticate(t.Context(), p, c.AppID, c.AppKey); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%s: %v", p, err)
		}
	}
	keys, err := a.ListKeys(t.Context())
	if err != nil || len(keys) != 1 || len(keys[0].Scope) != 1 || keys[0].Scope[0] != Selfie || keys[0].ID != c.Key {
		t.Errorf("listed %+v, error %v", keys, err)
	}
}

func TestAKeyEndsAtItsExpiry(t *testing.T) {
	a, _, clock := open(t, t.TempDir())
	ends := clock.Add(time.Hour)
	c, err := a.CreateKey(t.Context(), "shop", Limits{Expires: ends})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := a.ListKeys(t.Context())
	if err != nil || keys[0].Expires == nil || !keys[0].Expires.Equal(ends) || !keys[0].Valid(clock.now()) || keys[0].Valid(ends) {
		t.Errorf("listed %+v, error %v", keys, err)
	}
	clock.Time = ends.Add(-time.Millisecond)
	if _, err := a.Authenticate(t.Context(), LipSecure, "", c.APIKey); err != nil {
		t.Error(err)
	}
	clock.Time = ends
	if _, err := a.Authenticate(t.Context(), LipSecure, "", c.APIKey); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("an expired key: %v", err)
	}
}

func TestAKeyIsForItsNetworks(t *testing.T) {
	a, _, _ := open(t, t.TempDir())
	c, err := a.CreateKey(t.Context(), "shop", Limits{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}})
	if err != nil {
		t.Fatal(err)
	}
	for address, allowed := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "2001:db8::1": true, "2001:db8::1%eth0": true,
		"192.0.3.7": false, "2001:db9::1": false, "::1": false, "127.0.0.1": false,
	} {
		_, err := a.Authenticate(WithCaller(t.Context(), netip.MustParseAddr(address)), LipSecure, "", c.APIKey)
		if allowed && err != nil || !allowed && !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for name, ctx := range map[string]netip.Addr{"no address": {}} {
		if _, err := a.Authenticate(WithCaller(t.Context(), ctx), LipSecure, "", c.APIKey); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.Authenticate(t.Context(), LipSecure, "", c.APIKey); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a caller that nobody named: %v", err)
	}
}

func TestLimitsThatCannotBe(t *testing.T) {
	a, _, clock := open(t, t.TempDir())
	for name, l := range map[string]Limits{
		"scope":              {Scope: []Protocol{"nonsense"}},
		"past":               {Expires: clock.now()},
		"bits after the end": {Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
		"IPv4 inside IPv6":   {Networks: []netip.Prefix{netip.MustParsePrefix("::ffff:192.0.2.0/120")}},
		"no network":         {Networks: []netip.Prefix{{}}},
	} {
		if _, err := a.CreateKey(t.Context(), "shop", l); err == nil {
			t.Errorf("%s: a key was made", name)
		}
	}
	if names, err := a.Names(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("accounts %v were made for keys that were not, error %v", names, err)
	}
}

func TestUsageAndErasureByName(t *testing.T) {
	a, _, clock := open(t, t.TempDir())
	for i, name := range []string{"shop", "bank"} {
		_, acct := create(t, a, name)
		for n := range i + 1 {
			if err := a.RecordCheck(t.Context(), acct, Check{ID: name + string(rune('0'+n)), Protocol: FaceLiveness, Subject: "s"}, liveness.Verdict{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	tomorrow := clock.AddDate(0, 0, 1)
	want := []Usage{{"2026-01-31", "bank", "faceliveness", 2}, {"2026-01-31", "shop", "faceliveness", 1}}
	if got, err := a.Usage(t.Context(), "", clock.now(), tomorrow); err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("usage of all %+v, error %v", got, err)
	}
	if got, err := a.Usage(t.Context(), "shop", clock.now(), tomorrow); err != nil || len(got) != 1 || got[0] != want[1] {
		t.Errorf("usage %+v, error %v", got, err)
	}
	if _, err := a.Usage(t.Context(), "nobody", clock.now(), tomorrow); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody's usage: %v", err)
	}
	if got, err := a.Erase(t.Context(), "bank", Reference{Session: "s"}); err != nil || got != (Erased{Records: 2}) {
		t.Errorf("erased %+v, error %v", got, err)
	}
	if _, err := a.Erase(t.Context(), "nobody", Reference{Session: "s"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody's records: %v", err)
	}
	if got, err := a.Usage(t.Context(), "bank", clock.now(), tomorrow); err != nil || len(got) != 1 || got[0].Checks != 2 {
		t.Errorf("usage after the erasure %+v, error %v", got, err)
	}
	// 14 months later the days of this month are one.
	clock.Time = time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC)
	if n, err := a.RollUp(t.Context()); err != nil || n != 2 {
		t.Errorf("%d days, error %v", n, err)
	}
	if got, err := a.Usage(t.Context(), "bank", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), clock.now()); err != nil || len(got) != 1 || got[0].Day != "2026-01-01" {
		t.Errorf("usage after the roll-up %+v, error %v", got, err)
	}
}
