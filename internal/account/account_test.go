package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
	"github.com/bonafide-id/bonafide/liveness"
)

var defaults = Defaults{PictureThreshold: 0.5, RecordingThreshold: 0.98, RetentionDays: 30}

// clock is a time that the test sets.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func open(t *testing.T, folder string) (*Accounts, *sqlite.Store, *clock) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), folder, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := &clock{time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)}
	return New(s, defaults, c.now), s, c
}

func create(t *testing.T, a *Accounts, name string) (Credentials, Account) {
	t.Helper()
	c, err := a.CreateKey(t.Context(), name, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	acct, err := a.Authenticate(t.Context(), LipSecure, "", c.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	return c, acct
}

func TestCredentialsOfAllProtocols(t *testing.T) {
	folder := t.TempDir()
	a, _, _ := open(t, folder)
	c, acct := create(t, a, "shop")
	if want := (Account{ID: acct.ID, Name: "shop", PictureThreshold: 0.5, RecordingThreshold: 0.98, RetentionDays: 30, scope: acct.scope}); acct != want {
		t.Errorf("account %+v, want %+v", acct, want)
	}
	// As printed in the text: X-API-Key: 38332b622aea11e8b103a860b60304d5.
	for _, secret := range []string{c.APIKey, c.AppKey, c.Password} {
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(secret) {
			t.Errorf("secret %q", secret)
		}
	}
	valid := []struct {
		Protocol
		public, secret string
	}{{LipSecure, "", c.APIKey}, {Selfie, c.AppID, c.AppKey}, {FaceLiveness, c.Username, c.Password}}
	for _, v := range valid {
		if got, err := a.Authenticate(t.Context(), v.Protocol, v.public, v.secret); err != nil || got != acct {
			t.Errorf("%s: %+v, %v", v.Protocol, got, err)
		}
		for _, other := range valid {
			if other.Protocol == v.Protocol {
				continue
			}
			if _, err := a.Authenticate(t.Context(), other.Protocol, v.public, v.secret); !errors.Is(err, ErrUnauthorized) {
				t.Errorf("%s's credentials for %s: %v", v.Protocol, other.Protocol, err)
			}
			if _, err := a.Authenticate(t.Context(), v.Protocol, v.public, other.secret); !errors.Is(err, ErrUnauthorized) {
				t.Errorf("%s with %s's secret: %v", v.Protocol, other.Protocol, err)
			}
		}
	}
	for _, secret := range []string{"", "0", strings.ToUpper(c.AppKey) + "x", c.AppKey[:31], c.AppKey + "0"} {
		if _, err := a.Authenticate(t.Context(), Selfie, c.AppID, secret); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
	// A key is found by half of its hash; that half is not a key.
	if _, err := a.Authenticate(t.Context(), LipSecure, credential(LipSecure, "", c.APIKey).Public, ""); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("half of the hash: %v", err)
	}
}

func TestNoSecretIsStored(t *testing.T) {
	folder := t.TempDir()
	a, s, _ := open(t, folder)
	c, _ := create(t, a, "shop")
	s.Close()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := false
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.Contains(string(content), c.AppID)
		for _, secret := range []string{c.APIKey, c.AppKey, c.Password} {
			if strings.Contains(string(content), secret) {
				t.Errorf("%s holds a secret", path)
			}
		}
	}
	if !found {
		t.Error("the public part is not there either: the test looks at the wrong files")
	}
}

func TestCredentialsJSON(t *testing.T) {
	got, err := json.Marshal(Credentials{"k", "a", "b", "c", "d", "e", "f"})
	if want := `{"key":"k","account":"a","api_key":"b","app_id":"c","app_key":"d","username":"e","password":"f"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestRevokedImmediatelyInEveryProcess(t *testing.T) {
	folder := t.TempDir()
	a, _, _ := open(t, folder)
	other, _, _ := open(t, folder)
	c, _ := create(t, a, "shop")
	second, acct := create(t, other, "shop")
	keys, err := a.ListKeys(t.Context())
	if err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	var id string
	for _, k := range keys {
		if k.Account != "shop" || k.Revoked != nil || k.AppID == "" || k.Username == "" {
			t.Errorf("key %+v", k)
		}
		if k.AppID == c.AppID {
			id = k.ID
		}
	}
	if err := other.RevokeKey(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), Selfie, c.AppID, c.AppKey); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a revoked key: %v", err)
	}
	if got, err := a.Authenticate(t.Context(), Selfie, second.AppID, second.AppKey); err != nil || got != acct {
		t.Errorf("the other key: %+v, %v", got, err)
	}
	if err := a.RevokeKey(t.Context(), "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown key: %v", err)
	}
}

func TestNames(t *testing.T) {
	a, _, _ := open(t, t.TempDir())
	for _, name := range []string{"", " a", "a\n", "a\x00b", strings.Repeat("a", 101)} {
		if _, err := a.CreateKey(t.Context(), name, Limits{}); err == nil {
			t.Errorf("%q is taken as a name", name)
		}
	}
	create(t, a, "Zoë's shop")
	if names, err := a.Names(t.Context()); err != nil || fmt.Sprint(names) != "[Zoë's shop]" {
		t.Error(names, err)
	}
}

func TestSettings(t *testing.T) {
	a, _, _ := open(t, t.TempDir())
	c, _ := create(t, a, "shop")
	want := Settings{PictureThreshold: new(0.25), RetentionDays: new(0), MonthlyQuota: 9, RatePerSecond: 3}
	if err := a.SetSettings(t.Context(), "shop", want); err != nil {
		t.Fatal(err)
	}
	acct, err := a.Authenticate(t.Context(), LipSecure, "", c.APIKey)
	if err != nil || acct != (Account{acct.ID, "shop", 0.25, 0.98, nil, 0, 9, 3, false, acct.scope}) {
		t.Errorf("%+v, %v", acct, err)
	}
	want.FaceLimits = &quality.Limits{FaceSize: 99}
	if err := a.SetSettings(t.Context(), "shop", want); err != nil {
		t.Fatal(err)
	}
	if acct, err := a.Authenticate(t.Context(), LipSecure, "", c.APIKey); err != nil || *acct.FaceLimits != *want.FaceLimits {
		t.Errorf("%+v, %v", acct, err)
	}
	if got, err := a.Settings(t.Context(), "shop"); err != nil || *got.PictureThreshold != 0.25 || got.RecordingThreshold != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []Settings{{PictureThreshold: new(1.5)}, {RecordingThreshold: new(-0.1)}, {RetentionDays: new(-1)}, {MonthlyQuota: -1}, {RatePerSecond: -1}} {
		if a.SetSettings(t.Context(), "shop", bad) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if err := a.SetSettings(t.Context(), "nobody", want); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestRateAndQuota(t *testing.T) {
	a, _, clock := open(t, t.TempDir())
	c, _ := create(t, a, "shop")
	if err := a.SetSettings(t.Context(), "shop", Settings{MonthlyQuota: 2, RatePerSecond: 3}); err != nil {
		t.Fatal(err)
	}
	acct, err := a.Authenticate(t.Context(), LipSecure, "", c.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	admit := func(want error) {
		t.Helper()
		if err := a.CountRequest(t.Context(), acct); !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
	}
	checks := 0
	keep := func(want error) {
		t.Helper()
		checks++
		err := a.RecordCheck(t.Context(), acct, Check{ID: fmt.Sprint(checks), Protocol: Selfie}, liveness.Verdict{Outcome: liveness.Live})
		if !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
	}
	admit(nil)
	admit(nil)
	admit(nil)
	admit(ErrRate)
	clock.Time = clock.Add(time.Second)
	keep(nil)
	admit(nil)
	keep(nil)
	admit(ErrQuota)
	keep(ErrQuota)
	clock.Time = clock.Add(time.Hour) // February
	admit(nil)
	keep(nil)
}

func TestRecordsExpireByTheAccountsRetention(t *testing.T) {
	a, s, clock := open(t, t.TempDir())
	_, shop := create(t, a, "shop")
	_, bank := create(t, a, "bank")
	if err := a.SetSettings(t.Context(), "bank", Settings{RetentionDays: new(7)}); err != nil {
		t.Fatal(err)
	}
	// The client's going away does not lose a record.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	score := liveness.Score(0.75)
	v := liveness.Verdict{Outcome: liveness.Live, Score: &score, Threshold: 0.5, Gates: []liveness.Gate{{Name: "pad", Passed: true}},
		Faces: []liveness.Face{{}}, Models: []liveness.ModelRef{{ID: "m"}}}
	for _, acct := range []Account{shop, bank} {
		if err := a.RecordCheck(gone, acct, Check{ID: "of " + acct.Name, Protocol: FaceLiveness, Subject: "session"}, v); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := s.Records(t.Context(), shop.ID, 10)
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	if r := kept[0]; r.Subject != "session" || *r.Score != 0.75 || r.Protocol != "faceliveness" || len(r.Gates) != 1 || len(r.Models) != 1 || !r.At.Equal(clock.Time) {
		t.Errorf("record %+v", r)
	}
	sweep := func(days int, want int64) {
		t.Helper()
		clock.Time = clock.AddDate(0, 0, days)
		if n, err := a.Sweep(t.Context()); err != nil || n != want {
			t.Fatalf("swept %d, %v; want %d", n, err, want)
		}
	}
	clock.Time = clock.Add(time.Minute)
	sweep(6, 0)
	sweep(1, 1)
	sweep(22, 0)
	sweep(1, 1)
}
