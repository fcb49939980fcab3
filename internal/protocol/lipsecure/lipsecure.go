// Package lipsecure serves the LipSecure protocol: it sends a phrase and scores a video of somebody saying it, 0 to 100. It does
// not run models. Every reply has an error object, on success too.
package lipsecure

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/challenge"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// Accounts knows who calls and how much they may.
type Accounts interface {
	Authenticate(ctx context.Context, p account.Protocol, public, secret string) (account.Account, error)
	CountRequest(ctx context.Context, acct account.Account) error
}

// Challenges keeps the transactions.
type Challenges interface {
	Create(ctx context.Context, account string) (challenge.Transaction, error)
	FindOpenPhrase(ctx context.Context, account, id string) (challenge.Transaction, error)
	Settle(ctx context.Context, t challenge.Transaction, c challenge.Check, v liveness.Verdict) error
	UseTry(ctx context.Context, t challenge.Transaction, c challenge.Check, v liveness.Verdict) error
}

// Checker checks a recording of a phrase.
type Checker interface {
	CheckRecording(ctx context.Context, data []byte, phrase string, o check.RecordingOptions) (liveness.Verdict, error)
}

// API is the protocol. Build it with New.
type API struct {
	accounts   Accounts
	challenges Challenges
	checker    Checker
}

var _ protocol.Protocol = (*API)(nil)

// New returns the protocol.
func New(a Accounts, c Challenges, k Checker) *API {
	return &API{accounts: a, challenges: c, checker: k}
}

// Name implements protocol.Protocol.
func (a *API) Name() string { return string(account.LipSecure) }

// Endpoints implements protocol.Protocol.
func (a *API) Endpoints() []protocol.Endpoint {
	return []protocol.Endpoint{{
		Method: http.MethodPost,
		Paths:  []string{"/challenge", "/LiopaAPI/api/challenge"},
		Media:  protocol.NoMedia,
		Handle: a.challenge,
		WriteError: func(w http.ResponseWriter, _ *http.Request, f protocol.Fault) {
			writeError(w, f, challengeReply{Error: problemOf(f)})
		},
	}, {
		Method: http.MethodPost,
		Paths:  []string{"/verifier/{transactionId}", "/LiopaAPI/api/verifier/{transactionId}"},
		Media:  protocol.Recording,
		Handle: a.verify,
		WriteError: func(w http.ResponseWriter, _ *http.Request, f protocol.Fault) {
			writeError(w, f, verifierReply{Score: "0", Error: problemOf(f)})
		},
	}}
}

// problem is the error object of every reply.
type problem struct {
	Type    string `json:"type"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

var noProblem = problem{Message: "OK"}

type challengeReply struct {
	TransactionID string  `json:"transactionId"`
	Phrase        string  `json:"phrase"`
	Error         problem `json:"error"`
}

type verifierReply struct {
	TransactionID string `json:"transactionId"`
	Phrase        string `json:"phrase"`
	// Score has one decimal; it is 0 with an error.
	Score json.Number `json:"score"`
	Error problem     `json:"error"`
}

func problemOf(f protocol.Fault) problem {
	kind := "client"
	if f.Status >= 500 {
		kind = "server"
	}
	return problem{Type: kind, Code: f.Status, Message: f.Message}
}

func writeError(w http.ResponseWriter, f protocol.Fault, reply any) {
	f.Headers(w.Header())
	protocol.WriteJSON(w, f.Status, reply)
}

// authenticate finds the account that calls and counts the request.
func (a *API) authenticate(r *http.Request) (account.Account, error) {
	acct, err := a.accounts.Authenticate(r.Context(), account.LipSecure, "", r.Header.Get("X-API-Key"))
	if err != nil {
		return acct, err
	}
	protocol.CallFromContext(r.Context()).Account = acct.Name
	return acct, a.accounts.CountRequest(r.Context(), acct)
}

func (a *API) challenge(w http.ResponseWriter, r *http.Request) {
	t, err := a.createChallenge(r)
	if err != nil {
		f := protocol.FaultOf(r.Context(), err)
		writeError(w, f, challengeReply{Error: problemOf(f)})
		return
	}
	protocol.WriteJSON(w, http.StatusOK, challengeReply{t.ID, t.Phrase, noProblem})
}

func (a *API) createChallenge(r *http.Request) (challenge.Transaction, error) {
	acct, err := a.authenticate(r)
	if err != nil {
		return challenge.Transaction{}, err
	}
	return a.challenges.Create(r.Context(), acct.ID)
}

func (a *API) verify(w http.ResponseWriter, r *http.Request) {
	t, v, err := a.check(r)
	reply := verifierReply{TransactionID: t.ID, Phrase: t.Phrase, Score: "0"}
	if err != nil {
		f := protocol.FaultOf(r.Context(), err)
		reply.Error = problemOf(f)
		writeError(w, f, reply)
		return
	}
	if info, _ := v.Reason.Info(); info.LipSecure != 0 {
		reply.Error = problem{Type: "user", Code: info.LipSecure, Message: info.Sentence}
	} else {
		// In percent; rounded down, so that 97.96 does not pass for 98.
		reply.Score, reply.Error = protocol.Floor(100*float64(*v.Score), 1), noProblem
	}
	protocol.WriteJSON(w, http.StatusOK, reply)
}

// check checks the video for the transaction of the request. It returns what is known of the transaction even with an
// error. A verdict without an error has a user error's reason or a score, and the transaction has been settled.
func (a *API) check(r *http.Request) (t challenge.Transaction, v liveness.Verdict, err error) {
	ctx := r.Context()
	acct, err := a.authenticate(r)
	if err != nil {
		return t, v, err
	}
	// Once before the video is read, so that no video is sent for nothing, and once after. The video must be there in time, not
	// its first byte.
	id := r.PathValue("transactionId")
	if t, err = a.openTransaction(ctx, acct, id); err != nil {
		return t, v, err
	}
	form, err := protocol.ReadForm(r, "file")
	if err != nil {
		return t, v, err
	}
	video, err := form.File("file")
	if err != nil {
		return t, v, err
	}
	if t, err = a.openTransaction(ctx, acct, id); err != nil {
		return t, v, err
	}
	if v, err = a.checker.CheckRecording(ctx, video, t.Phrase, check.RecordingOptions{
		Threshold: acct.RecordingThreshold, Owner: check.Owner{Account: acct.ID, Transaction: t.ID},
	}); err != nil {
		return t, v, err
	}
	if v.Reason == liveness.VideoTooLarge { // as of a file that is too large; no user error, and no try is used
		return t, v, protocol.Fault{Status: http.StatusRequestEntityTooLarge, Message: v.Reason.Sentence()}
	}
	return t, v, a.settle(ctx, t, v)
}

func (a *API) openTransaction(ctx context.Context, acct account.Account, id string) (challenge.Transaction, error) {
	t, err := a.challenges.FindOpenPhrase(ctx, acct.ID, id)
	return t, closedFault(err)
}

func (a *API) settle(ctx context.Context, t challenge.Transaction, v liveness.Verdict) error {
	c := challenge.Check{ID: protocol.CallFromContext(ctx).ID, Protocol: a.Name()}
	if info, _ := v.Reason.Info(); info.LipSecure != 0 {
		return closedFault(a.challenges.UseTry(ctx, t, c, v))
	}
	if v.Score == nil {
		return errors.New("a recording's verdict has neither a score nor a user error, but reason " + string(v.Reason))
	}
	return closedFault(a.challenges.Settle(ctx, t, c, v))
}

// closedFault turns the ways in which a transaction takes no video into the client's fault.
func closedFault(err error) error {
	for state, message := range map[error]string{
		challenge.ErrUnknown: "The transaction is unknown. Request a challenge first.",
		challenge.ErrExpired: "The transaction is expired. Request a new challenge.",
		challenge.ErrSettled: "The transaction has been scored already. Request a new challenge.",
		challenge.ErrUsedUp:  "The transaction has no tries left. Request a new challenge.",
	} {
		if errors.Is(err, state) {
			return protocol.BadRequest("%s", message)
		}
	}
	return err
}
