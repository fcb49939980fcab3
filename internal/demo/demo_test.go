package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/protocol/capture"
)

// fakes is an account that may do anything.
type fakes struct{}

func (fakes) ByName(context.Context, string) (account.Account, error) { return account.Account{}, nil }
func (fakes) CountRequest(context.Context, account.Account) error     { return nil }
func (fakes) CreateTransaction(context.Context, account.Account, bool) (capture.TokenReply, error) {
	return capture.TokenReply{}, nil
}
func (fakes) Result(context.Context, account.Account, string) (capture.Result, error) {
	return capture.Result{}, nil
}

// Nobody gets tokens without end, from one address or from the 64 bits of IPv6 that one customer has. Others do get them.
func TestTokensAreLimitedByNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(fakes{}, fakes{}, "shop")
		ask := func(from string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("POST", "/demo/tokens", nil)
			reply := httptest.NewRecorder()
			for _, e := range p.Endpoints() {
				if e.Paths[0] == "/demo/tokens" {
					e.Handle(reply, r.WithContext(account.WithCaller(r.Context(), netip.MustParseAddr(from))))
				}
			}
			return reply
		}
		for _, same := range [][]string{{"192.0.2.7"}, {"2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6"}} {
			for n := range maxTokens {
				if reply := ask(same[n%len(same)]); reply.Code != http.StatusOK {
					t.Fatalf("token %d of %v: status %d", n, same, reply.Code)
				}
			}
			for _, from := range same {
				if reply := ask(from); reply.Code != http.StatusTooManyRequests || reply.Header().Get("Retry-After") != "5" {
					t.Errorf("one more of %s: status %d, %v", from, reply.Code, reply.Header())
				}
			}
			time.Sleep(tokenInterval)
			if reply := ask(same[0]); reply.Code != http.StatusOK {
				t.Errorf("%s after a while: status %d", same[0], reply.Code)
			}
		}
		for _, other := range []string{"192.0.2.8", "2001:db8:1:3::1"} {
			if reply := ask(other); reply.Code != http.StatusOK {
				t.Errorf("%s: status %d", other, reply.Code)
			}
		}
	})
}
