package capture

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/challenge"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// states are what may have become of a transaction.
var states = map[error]string{nil: "open", challenge.ErrSettled: "scored", challenge.ErrUsedUp: "used_up", challenge.ErrExpired: "expired"}

// Result is all that is known of a transaction, for the operator's server.
type Result struct {
	Transaction string `json:"transaction_id"`
	Mode        mode   `json:"mode"`
	Phrase      string `json:"phrase,omitempty"`
	// State is "open", "scored", "used_up" or "expired".
	State string `json:"state"`
	// Check is the latest; nil where there was none, or its record is past its time.
	Check *evidence `json:"check"`
}

// evidence is what stays of a check.
type evidence struct {
	ID      string           `json:"id"`
	At      time.Time        `json:"at"`
	Outcome liveness.Outcome `json:"outcome"`
	// Score is 0 to 1; nil where the check did not come as far.
	Score     *float64         `json:"score"`
	Threshold float64          `json:"threshold"`
	Reason    liveness.Reason  `json:"reason,omitempty"`
	Advice    string           `json:"advice,omitempty"`
	Gates     []liveness.Gate  `json:"gates"`
	Digits    []liveness.Digit `json:"digits,omitempty"`
}

func (a *API) result(r *http.Request) (any, error) {
	acct, _, err := a.authenticate(r)
	if err != nil {
		return nil, err
	}
	return a.Result(r.Context(), acct, r.PathValue("transaction"))
}

// Result returns what is known of the account's transaction, or a fault where there is none.
func (a *API) Result(ctx context.Context, acct account.Account, id string) (Result, error) {
	t, err := a.challenges.FindOpen(ctx, acct.ID, id)
	state, known := states[err]
	if errors.Is(err, challenge.ErrUnknown) || known && !acct.InScope(protocolOf(t)) {
		return Result{}, protocol.Fault{Status: http.StatusNotFound, Message: "The transaction is unknown.", Cause: err}
	}
	if !known {
		return Result{}, err
	}
	found := Result{Transaction: t.ID, Mode: modeOf(t), Phrase: t.Phrase, State: state}
	last, err := a.accounts.LastCheck(ctx, acct.ID, t.ID)
	if errors.Is(err, account.ErrNotFound) {
		return found, nil
	}
	if err != nil {
		return Result{}, err
	}
	found.Check = &evidence{
		ID: last.ID, At: last.At.UTC(), Outcome: last.Outcome, Score: last.Score, Threshold: last.Threshold,
		Reason: last.Reason, Advice: last.Reason.Sentence(), Gates: last.Gates, Digits: last.Digits,
	}
	return found, nil
}
