// Package selfie serves the selfie liveness protocol: it scores one picture and compares the score with a threshold. It does not
// run models.
package selfie

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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

// API is the protocol. Build it with New.
type API struct {
	accounts Accounts
	checker  Checker
}

var _ protocol.Protocol = (*API)(nil)

// New returns the protocol.
func New(a Accounts, k Checker) *API { return &API{accounts: a, checker: k} }

// Name implements protocol.Protocol.
func (a *API) Name() string { return string(account.Selfie) }

// Endpoints implements protocol.Protocol.
func (a *API) Endpoints() []protocol.Endpoint {
	return []protocol.Endpoint{{
		Method:     http.MethodPost,
		Paths:      []string{"/liveness-verification", "/v0.1/liveness-verification", "/v0.2/liveness-verification"},
		Media:      protocol.Picture,
		Handle:     a.verify,
		WriteError: writeError,
	}}
}

// head begins every reply.
type head struct {
	ID          string `json:"api_req_uid"`
	ProcessedAt string `json:"processed_at"`
	RequestedAt string `json:"requested_at"`
	// Code is one of the response codes below.
	Code int `json:"response_code"`
}

const (
	codeLive    = 0
	codeError   = 1
	codeNotLive = 2 // or too poor a picture to tell
)

type reply struct {
	head
	Data data `json:"response_data"`
}

type data struct {
	Liveness json.Number `json:"faces_liveness"`
	Faces    []face      `json:"faces_predicted"`
	Image    size        `json:"img"`
}

type face struct {
	Confidence json.Number `json:"confidence"`
	Delta      point       `json:"delta"`
	TopLeft    point       `json:"top_left"`
}

type point struct {
	X json.Number `json:"x"`
	Y json.Number `json:"y"`
}

type size struct {
	Height int `json:"height"`
	Width  int `json:"width"`
}

type errorReply struct {
	head
	Errors []problem `json:"errors"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// problemCodes are ours; the text has none.
var problemCodes = map[int]string{
	http.StatusBadRequest:            "BAD_REQUEST",
	http.StatusUnauthorized:          "UNAUTHORIZED",
	http.StatusForbidden:             "LIMIT_EXCEEDED",
	http.StatusMethodNotAllowed:      "METHOD_NOT_ALLOWED",
	http.StatusRequestTimeout:        "REQUEST_TIMEOUT",
	http.StatusRequestEntityTooLarge: "TOO_LARGE",
	http.StatusUnsupportedMediaType:  "UNSUPPORTED_FORMAT",
	http.StatusTooManyRequests:       "TOO_MANY_REQUESTS",
	http.StatusServiceUnavailable:    "OVERLOADED",
}

func newHead(r *http.Request, code int) head {
	call := protocol.CallFromContext(r.Context())
	return head{ID: call.ID, ProcessedAt: formatTime(time.Now()), RequestedAt: formatTime(call.Arrived), Code: code}
}

func formatTime(t time.Time) string { return t.UTC().Format(time.DateTime) }

func writeError(w http.ResponseWriter, r *http.Request, f protocol.Fault) {
	if errors.Is(f, account.ErrQuota) { // the text's own status for it, which says to upgrade rather than to wait
		f.Status, f.RetryAfter = http.StatusForbidden, 0
	}
	code := problemCodes[f.Status]
	if code == "" {
		code = "INTERNAL_ERROR"
	}
	f.Headers(w.Header())
	protocol.WriteJSON(w, f.Status, errorReply{newHead(r, codeError), []problem{{code, f.Message}}})
}

func (a *API) verify(w http.ResponseWriter, r *http.Request) {
	v, err := a.check(r)
	if err != nil {
		writeError(w, r, protocol.FaultOf(r.Context(), err))
		return
	}
	code := codeNotLive
	if v.Outcome == liveness.Live {
		code = codeLive
	}
	protocol.WriteJSON(w, http.StatusOK, reply{newHead(r, code), dataOf(v)})
}

func dataOf(v liveness.Verdict) data {
	d := data{Liveness: "0.0", Faces: make([]face, len(v.Faces)), Image: size{v.Height, v.Width}}
	if v.Score != nil && v.Reason == "" {
		d.Liveness = protocol.Floor(float64(*v.Score), 4)
	}
	for i, f := range v.Faces {
		d.Faces[i] = face{
			Confidence: protocol.Round(f.Confidence, 4),
			Delta:      point{protocol.Round(f.Box.Width, 4), protocol.Round(f.Box.Height, 4)},
			TopLeft:    point{protocol.Round(f.Box.X, 4), protocol.Round(f.Box.Y, 4)},
		}
	}
	return d
}

// check checks the picture of the request and keeps the record.
func (a *API) check(r *http.Request) (liveness.Verdict, error) {
	ctx := r.Context()
	acct, err := a.accounts.Authenticate(ctx, account.Selfie, protocol.Header(r, "app_id", "app-id"), protocol.Header(r, "app_key", "app-key"))
	if err != nil {
		return liveness.Verdict{}, err
	}
	call := protocol.CallFromContext(ctx)
	call.Account = acct.Name
	if err := a.accounts.CountRequest(ctx, acct); err != nil {
		return liveness.Verdict{}, err
	}
	picture, threshold, err := readRequest(r)
	if err != nil {
		return liveness.Verdict{}, err
	}
	if threshold == nil {
		threshold = &acct.PictureThreshold
	}
	v, err := a.checker.CheckPicture(ctx, picture, check.PictureOptions{
		Threshold: *threshold, LargestFace: true,
		Owner: check.Owner{Account: acct.ID}, RefuseReplayed: acct.RefuseReplayedPictures,
	})
	if err != nil {
		return v, err
	}
	if status := pictureFaults[v.Reason]; status != 0 {
		return v, protocol.Fault{Status: status, Message: v.Reason.Sentence()}
	}
	return v, a.accounts.RecordCheck(ctx, acct, account.Check{ID: call.ID, Protocol: account.Selfie}, v)
}

// pictureFaults are the reasons for which a request is refused; with any other it is answered.
var pictureFaults = map[liveness.Reason]int{
	liveness.ImageNotReadable: http.StatusBadRequest,
	liveness.ImageTooLarge:    http.StatusRequestEntityTooLarge,
	liveness.ImageUnsupported: http.StatusUnsupportedMediaType,
}

// readRequest returns the picture of the request and the threshold, nil where it has none.
func readRequest(r *http.Request) (picture []byte, threshold *float64, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		return readJSON(r)
	}
	form, err := protocol.ReadForm(r, "selfie", "threshold")
	if err != nil {
		return nil, nil, err
	}
	if picture, err = form.File("selfie"); err != nil {
		return nil, nil, err
	}
	if text, given := form.Field("threshold"); given {
		threshold, err = parseThreshold(text)
	}
	return picture, threshold, err
}

func readJSON(r *http.Request) (picture []byte, threshold *float64, err error) {
	var body struct {
		Selfie    protocol.Text   `json:"selfie"`
		Threshold json.RawMessage `json:"threshold"`
	}
	object, err := protocol.ReadJSON(r, &body)
	if err != nil {
		return nil, nil, err
	}
	if body.Selfie.Empty() {
		return nil, nil, object.MissingKey("selfie")
	}
	picture, ok := body.Selfie.DecodeImage()
	if !ok {
		return nil, nil, protocol.BadRequest("The value of \"selfie\" must be a picture in base64, or a data URI of one.")
	}
	if len(body.Threshold) > 0 && !bytes.Equal(body.Threshold, []byte("null")) {
		threshold, err = parseThreshold(strings.Trim(string(body.Threshold), `"`))
	}
	return picture, threshold, err
}

func parseThreshold(text string) (*float64, error) {
	text = strings.TrimSpace(text)
	value, err := strconv.ParseFloat(text, 64)
	plain := !slices.ContainsFunc([]byte(text), func(c byte) bool { return !strings.ContainsRune("0123456789.eE+-", rune(c)) })
	if err != nil || !plain || !(value >= 0 && value <= 1) {
		return nil, protocol.BadRequest(`The value of "threshold" must be a number from 0 to 1, with a point, such as 0.6.`)
	}
	return &value, nil
}
