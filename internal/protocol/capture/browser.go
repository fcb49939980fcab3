package capture

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/challenge"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// authenticateToken returns what the token of a request allows, and the transaction that it is for.
func (a *API) authenticateToken(r *http.Request) (token string, c account.CaptureToken, t challenge.Transaction, err error) {
	ctx := r.Context()
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", c, t, account.ErrUnauthorized
	}
	if c, err = a.accounts.CaptureToken(ctx, token); err != nil {
		return token, c, t, err
	}
	call := protocol.CallFromContext(ctx)
	call.Account, call.Visitor = c.Account.Name, account.CallerNetwork(ctx)
	t, err = a.openTransaction(ctx, c.Account, c.Transaction)
	return token, c, t, err
}

type sessionReply struct {
	Mode      mode   `json:"mode"`
	Phrase    string `json:"phrase,omitempty"`
	ExpiresIn int    `json:"expires_in"`
}

// session tells the page what to ask of the person.
func (a *API) session(r *http.Request) (any, error) {
	_, c, t, err := a.authenticateToken(r)
	if err != nil {
		return nil, err
	}
	return sessionReply{modeOf(t), t.Phrase, a.secondsUntil(c.Expires)}, nil
}

// result is what the page may know: no score and no gate, which would teach an attacker.
type result string

const (
	passed result = "passed"
	failed result = "failed"
	retry  result = "again" // the media could not carry a decision, and there is another try
	ended  result = "ended" // the same, and there is none
)

type uploadReply struct {
	Result result `json:"result"`
	// Reason and Advice, its sentence, say what to do better; "" where there is a decision.
	Reason liveness.Reason `json:"reason,omitempty"`
	Advice string          `json:"advice,omitempty"`
	// Token is for the next try.
	Token string `json:"token,omitempty"`
}

func (a *API) upload(path string, load protocol.MediaKind) protocol.Endpoint {
	return protocol.Endpoint{
		Method: http.MethodPost, Paths: []string{path}, Media: load, AnyOrigin: true, WriteError: writeError,
		Handle: func(w http.ResponseWriter, r *http.Request) {
			reply, next, err := a.receive(r, load)
			if err != nil {
				writeErrorWithToken(w, protocol.FaultOf(r.Context(), err), next)
				return
			}
			protocol.WriteJSON(w, http.StatusOK, reply)
		},
	}
}

// receive checks the media of the request. A token is used up when its media has arrived whole, so a broken connection costs
// nothing. After an internal error next is a new token beside the error.
func (a *API) receive(r *http.Request, load protocol.MediaKind) (reply uploadReply, next string, err error) {
	ctx := r.Context()
	token, c, t, err := a.authenticateToken(r)
	if err != nil {
		return reply, "", err
	}
	if wants := map[mode]protocol.MediaKind{phraseMode: protocol.Recording, selfieMode: protocol.Picture}[modeOf(t)]; wants != load {
		return reply, "", protocol.BadRequest("The transaction needs a %s, not a %s.", wants, load)
	}
	if err := a.accounts.CheckQuota(ctx, c.Account); err != nil {
		return reply, "", err
	}
	media, prompted, err := readUpload(r, t)
	if err != nil {
		return reply, "", err
	}
	// The media must be there in time, not its first byte.
	if t, err = a.openTransaction(ctx, c.Account, c.Transaction); err != nil {
		return reply, "", err
	}
	if err := a.accounts.UseCaptureToken(ctx, token); err != nil {
		return reply, "", err
	}
	v, err := a.check(ctx, c, t, media, prompted)
	if err == nil {
		err = a.record(ctx, t, v)
	}
	if errors.Is(err, account.ErrQuota) { // checks at the same time used up the month
		return reply, "", err
	}
	if err != nil {
		return reply, a.renew(ctx, c), err
	}
	return a.replyTo(ctx, c, v), "", nil
}

// readUpload returns the media and when the digits were shown, nil where the page does not say.
func readUpload(r *http.Request, t challenge.Transaction) (media []byte, prompted []time.Duration, err error) {
	form, err := protocol.ReadForm(r, "file", "prompts")
	if err != nil {
		return nil, nil, err
	}
	if media, err = form.File("file"); err != nil {
		return nil, nil, err
	}
	if err := form.RefuseUnknown("file", "prompts"); err != nil {
		return nil, nil, err
	}
	text, given := form.Field("prompts")
	if !given {
		return media, nil, nil
	}
	prompted, err = parsePrompts(text, len(t.Phrase))
	return media, prompted, err
}

// maxPrompt, in milliseconds, is later than any recording ends.
const maxPrompt = 3_600_000

// parsePrompts reads a JSON array of one number of milliseconds for each digit.
func parsePrompts(text string, digits int) ([]time.Duration, error) {
	var ms []float64
	if err := json.Unmarshal([]byte(text), &ms); err != nil || len(ms) != digits || digits == 0 {
		return nil, protocol.BadRequest("The field \"prompts\" must be a JSON array of %d numbers: when each digit was shown, in milliseconds from the recording's start.", digits)
	}
	prompted := make([]time.Duration, len(ms))
	for i, at := range ms {
		if math.Abs(at) > maxPrompt {
			return nil, protocol.BadRequest("The field \"prompts\" has a time beyond any recording.")
		}
		prompted[i] = time.Duration(at * float64(time.Millisecond))
	}
	return prompted, nil
}

func (a *API) check(ctx context.Context, c account.CaptureToken, t challenge.Transaction, media []byte, prompted []time.Duration) (liveness.Verdict, error) {
	owner := check.Owner{Account: c.Account.ID, Transaction: t.ID}
	if modeOf(t) == selfieMode {
		return a.checker.CheckPicture(ctx, media, check.PictureOptions{
			Threshold: c.Threshold, LargestFace: true, Owner: owner, RefuseReplayed: c.Account.RefuseReplayedPictures,
		})
	}
	return a.checker.CheckRecording(ctx, media, t.Phrase, check.RecordingOptions{Threshold: c.Account.RecordingThreshold, Prompted: prompted, Owner: owner})
}

// record settles the transaction where there is a decision, and uses up a try where there is none. It counts as a check of
// the protocol whose flow it is.
func (a *API) record(ctx context.Context, t challenge.Transaction, v liveness.Verdict) error {
	c := challenge.Check{ID: protocol.CallFromContext(ctx).ID, Protocol: string(protocolOf(t))}
	if v.Outcome == liveness.Undecided || v.Score == nil {
		return closedFault(a.challenges.UseTry(ctx, t, c, v))
	}
	return closedFault(a.challenges.Settle(ctx, t, c, v))
}

func (a *API) replyTo(ctx context.Context, c account.CaptureToken, v liveness.Verdict) uploadReply {
	switch v.Outcome {
	case liveness.Live:
		return uploadReply{Result: passed}
	case liveness.Attack:
		return uploadReply{Result: failed}
	}
	reply := uploadReply{Result: ended, Reason: v.Reason, Advice: v.Reason.Sentence()}
	if reply.Token = a.renew(ctx, c); reply.Token != "" {
		reply.Result = retry
	}
	return reply
}

// renew returns a token for the same transaction, or "" where that is not open any more. That none can be made is logged and
// no more: what is known of the upload itself must reach the page.
func (a *API) renew(ctx context.Context, c account.CaptureToken) string {
	ctx = context.WithoutCancel(ctx)
	t, err := a.openTransaction(ctx, c.Account, c.Transaction)
	if err != nil {
		return ""
	}
	token, err := a.accounts.RenewCaptureToken(ctx, c, t)
	if err != nil {
		protocol.CallFromContext(ctx).Log.Error("a capture token could not be renewed", "error", err)
		return ""
	}
	return token
}
