// Package faceliveness serves the face liveness protocol: a picture, sent or named by its URL, gets a score or the name of a
// defect. It does not run models.
package faceliveness

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/liveness"
)

// Accounts knows who calls, how much they may, and keeps what stays of their checks.
type Accounts interface {
	Authenticate(ctx context.Context, p account.Protocol, public, secret string) (account.Account, error)
	CountRequest(ctx context.Context, acct account.Account) error
	RecordCheck(ctx context.Context, acct account.Account, c account.Check, v liveness.Verdict) error
}

// Checker checks a picture.
type Checker interface {
	CheckPicture(ctx context.Context, data []byte, o check.PictureOptions) (liveness.Verdict, error)
}

// Fetcher fetches a picture from a URL, and charges its bytes as they arrive. Any error but one of charge is the URL's
// fault.
type Fetcher interface {
	Fetch(ctx context.Context, url string, charge func(bytes int64) error) ([]byte, error)
}

// API is the protocol. Build it with New.
type API struct {
	accounts Accounts
	checker  Checker
	fetcher  Fetcher
}

var _ protocol.Protocol = (*API)(nil)

// New returns the protocol. Without a fetcher, pictures are not fetched.
func New(a Accounts, k Checker, f Fetcher) *API {
	return &API{accounts: a, checker: k, fetcher: f}
}

// Name implements protocol.Protocol.
func (a *API) Name() string { return string(account.FaceLiveness) }

// Endpoints implements protocol.Protocol.
func (a *API) Endpoints() []protocol.Endpoint {
	return []protocol.Endpoint{{
		Method:     http.MethodPost,
		Paths:      []string{"/api/v1/face/liveness", "/api/v1/id-verifications/face/liveness"},
		Media:      protocol.Picture,
		Handle:     a.check,
		WriteError: func(w http.ResponseWriter, _ *http.Request, f protocol.Fault) { writeError(w, f, "") },
	}}
}

type scoreReply struct {
	SessionID string      `json:"sessionId"`
	Score     json.Number `json:"score"`
	HasError  bool        `json:"hasError"`
}

type errorReply struct {
	SessionID string `json:"sessionId"`
	HasError  bool   `json:"hasError"`
	Error     string `json:"error"`
}

// internalError is the text's name for whatever is not the picture's fault.
const internalError = "INTERNAL_ERROR"

// requestErrors name the faults of a request. They are ours: the text knows faults of pictures only. A sentence follows
// the name.
var requestErrors = map[int]string{
	http.StatusBadRequest:            "BAD_REQUEST",
	http.StatusUnauthorized:          "UNAUTHORIZED",
	http.StatusMethodNotAllowed:      "METHOD_NOT_ALLOWED",
	http.StatusRequestTimeout:        "REQUEST_TIMEOUT",
	http.StatusRequestEntityTooLarge: "TOO_LARGE",
	http.StatusUnsupportedMediaType:  "UNSUPPORTED_FORMAT",
	http.StatusTooManyRequests:       "TOO_MANY_REQUESTS",
}

func writeError(w http.ResponseWriter, f protocol.Fault, session string) {
	message := internalError
	if name, known := requestErrors[f.Status]; known {
		message = name + ": " + f.Message
	}
	if f.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="bonafide"`)
	}
	f.Headers(w.Header())
	protocol.WriteJSON(w, f.Status, errorReply{session, true, message})
}

func (a *API) check(w http.ResponseWriter, r *http.Request) {
	session, v, err := a.verdict(r)
	if err != nil {
		writeError(w, protocol.FaultOf(r.Context(), err), session)
		return
	}
	if name := errorName(v); name != "" {
		protocol.WriteJSON(w, http.StatusOK, errorReply{session, true, name})
		return
	}
	protocol.WriteJSON(w, http.StatusOK, scoreReply{session, protocol.Floor(float64(*v.Score), 7), false})
}

// errorName returns the error for the verdict, or "" where it has a score. A reason that the protocol has no name for, such
// as poor light, leaves the score to tell.
func errorName(v liveness.Verdict) string {
	info, _ := v.Reason.Info()
	return info.FaceLiveness
}

// verdict checks the picture of the request and keeps the record. It returns the session where it is known, also with
// an error.
func (a *API) verdict(r *http.Request) (session string, v liveness.Verdict, err error) {
	ctx := r.Context()
	username, password := basicAuth(r)
	acct, err := a.accounts.Authenticate(ctx, account.FaceLiveness, username, password)
	if err != nil {
		return "", v, err
	}
	call := protocol.CallFromContext(ctx)
	call.Account = acct.Name
	if err := a.accounts.CountRequest(ctx, acct); err != nil {
		return "", v, err
	}
	session, image, err := readRequest(r)
	if err != nil {
		return session, v, err
	}
	if v, err = a.checkImage(ctx, acct, session, image); err != nil {
		return session, v, err
	}
	if errorName(v) == "" && v.Score == nil {
		return session, v, errors.New("a picture's verdict has neither a score nor an error, but reason " + string(v.Reason))
	}
	return session, v, a.accounts.RecordCheck(ctx, acct, account.Check{ID: call.ID, Protocol: account.FaceLiveness, Subject: session}, v)
}

// checkImage gets the picture's bytes, from the text or from where it points, and checks them.
func (a *API) checkImage(ctx context.Context, acct account.Account, session string, image protocol.Text) (liveness.Verdict, error) {
	refused := liveness.Verdict{Outcome: liveness.Undecided, Threshold: acct.PictureThreshold}
	var picture []byte
	if image.IsURL() {
		fetched, err := a.fetch(ctx, image.String())
		if ctx.Err() != nil {
			return refused, ctx.Err()
		}
		if errors.Is(err, protocol.ErrOverloaded) {
			return refused, err
		}
		if err != nil {
			protocol.CallFromContext(ctx).Log.Info("picture was not fetched", "error", err)
			refused.Reason = liveness.ImageNotFetched
			return refused, nil
		}
		picture = fetched
	} else {
		decoded, ok := image.DecodeImage()
		if !ok {
			refused.Reason = liveness.ImageNotReadable
			return refused, nil
		}
		picture = decoded
	}
	return a.checker.CheckPicture(ctx, picture, check.PictureOptions{
		Threshold: acct.PictureThreshold, Limits: acct.FaceLimits,
		Owner: check.Owner{Account: acct.ID, Session: session}, RefuseReplayed: acct.RefuseReplayedPictures,
	})
}

func (a *API) fetch(ctx context.Context, url string) ([]byte, error) {
	if a.fetcher == nil {
		return nil, errors.New("fetching is switched off")
	}
	return a.fetcher.Fetch(ctx, url, protocol.CallFromContext(ctx).Charge)
}

// basicAuth returns the user name and the password of the Authorization header, or of the header that the text also
// writes, Authentication.
func basicAuth(r *http.Request) (username, password string) {
	for _, name := range []string{"Authorization", "Authentication"} {
		probe := http.Request{Header: http.Header{"Authorization": r.Header.Values(name)}}
		if username, password, ok := probe.BasicAuth(); ok {
			return username, password
		}
	}
	return "", ""
}

// maxSession is how many bytes a session's name may have.
const maxSession = 256

// readRequest returns the session's name and the text that is or names the picture.
func readRequest(r *http.Request) (session string, image protocol.Text, err error) {
	var body struct {
		SessionID     string        `json:"sessionId"`
		FaceImageBase protocol.Text `json:"faceImageBase"`
	}
	object, err := protocol.ReadJSON(r, &body)
	if len(body.SessionID) > maxSession {
		return "", image, protocol.BadRequest("The value of \"sessionId\" is longer than %d bytes.", maxSession)
	}
	if err != nil {
		return body.SessionID, image, err
	}
	if body.FaceImageBase.Empty() {
		return body.SessionID, image, object.MissingKey("faceImageBase")
	}
	return body.SessionID, body.FaceImageBase, nil
}
