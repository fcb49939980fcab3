package contract

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/protocol/capture"
)

// scopes says which protocols' keys open an endpoint; none: it takes no key. Every mounted endpoint stands here.
var scopes = map[string][]account.Protocol{
	"/challenge":                             {account.LipSecure},
	"/LiopaAPI/api/challenge":                {account.LipSecure},
	"/verifier/{transactionId}":              {account.LipSecure},
	"/LiopaAPI/api/verifier/{transactionId}": {account.LipSecure},
	"/liveness-verification":                 {account.Selfie},
	"/v0.1/liveness-verification":            {account.Selfie},
	"/v0.2/liveness-verification":            {account.Selfie},
	"/api/v1/face/liveness":                  {account.FaceLiveness},
	"/api/v1/id-verifications/face/liveness": {account.FaceLiveness},
	"/capture/tokens":                        {account.LipSecure, account.Selfie},
	"/capture/results/{transaction}":         {account.LipSecure, account.Selfie},
	"/capture/session":                       nil, // these three take a token
	"/capture/recording":                     nil,
	"/capture/picture":                       nil,
	capture.ComponentPath:                    nil,
	"/demo":                                  nil,
	"/demo/demo.css":                         nil,
	"/demo/demo.js":                          nil,
	"/demo/tokens":                           nil,
	"/demo/results/{transaction}":            nil,
}

// credentialHeaders returns all the credentials that a key has.
func credentialHeaders(c account.Credentials) (headers []header) {
	if c.APIKey != "" {
		headers = append(headers, header{"X-Api-Key", c.APIKey})
	}
	if c.AppID != "" {
		headers = append(headers, header{"App_id", c.AppID}, header{"App_key", c.AppKey})
	}
	if c.Username != "" {
		headers = append(headers, (&rig{credentials: c}).basic("Authorization"))
	}
	return headers
}

// A key opens the endpoints of its scope, and no other.
func TestScopeOnEveryEndpoint(t *testing.T) {
	r := newRig(t)
	for _, scope := range account.Protocols {
		c, err := r.accounts.CreateKey(t.Context(), accountName, account.Limits{Scope: []account.Protocol{scope}})
		if err != nil {
			t.Fatal(err)
		}
		for path, e := range r.endpoints() {
			allowed, listed := scopes[path]
			if !listed {
				t.Fatalf("%s: say in scopes which keys open it", path)
			}
			if len(allowed) == 0 {
				continue
			}
			opens := false
			for _, p := range allowed {
				opens = opens || p == scope
			}
			got := r.sendBare(e.Method, fillPattern(path), nil, credentialHeaders(c)...)
			if refused := got.status == http.StatusUnauthorized; refused == opens {
				t.Errorf("%s with a key for %s: %d %s", path, scope, got.status, got.body)
			}
		}
	}
	for path := range scopes {
		if _, served := r.endpoints()[path]; !served {
			t.Errorf("%s is not served", path)
		}
	}
}

// The results of a protocol are for keys of its scope alone, whoever of the account holds them.
func TestScopeOfResults(t *testing.T) {
	r := newRig(t)
	_, phrase := r.grant("", r.apiKey())
	_, selfie := r.grant("", r.appKey())
	for _, c := range []struct {
		scope        []account.Protocol
		phrase, self int
	}{
		{[]account.Protocol{account.LipSecure}, 200, 404},
		{[]account.Protocol{account.Selfie}, 404, 200},
		{[]account.Protocol{account.LipSecure, account.Selfie}, 200, 200},
		{[]account.Protocol{account.FaceLiveness}, 401, 401},
		{[]account.Protocol{account.FaceLiveness, account.Selfie}, 404, 200},
		{nil, 200, 200},
	} {
		key, err := r.accounts.CreateKey(t.Context(), accountName, account.Limits{Scope: c.scope})
		if err != nil {
			t.Fatal(err)
		}
		for transaction, want := range map[string]int{phrase: c.phrase, selfie: c.self} {
			got := r.resultOf(transaction, credentialHeaders(key))
			if got.status != want || want == 404 && !strings.Contains(got.body, "unknown") {
				t.Errorf("a key for %v: %d %s, want %d", c.scope, got.status, got.body, want)
			}
		}
	}
}

// A token is for a transaction of the protocol that the key shown is for.
func TestScopeOfTokens(t *testing.T) {
	r := newRig(t)
	_, phrase := r.grant("", r.apiKey())
	_, selfie := r.grant("", r.appKey())
	key, err := r.accounts.CreateKey(t.Context(), accountName, account.Limits{Scope: []account.Protocol{account.LipSecure}})
	if err != nil {
		t.Fatal(err)
	}
	for _, credentials := range [][]header{credentialHeaders(key), r.apiKey()} {
		r.send("POST", "/capture/tokens", "application/json", strings.NewReader(`{"transaction_id":"`+selfie+`"}`), credentials...).
			want(409, `{"error":{"code":409,"message":"The transaction is unknown."}}`)
		r.send("POST", "/capture/tokens", "application/json", strings.NewReader(`{"transaction_id":"`+phrase+`"}`), credentials...).
			want(200, `<.*>"mode":"phrase"<.*>`)
	}
}
