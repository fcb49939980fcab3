// Package demo serves the page at /demo: both flows live, and the evidence behind each result. It does not authenticate visitors.
// Like an operator's server, it creates transactions of an account, hands tokens to the page, and gets the results. Every visitor
// may run checks on the account, and sees evidence that is not for the public.
package demo

import (
	"context"
	"net/http"
	"path"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/internal/protocol/capture"
	"github.com/bonafide-id/bonafide/web"
)

// Accounts knows the account that the checks are on.
type Accounts interface {
	ByName(ctx context.Context, name string) (account.Account, error)
	CountRequest(ctx context.Context, acct account.Account) error
}

// Captures begins transactions and tells what came of them.
type Captures interface {
	CreateTransaction(ctx context.Context, acct account.Account, selfie bool) (capture.TokenReply, error)
	Result(ctx context.Context, acct account.Account, id string) (capture.Result, error)
}

// Page is the demo. Build it with New.
type Page struct {
	accounts Accounts
	captures Captures
	account  string
	tokens   *lru.Cache[string, *rate.Limiter] // by network
}

// A network may ask for so many tokens in a row, then for one in so long. Those of so many networks are remembered.
const (
	maxTokens, tokenInterval = 30, 5 * time.Second
	maxNetworks              = 1 << 16
)

var _ protocol.Protocol = (*Page)(nil)

// New returns the demo, whose checks are on the named account.
func New(a Accounts, c Captures, account string) *Page {
	tokens, err := lru.New[string, *rate.Limiter](maxNetworks)
	if err != nil {
		panic(err) // only for a size under one
	}
	return &Page{accounts: a, captures: c, account: account, tokens: tokens}
}

// Name implements protocol.Protocol.
func (p *Page) Name() string { return "demo" }

// Endpoints implements protocol.Protocol.
func (p *Page) Endpoints() []protocol.Endpoint {
	return []protocol.Endpoint{
		fileEndpoint("/demo", "index.html", "text/html; charset=utf-8"),
		fileEndpoint("/demo/demo.css", "demo.css", "text/css; charset=utf-8"),
		fileEndpoint("/demo/demo.js", "demo.js", "text/javascript; charset=utf-8"),
		p.jsonEndpoint(http.MethodPost, "/demo/tokens", p.createToken),
		p.jsonEndpoint(http.MethodGet, "/demo/results/{transaction}", p.getResult),
	}
}

// policy lets the page load what this server has and nothing else, and run no script from text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

func fileEndpoint(at, name, kind string) protocol.Endpoint {
	content, err := web.File(path.Join("demo", name))
	if err != nil {
		panic(err) // it is in the repository
	}
	return protocol.Endpoint{
		Method: http.MethodGet, Paths: []string{at}, Media: protocol.NoMedia, WriteError: writeError,
		Handle: func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Type", kind)
			h.Set("Content-Security-Policy", policy)
			h.Set("Permissions-Policy", "camera=(self), microphone=(self)")
			w.Write(content) //nolint:errcheck // the client is gone then
		},
	}
}

func writeError(w http.ResponseWriter, _ *http.Request, f protocol.Fault) {
	f.Headers(w.Header())
	protocol.WriteJSON(w, f.Status, map[string]string{"error": f.Message})
}

func (p *Page) jsonEndpoint(method, at string, do func(r *http.Request, acct account.Account) (any, error)) protocol.Endpoint {
	sameOrigin := http.NewCrossOriginProtection()
	return protocol.Endpoint{
		Method: method, Paths: []string{at}, Media: protocol.NoMedia, WriteError: writeError,
		Handle: func(w http.ResponseWriter, r *http.Request) {
			reply, err := func() (any, error) {
				if err := sameOrigin.Check(r); err != nil {
					return nil, protocol.Fault{Status: http.StatusForbidden, Message: "The request is from another site.", Cause: err}
				}
				acct, err := p.accounts.ByName(r.Context(), p.account)
				if err != nil {
					return nil, err
				}
				protocol.CallFromContext(r.Context()).Account = acct.Name
				return do(r, acct)
			}()
			if err != nil {
				writeError(w, r, protocol.FaultOf(r.Context(), err))
				return
			}
			protocol.WriteJSON(w, http.StatusOK, reply)
		},
	}
}

// limitTokens counts a token for the caller's network, or fails where it has had too many.
func (p *Page) limitTokens(ctx context.Context) error {
	fresh := rate.NewLimiter(rate.Every(tokenInterval), maxTokens)
	limiter, known, _ := p.tokens.PeekOrAdd(account.CallerNetwork(ctx), fresh)
	if !known {
		limiter = fresh
	}
	if !limiter.Allow() {
		return protocol.Fault{Status: http.StatusTooManyRequests, Message: "Too many checks from your network. Try again later.", RetryAfter: tokenInterval}
	}
	return nil
}

func (p *Page) createToken(r *http.Request, acct account.Account) (any, error) {
	query := r.URL.Query()
	if err := protocol.RefuseUnknownQuery(query, "mode"); err != nil {
		return nil, err
	}
	mode := query.Get("mode")
	if !slices.Contains([]string{"", "phrase", "selfie"}, mode) {
		return nil, protocol.BadRequest(`The value of "mode" must be "phrase" or "selfie".`)
	}
	if err := p.limitTokens(r.Context()); err != nil {
		return nil, err
	}
	if err := p.accounts.CountRequest(r.Context(), acct); err != nil {
		return nil, err
	}
	return p.captures.CreateTransaction(r.Context(), acct, mode == "selfie")
}

func (p *Page) getResult(r *http.Request, acct account.Account) (any, error) {
	return p.captures.Result(r.Context(), acct, r.PathValue("transaction"))
}
