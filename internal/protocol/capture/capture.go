// Package capture lets a browser upload the media of one transaction with a token. It does not give a browser a key or a score.
// The operator's server asks for a token and hands it to the page. The page's capture component shows the phrase, records,
// uploads once, and learns whether it passed. The operator's server then gets the result itself: a browser's word proves nothing.
//
// The published protocols do not change: a token is for one of their transactions, or for a picture.
package capture

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/challenge"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// Accounts knows who calls, how much they may, and the tokens.
type Accounts interface {
	Authenticate(ctx context.Context, p account.Protocol, public, secret string) (account.Account, error)
	CountRequest(ctx context.Context, acct account.Account) error
	CheckQuota(ctx context.Context, acct account.Account) error
	CreateCaptureToken(ctx context.Context, acct account.Account, t challenge.Transaction, threshold *float64) (token string, expires time.Time, err error)
	CaptureToken(ctx context.Context, token string) (account.CaptureToken, error)
	UseCaptureToken(ctx context.Context, token string) error
	RenewCaptureToken(ctx context.Context, c account.CaptureToken, t challenge.Transaction) (token string, err error)
	LastCheck(ctx context.Context, accountID, transaction string) (account.Record, error)
}

// Challenges keeps the transactions.
type Challenges interface {
	Create(ctx context.Context, account string) (challenge.Transaction, error)
	CreatePicture(ctx context.Context, account string) (challenge.Transaction, error)
	FindOpenPhrase(ctx context.Context, account, id string) (challenge.Transaction, error)
	FindOpen(ctx context.Context, account, id string) (challenge.Transaction, error)
	Settle(ctx context.Context, t challenge.Transaction, c challenge.Check, v liveness.Verdict) error
	UseTry(ctx context.Context, t challenge.Transaction, c challenge.Check, v liveness.Verdict) error
}

// Checker checks pictures and recordings.
type Checker interface {
	CheckPicture(ctx context.Context, data []byte, o check.PictureOptions) (liveness.Verdict, error)
	CheckRecording(ctx context.Context, data []byte, phrase string, o check.RecordingOptions) (liveness.Verdict, error)
}

// API is the endpoints. Build it with New.
type API struct {
	accounts   Accounts
	challenges Challenges
	checker    Checker
	now        func() time.Time
}

var _ protocol.Protocol = (*API)(nil)

// New returns the endpoints. A nil now is time.Now.
func New(a Accounts, c Challenges, k Checker, now func() time.Time) *API {
	if now == nil {
		now = time.Now
	}
	return &API{accounts: a, challenges: c, checker: k, now: now}
}

// Name implements protocol.Protocol.
func (a *API) Name() string { return "capture" }

// Endpoints implements protocol.Protocol.
func (a *API) Endpoints() []protocol.Endpoint {
	endpoint := func(method, path string, load protocol.MediaKind, browser bool, answer func(r *http.Request) (any, error)) protocol.Endpoint {
		return protocol.Endpoint{
			Method: method, Paths: []string{path}, Media: load, AnyOrigin: browser, WriteError: writeError,
			Handle: func(w http.ResponseWriter, r *http.Request) {
				reply, err := answer(r)
				if err != nil {
					writeError(w, r, protocol.FaultOf(r.Context(), err))
					return
				}
				protocol.WriteJSON(w, http.StatusOK, reply)
			},
		}
	}
	return []protocol.Endpoint{
		endpoint(http.MethodPost, "/capture/tokens", protocol.NoMedia, false, a.createToken),
		endpoint(http.MethodGet, "/capture/results/{transaction}", protocol.NoMedia, false, a.result),
		endpoint(http.MethodGet, "/capture/session", protocol.NoMedia, true, a.session),
		a.upload("/capture/recording", protocol.Recording),
		a.upload("/capture/picture", protocol.Picture),
		a.component(),
	}
}

// mode is what a transaction waits for.
type mode string

const (
	phraseMode mode = "phrase"
	selfieMode mode = "selfie"
)

func modeOf(t challenge.Transaction) mode {
	if t.Phrase == "" {
		return selfieMode
	}
	return phraseMode
}

// protocolOf returns the protocol whose flow the transaction is.
func protocolOf(t challenge.Transaction) account.Protocol {
	if modeOf(t) == selfieMode {
		return account.Selfie
	}
	return account.LipSecure
}

type problem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type errorReply struct {
	Error problem `json:"error"`
	// Token is another token, where the one that came was used up by what was no fault of its bearer.
	Token string `json:"token,omitempty"`
}

func writeError(w http.ResponseWriter, _ *http.Request, f protocol.Fault) {
	writeErrorWithToken(w, f, "")
}

func writeErrorWithToken(w http.ResponseWriter, f protocol.Fault, token string) {
	f.Headers(w.Header())
	if f.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	protocol.WriteJSON(w, f.Status, errorReply{problem{f.Status, f.Message}, token})
}

// authenticate finds the account of the operator's server that calls and counts the request. Whose credentials they are says
// which flow is meant.
func (a *API) authenticate(r *http.Request) (acct account.Account, m mode, err error) {
	ctx := r.Context()
	if key := r.Header.Get("X-API-Key"); key != "" {
		m = phraseMode
		acct, err = a.accounts.Authenticate(ctx, account.LipSecure, "", key)
	} else {
		m = selfieMode
		acct, err = a.accounts.Authenticate(ctx, account.Selfie, protocol.Header(r, "app_id", "app-id"), protocol.Header(r, "app_key", "app-key"))
	}
	if err != nil {
		return acct, m, err
	}
	protocol.CallFromContext(ctx).Account = acct.Name
	return acct, m, a.accounts.CountRequest(ctx, acct)
}

// tokenRequest is what the operator's server may say when it asks for a token.
type tokenRequest struct {
	// Transaction is one that POST /challenge began; "": begin one.
	Transaction string `json:"transaction_id"`
	// Threshold is for a selfie; nil: the account's.
	Threshold *float64 `json:"threshold"`
}

// TokenReply is a token on its way to a page.
type TokenReply struct {
	Token       string `json:"token"`
	Transaction string `json:"transaction_id"`
	Mode        mode   `json:"mode"`
	// ExpiresIn is in seconds.
	ExpiresIn int `json:"expires_in"`
}

func (a *API) createToken(r *http.Request) (any, error) {
	acct, m, err := a.authenticate(r)
	if err != nil {
		return nil, err
	}
	o, err := readOrder(r)
	if err != nil {
		return nil, err
	}
	switch {
	case m == phraseMode && o.Threshold != nil:
		return nil, protocol.BadRequest("A threshold applies to selfies only; recordings use the account's.")
	case m == selfieMode && o.Transaction != "":
		return nil, protocol.BadRequest("A selfie's transaction is created with its token: omit \"transaction_id\".")
	case o.Threshold != nil && !(*o.Threshold >= 0 && *o.Threshold <= 1):
		return nil, protocol.BadRequest("The value of \"threshold\" must be a number from 0 to 1, such as 0.6.")
	}
	return a.createTokenFor(r.Context(), acct, m, o)
}

// readOrder reads the body, if there is one.
func readOrder(r *http.Request) (o tokenRequest, err error) {
	if err := protocol.RefuseUnknownQuery(r.URL.Query()); err != nil {
		return o, err
	}
	if r.ContentLength == 0 {
		return o, nil
	}
	body, err := protocol.ReadJSON(r, &o)
	if err != nil {
		return o, err
	}
	return o, body.RefuseUnknown("transaction_id", "threshold")
}

func (a *API) createTokenFor(ctx context.Context, acct account.Account, m mode, o tokenRequest) (TokenReply, error) {
	var t challenge.Transaction
	var err error
	switch {
	case m == selfieMode:
		t, err = a.challenges.CreatePicture(ctx, acct.ID)
	case o.Transaction == "":
		t, err = a.challenges.Create(ctx, acct.ID)
	default:
		t, err = a.challenges.FindOpenPhrase(ctx, acct.ID, o.Transaction) // a selfie's is unknown to a key for LipSecure
		err = closedFault(err)
	}
	if err != nil {
		return TokenReply{}, err
	}
	token, expires, err := a.accounts.CreateCaptureToken(ctx, acct, t, o.Threshold)
	return TokenReply{token, t.ID, m, a.secondsUntil(expires)}, err
}

// CreateTransaction begins a transaction of the account and returns a token for it, as the operator's server gets one.
func (a *API) CreateTransaction(ctx context.Context, acct account.Account, selfie bool) (TokenReply, error) {
	if selfie {
		return a.createTokenFor(ctx, acct, selfieMode, tokenRequest{})
	}
	return a.createTokenFor(ctx, acct, phraseMode, tokenRequest{})
}

func (a *API) secondsUntil(t time.Time) int { return max(0, int(math.Ceil(t.Sub(a.now()).Seconds()))) }

// openTransaction returns an open transaction of the account, or the fault of one that is none.
func (a *API) openTransaction(ctx context.Context, acct account.Account, id string) (challenge.Transaction, error) {
	t, err := a.challenges.FindOpen(ctx, acct.ID, id)
	return t, closedFault(err)
}

// closedFault turns the ways in which a transaction takes no media into the caller's fault.
func closedFault(err error) error {
	for state, message := range map[error]string{
		challenge.ErrUnknown: "The transaction is unknown.",
		challenge.ErrExpired: "The transaction is expired.",
		challenge.ErrSettled: "The transaction has been scored already.",
		challenge.ErrUsedUp:  "The transaction has no tries left.",
	} {
		if errors.Is(err, state) {
			return protocol.Fault{Status: http.StatusConflict, Message: message, Cause: err}
		}
	}
	return err
}
