package account

import (
	"errors"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

func TestACaptureTokenIsGoodOnceAndForMinutes(t *testing.T) {
	a, s, c := open(t, t.TempDir())
	_, acct := create(t, a, "shop")
	own := 0.7
	transaction := store.Transaction{ID: "t", Account: acct.ID, Expires: c.now().Add(time.Hour)}
	token, expires, err := a.CreateCaptureToken(t.Context(), acct, transaction, &own)
	if err != nil {
		t.Fatal(err)
	}
	acct.scope = "" // a token is for its transaction, whatever else the key is for
	if len(token) != 64 || !expires.Equal(c.now().Add(captureTokenLife)) {
		t.Errorf("token %q until %v", token, expires)
	}
	if got, err := a.CaptureToken(t.Context(), token); err != nil || got.Transaction != "t" || got.Threshold != own || got.Account != acct {
		t.Errorf("capture %+v, error %v", got, err)
	}
	for _, wrong := range []string{"", "0", token[:63], token + "0"} {
		if _, err := a.CaptureToken(t.Context(), wrong); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := a.UseCaptureToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if err := a.UseCaptureToken(t.Context(), token); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("used twice: %v", err)
	}
	if _, err := a.CaptureToken(t.Context(), token); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("a used token: %v", err)
	}

	transaction.Expires = c.now().Add(time.Minute)
	late, expires, err := a.CreateCaptureToken(t.Context(), acct, transaction, nil)
	if err != nil || !expires.Equal(transaction.Expires) {
		t.Fatalf("a token outlives its transaction: %v, error %v", expires, err)
	}
	if got, err := a.CaptureToken(t.Context(), late); err != nil || got.Threshold != acct.PictureThreshold {
		t.Errorf("capture %+v, error %v", got, err)
	}
	c.Time = c.Add(time.Minute)
	if _, err := a.CaptureToken(t.Context(), late); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("an expired token: %v", err)
	}
	if _, err := a.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.DeleteCaptureTokens(t.Context(), c.now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("after the sweep %d tokens are left, error %v", n, err) // the one that expires now goes with the next
	}
}
