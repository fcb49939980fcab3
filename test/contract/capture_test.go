package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/liveness"
)

// apiKey and appKey are the credentials of the operator's server.
func (r *rig) apiKey() []header { return []header{{"X-API-Key", r.credentials.APIKey}} }

func (r *rig) appKey() []header {
	return []header{{"app_id", r.credentials.AppID}, {"app_key", r.credentials.AppKey}}
}

func bearerHeader(token string) header { return header{"Authorization", "Bearer " + token} }

// grant asks for a token as the operator's server does.
func (r *rig) grant(body string, credentials []header) (token, transaction string) {
	r.t.Helper()
	got := r.send("POST", "/capture/tokens", "application/json", strings.NewReader(body), credentials...)
	got.want(200, `{"token":"<[0-9a-f]{64}>","transaction_id":"<`+uuid4+`>","mode":"<phrase|selfie>","expires_in":<\d+>}`)
	var grant struct {
		Token       string `json:"token"`
		Transaction string `json:"transaction_id"`
	}
	if err := json.Unmarshal([]byte(got.body), &grant); err != nil {
		r.t.Fatal(err)
	}
	return grant.Token, grant.Transaction
}

// upload uploads as the capture component does.
func (r *rig) upload(path, token string, parts ...part) reply {
	r.t.Helper()
	contentType, body := form(append([]part{{"file", "recording.webm", marker}}, parts...)...)
	return r.send("POST", path, contentType, body, bearerHeader(token))
}

func (r *rig) resultOf(transaction string, credentials []header) reply {
	r.t.Helper()
	return r.send("GET", "/capture/results/"+transaction, "", nil, credentials...)
}

func next(got reply) string {
	var again struct{ Token string }
	if err := json.Unmarshal([]byte(got.body), &again); err != nil {
		got.t.Fatal(err)
	}
	return again.Token
}

func TestCaptureOfAPhrase(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) {
		asked = s
		v := verdict(0.991)
		due := 0.5
		v.Gates = []liveness.Gate{liveness.AtLeast("phrase", 0.991, 0.98, "p", "")}
		v.Digits = []liveness.Digit{{Digit: "5", Start: 0.75, End: 1, Fit: 0.5, Due: &due}}
		return v, nil
	}
	challenge := r.send("POST", "/challenge", "", nil, r.apiKey()...)
	var begun struct{ TransactionID, Phrase string }
	if err := json.Unmarshal([]byte(challenge.body), &begun); err != nil {
		t.Fatal(err)
	}
	token, transaction := r.grant(`{"transaction_id":"`+begun.TransactionID+`"}`, r.apiKey())
	if transaction != begun.TransactionID {
		t.Errorf("a token for %s", transaction)
	}
	r.send("GET", "/capture/session", "", nil, bearerHeader(token)).
		want(200, `{"mode":"phrase","phrase":"`+begun.Phrase+`","expires_in":<\d+>}`).
		wantHeader("Access-Control-Allow-Origin", `^$`)
	r.resultOf(transaction, r.apiKey()).want(200, `{"transaction_id":"`+transaction+`","mode":"phrase","phrase":"`+begun.Phrase+`","state":"open","check":null}`)

	r.upload("/capture/recording", token, part{"prompts", "", "[500,1500,2500.5,3500,4500,5500]"}).want(200, `{"result":"passed"}`)
	want := []time.Duration{500e6, 1500e6, 2500_500_000, 3500e6, 4500e6, 5500e6}
	if string(asked.data) != marker || asked.phrase != begun.Phrase || asked.threshold != 0.98 || !reflect.DeepEqual(asked.prompted, want) {
		t.Errorf("the check was asked %+v", asked)
	}
	r.resultOf(transaction, r.apiKey()).want(200, `{"transaction_id":"`+transaction+`","mode":"phrase","phrase":"`+begun.Phrase+`","state":"scored",`+
		`"check":{"id":"<`+uuid4+`>","at":"<[^"]+>","outcome":"live","score":0.991,"threshold":0.5,"gates":[{"name":"phrase","passed":true,"measure":0.991,`+
		`"limit":0.98,"unit":"p","took_ns":0}],"digits":[{"digit":"5","start":0.75,"end":1,"fit":0.5,"due":0.5}]}}`)
	r.upload("/capture/recording", token).want(401, `{"error":{"code":401,"message":"<.+>"}}`).wantHeader("WWW-Authenticate", "Bearer")
	r.send("POST", "/verifier/"+transaction, "", nil, r.apiKey()...).want(400, `<.*>scored already<.*>`)
}

func TestCaptureOfASelfie(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return verdict(0.4), nil }
	token, transaction := r.grant(`{"threshold":0.75}`, r.appKey())
	r.send("GET", "/capture/session", "", nil, bearerHeader(token)).want(200, `{"mode":"selfie","expires_in":300}`)
	r.upload("/capture/picture", token).want(200, `{"result":"failed"}`)
	if asked.threshold != 0.75 || !asked.largest || asked.phrase != "" {
		t.Errorf("the check was asked %+v", asked)
	}
	r.resultOf(transaction, r.appKey()).want(200, `<.*>"mode":"selfie","state":"scored","check":{<.*>"outcome":"attack","score":0.4,<.*>`)
	// The same account's other credentials may ask too; another account may not.
	r.resultOf(transaction, r.apiKey()).want(200, `<.*>`)
	other, err := r.accounts.CreateKey(t.Context(), "other", account.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r.resultOf(transaction, []header{{"X-API-Key", other.APIKey}}).want(404, `{"error":{"code":404,"message":"The transaction is unknown."}}`)
	r.send("POST", "/verifier/"+transaction, "", nil, r.apiKey()...).want(400, `<.*>unknown<.*>`)
}

func TestCaptureGoesOnWithAnotherToken(t *testing.T) {
	r := newRig(t)
	r.says(undecidedVerdict(liveness.FaceTooSmall))
	token, transaction := r.grant("", r.apiKey())
	advice := liveness.FaceTooSmall.Sentence()
	for range 2 {
		got := r.upload("/capture/recording", token).want(200, `{"result":"again","reason":"face_too_small","advice":"`+advice+`","token":"<[0-9a-f]{64}>"}`)
		if next(got) == token {
			t.Fatal("the same token again")
		}
		token = next(got)
	}
	r.upload("/capture/recording", token).want(200, `{"result":"ended","reason":"face_too_small","advice":"`+advice+`"}`)
	r.resultOf(transaction, r.apiKey()).want(200, `<.*>"state":"used_up","check":{<.*>"outcome":"undecided","score":null,<.*>"reason":"face_too_small","advice":"`+advice+`"<.*>`)
	r.send("POST", "/capture/tokens", "application/json", strings.NewReader(`{"transaction_id":"`+transaction+`"}`), r.apiKey()...).
		want(409, `{"error":{"code":409,"message":"The transaction has no tries left."}}`)
}

// What goes wrong on our side must not cost the person the transaction.
func TestCaptureSurvivesOurFaults(t *testing.T) {
	r := newRig(t)
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		return liveness.Verdict{}, errors.New("secret cause")
	}
	token, _ := r.grant("", r.apiKey())
	got := r.upload("/capture/recording", token).want(500, `{"error":{"code":500,"message":"<[^"]+>"},"token":"<[0-9a-f]{64}>"}`)
	if strings.Contains(got.body, "secret") {
		t.Errorf("inner text: %s", got.body)
	}
	r.says(verdict(0.99))
	r.upload("/capture/recording", next(got)).want(200, `{"result":"passed"}`)
}

func TestCaptureRefuses(t *testing.T) {
	r := newRig(t)
	token, _ := r.grant("", r.apiKey())
	selfie, _ := r.grant("", r.appKey())
	for prompts, want := range map[string]string{
		"":                             "JSON array of 6",
		"x":                            "JSON array of 6",
		"{}":                           "JSON array of 6",
		"[1,2,3]":                      "JSON array of 6",
		"[1,2,3,4,5,6,7]":              "JSON array of 6",
		`["1","2","3","4","5","6"]`:    "JSON array of 6",
		"[1,2,3,4,5,1e300]":            "beyond",
		"[1,2,3,4,5,-1e9]":             "beyond",
		strings.Repeat("[", 4096):      "JSON array of 6",
		strings.Repeat(" ", 4097) + "": "longer than 4096",
	} {
		r.upload("/capture/recording", token, part{"prompts", "", prompts}).want(400, `{"error":{"code":400,"message":"<.*`+want+`.*>"}}`)
	}
	r.upload("/capture/picture", selfie, part{"prompts", "", "[]"}).want(400, `{"error":{"code":400,"message":"<.*>"}}`)
	r.upload("/capture/picture", token).want(400, `{"error":{"code":400,"message":"The transaction needs a recording, not a picture."}}`)
	r.upload("/capture/recording", selfie).want(400, `{"error":{"code":400,"message":"The transaction needs a picture, not a recording."}}`)
	for _, wrong := range []header{{"Authorization", ""}, {"Authorization", "Bearer "}, {"Authorization", "Basic " + token}, bearerHeader("0"), {"X-API-Key", r.credentials.APIKey}} {
		r.send("GET", "/capture/session", "", nil, wrong).want(401, `{"error":{"code":401,"message":"<.+>"}}`)
	}
	for body, credentials := range map[string][]header{
		`{"threshold":0.5}`: r.apiKey(), `{"threshold":1.5}`: r.appKey(), `{"threshold":"x"}`: r.appKey(), `[`: r.apiKey(), `{"transaction_id":"x"}`: r.appKey(),
	} {
		r.send("POST", "/capture/tokens", "application/json", strings.NewReader(body), credentials...).want(400, `{"error":{"code":400,"message":"<.+>"}}`)
	}
	r.send("POST", "/capture/tokens", "", nil).want(401, `{"error":{"code":401,"message":"<.+>"}}`)
	r.send("POST", "/capture/tokens", "application/json", strings.NewReader(`{"transaction_id":"x"}`), r.apiKey()...).want(409, `<.*>unknown<.*>`)
	// None of it used the token up; time does.
	r.send("GET", "/capture/session", "", nil, bearerHeader(token)).want(200, `<.*>`)
	r.advanceClock(6 * time.Minute)
	r.send("GET", "/capture/session", "", nil, bearerHeader(token)).want(401, `<.*>`)
	r.upload("/capture/recording", token).want(401, `<.*>`)
}

func TestCaptureAcceptsOneUploadOfMany(t *testing.T) {
	r := newRig(t)
	token, _ := r.grant("", r.apiKey())
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			got := r.upload("/capture/recording", token)
			mu.Lock()
			statuses[got.status]++
			mu.Unlock()
		})
	}
	all.Wait()
	if statuses[http.StatusOK] != 1 || r.records() != 1 {
		t.Errorf("statuses %v, %d records", statuses, r.records())
	}
}

func TestCaptureKeepsToTheQuota(t *testing.T) {
	r := newRig(t)
	token, _ := r.grant("", r.apiKey())
	r.changeSettings(account.Settings{MonthlyQuota: 1})
	r.upload("/capture/recording", token).want(200, `{"result":"passed"}`)
	r.send("POST", "/capture/tokens", "", nil, r.apiKey()...).want(429, `<.*>`).wantHeader("Retry-After", `^\d+$`)
}

// A page of another origin may call what takes a token, and nothing that takes a key.
func TestCaptureAcrossOrigins(t *testing.T) {
	r := newRig(t)
	ask := func(path, method string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, r.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", "https://shop.example")
		request.Header.Set("Access-Control-Request-Method", method)
		request.Header.Set("Access-Control-Request-Headers", "authorization")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	for path, method := range map[string]string{"/capture/session": "GET", "/capture/recording": "POST", "/capture/picture": "POST"} {
		got := ask(path, method)
		if got.StatusCode != http.StatusNoContent || got.Header.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.EqualFold(got.Header.Get("Access-Control-Allow-Headers"), "authorization") || got.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
	}
	for _, path := range []string{"/capture/tokens", "/capture/results/x", "/challenge", "/liveness-verification"} {
		if got := ask(path, "POST"); got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, fmt.Sprint(got.Header))
		}
	}
	// The reply of a real request carries the header too, a refusal as well.
	r.send("GET", "/capture/session", "", nil, bearerHeader("x"), header{"Origin", "https://shop.example"}).
		want(401, `<.*>`).wantHeader("Access-Control-Allow-Origin", `^\*$`)
}

// Over quota, an upload with a token is not checked, and brings no other token. The token itself stays as it was.
func TestCaptureOverQuota(t *testing.T) {
	r := newRig(t)
	token, transaction := r.grant("", r.apiKey())
	r.facePicture().want(200, `<.*>`)
	r.changeSettings(account.Settings{MonthlyQuota: 1})
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		t.Error("it was checked")
		return verdict(0.9), nil
	}
	for range 2 {
		r.upload("/capture/recording", token).want(429, `{"error":{"code":429,"message":"`+sentence+`"}}`).wantHeader("Retry-After", `^\d+$`)
	}
	r.resultOf(transaction, r.apiKey()).want(429, `<.*>`)

	// The last check of the month may be used up by another at the same time.
	r.changeSettings(account.Settings{MonthlyQuota: 2})
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		r.says(verdict(0.9))
		r.facePicture().want(200, `<.*>`)
		return verdict(0.9), nil
	}
	r.upload("/capture/recording", token).want(429, `{"error":{"code":429,"message":"`+sentence+`"}}`)
}
