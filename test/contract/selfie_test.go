package contract

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/liveness"
)

var picture = part{"selfie", "selfie.jpg", marker + " a picture"}

const selfiePath = "/liveness-verification"

const stamp = `<[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}>`

// selfieHead begins every reply.
const selfieHead = `{"api_req_uid":"<` + uuid4 + `>","processed_at":"` + stamp + `","requested_at":"` + stamp + `","response_code":`

// selfieError returns an error reply.
func selfieError(code string) string {
	return selfieHead + `1,"errors":[{"code":"` + code + `","message":"` + sentence + `"}]}`
}

func (r *rig) app() []header {
	return []header{{"app_id", r.credentials.AppID}, {"app_key", r.credentials.AppKey}}
}

func (r *rig) selfie(parts ...part) reply {
	r.t.Helper()
	contentType, body := form(parts...)
	return r.send("POST", selfiePath, contentType, body, r.app()...)
}

func (r *rig) selfieJSON(format string, args ...any) reply {
	r.t.Helper()
	return r.send("POST", selfiePath, "application/json", jsonBody(format, args...), r.app()...)
}

// exampleVerdict returns the one that the text prints: a face too small to tell.
func exampleVerdict() liveness.Verdict {
	v := undecidedVerdict(liveness.FaceTooSmall)
	v.Faces = []liveness.Face{{Confidence: 0.98852, Box: liveness.Box{X: 38.05768, Y: 4.08241, Width: 18.9982, Height: 25.39566}}}
	return v
}

const exampleData = `"response_data":{"faces_liveness":0.0,"faces_predicted":[{"confidence":0.9885,` +
	`"delta":{"x":18.9982,"y":25.3957},"top_left":{"x":38.0577,"y":4.0824}}],"img":{"height":71,"width":95}}}`

func TestSelfieExample(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return exampleVerdict(), nil }
	for _, path := range []string{"/liveness-verification", "/v0.1/liveness-verification", "/v0.2/liveness-verification"} {
		for _, names := range [][2]string{{"app_id", "app_key"}, {"app-id", "app-key"}, {"App_Id", "APP_KEY"}} {
			contentType, body := form(part{"note", "", "ignored"}, picture, part{"threshold", "", "0.6"})
			got := r.send("POST", path, contentType, body, header{names[0], r.credentials.AppID}, header{names[1], r.credentials.AppKey})
			got.want(200, selfieHead+`2,`+exampleData)
			got.want(200, `{"api_req_uid":"`+got.header.Get("X-Request-Id")+`",<.*>`)
			if string(asked.data) != picture.content || asked.threshold != 0.6 || !asked.largest {
				t.Errorf("the check was asked %+v", asked)
			}
		}
	}
}

func TestSelfieKeysAsPublished(t *testing.T) {
	text := textBetween(t, publishedText(t, "selfie-liveness-api.txt"), "Response (HTTP 200)", "Other Responses")
	r := newRig(t)
	r.says(exampleVerdict())
	if got, want := keys(r.selfie(picture).body), keys(text); got != want {
		t.Errorf("keys %s\nwant %s", got, want)
	}
}

func TestSelfieOutcomes(t *testing.T) {
	r := newRig(t)
	noFaces := `"faces_predicted":[],"img":{"height":71,"width":95}}}`
	answer := func(v liveness.Verdict, code, score string) {
		t.Helper()
		r.says(v)
		r.selfie(picture).want(200, selfieHead+code+`,"response_data":{"faces_liveness":`+score+`,`+noFaces)
	}
	answer(verdict(0.98765), "0", "0.9876") // rounded down
	answer(verdict(1), "0", "1.0")
	answer(verdict(0.5), "0", "0.5")
	answer(verdict(0.49999), "2", "0.4999")
	answer(verdict(0), "2", "0.0")
	answer(undecidedVerdict(liveness.FaceNotFound), "2", "0.0")
	poor := verdict(0.9)
	poor.Outcome, poor.Reason = liveness.Undecided, liveness.PoorIllumination
	answer(poor, "2", "0.0")
	if n := r.records(); n != 7 {
		t.Errorf("%d checks were kept", n)
	}
}

func TestSelfieThreshold(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return verdict(0.9), nil }
	ask := func(want float64, parts ...part) {
		t.Helper()
		r.selfie(append(parts, picture)...).want(200, `<.*>`)
		if asked.threshold != want {
			t.Errorf("threshold %v, want %v", asked.threshold, want)
		}
	}
	ask(0.5)
	ask(0.6, part{"threshold", "", "0.6"})
	ask(0.6, part{"threshold", "", " 0.6\n"})
	ask(0, part{"threshold", "", "0"})
	ask(1, part{"threshold", "", "1.0"})
	ask(0.06, part{"threshold", "", "6e-2"})
	ask(0.25, part{"threshold", "threshold.txt", ".25"})
	own := 0.75
	r.changeSettings(account.Settings{PictureThreshold: &own})
	ask(0.75)
	for _, bad := range []string{"", "x", "0,6", "-0.1", "1.1", "NaN", "Inf", "0x1p-1", "0_1", "6%", "true", strings.Repeat("0", 5000)} {
		got := r.selfie(picture, part{"threshold", "", bad}).want(400, selfieError("BAD_REQUEST"))
		if len(bad) < 5000 && !strings.Contains(got.body, "0.6") {
			t.Errorf("the message does not say what is expected: %s", got.body)
		}
	}
	r.selfie(picture, part{"threshold", "", "0.5"}, part{"threshold", "", "0.5"}).want(400, selfieError("BAD_REQUEST"))
}

func TestSelfieJSON(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return verdict(0.9), nil }
	encoded := base64.StdEncoding.EncodeToString([]byte(picture.content))
	for body, threshold := range map[string]float64{
		`{"selfie":"` + encoded + `","threshold":0.6}`:                              0.6,
		`{"selfie":"` + encoded + `","threshold":"0.6"}`:                            0.6,
		`{"selfie":"` + encoded + `","threshold":null}`:                             0.5,
		`{"selfie":"data:image/png;base64,` + encoded + `"}`:                        0.5,
		` {"unknown":{"a":[1]},"selfie":"` + strings.TrimRight(encoded, "=") + `"}`: 0.5,
	} {
		for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON"} {
			r.send("POST", selfiePath, contentType, strings.NewReader(body), r.app()...).want(200, selfieHead+`0,<.*>`)
			if string(asked.data) != picture.content || asked.threshold != threshold {
				t.Errorf("%s: the check was asked %+v", body, asked)
			}
		}
	}
	for _, bad := range []string{`{}`, `[]`, `null`, ``, `{`, `{"selfie":""}`, `{"selfie":7}`, `{"selfie":"%%%"}`, `{"selfie":"http://example.com/a.jpg"}`,
		`{"selfie":"` + encoded + `","threshold":true}`, `{"selfie":"` + encoded + `","threshold":1.5}`, `{"selfie":"` + encoded + `"} x`, "{\"selfie\":\"\xff\"}",
		`{"selfie":"data:image/png,` + encoded + `"}`} {
		r.send("POST", selfiePath, "application/json", strings.NewReader(bad), r.app()...).want(400, selfieError("BAD_REQUEST"))
	}
	if got := r.selfieJSON(`{"image":"%s"}`, encoded); !strings.Contains(got.body, `no \"selfie\", only \"image\"`) {
		t.Errorf("the message does not name the key: %s", got.body)
	}
}

func TestSelfieBadRequests(t *testing.T) {
	r := newRig(t)
	if got := r.selfie(part{"image", "a.jpg", "x"}).want(400, selfieError("BAD_REQUEST")); !strings.Contains(got.body, `no part named \"selfie\", only \"image\"`) {
		t.Errorf("the message does not name the field: %s", got.body)
	}
	r.selfie().want(400, selfieError("BAD_REQUEST"))
	r.selfie(part{"selfie", "a.jpg", ""}).want(400, selfieError("BAD_REQUEST"))
	r.selfie(picture, picture).want(400, selfieError("BAD_REQUEST"))
	r.send("POST", selfiePath, "image/jpeg", strings.NewReader("x"), r.app()...).want(400, selfieError("BAD_REQUEST"))
	r.send("POST", selfiePath, "", nil, r.app()...).want(400, selfieError("BAD_REQUEST"))
	for reason, want := range map[liveness.Reason]struct {
		status int
		code   string
	}{
		liveness.ImageNotReadable: {400, "BAD_REQUEST"},
		liveness.ImageTooLarge:    {413, "TOO_LARGE"},
		liveness.ImageUnsupported: {415, "UNSUPPORTED_FORMAT"},
	} {
		r.says(undecidedVerdict(reason))
		r.selfie(picture).want(want.status, selfieError(want.code))
	}
	contentType, body := form(part{"selfie", "a.jpg", strings.Repeat("x", pictureBytes)})
	r.send("POST", selfiePath, contentType, bytes.NewReader(body.Bytes()), r.app()...).want(413, selfieError("TOO_LARGE"))
	r.send("POST", selfiePath, contentType, io.MultiReader(body), r.app()...).want(413, selfieError("TOO_LARGE"))
	r.selfieJSON(`{"selfie":"%s"}`, strings.Repeat("x", pictureBytes)).want(413, selfieError("TOO_LARGE"))
	if n := r.records(); n != 0 {
		t.Errorf("%d refused requests were counted as checks", n)
	}
}

func TestSelfieCredentials(t *testing.T) {
	r := newRig(t)
	contentType, body := form(picture)
	for _, headers := range [][]header{
		nil,
		{{"app_id", r.credentials.AppID}},
		{{"app_key", r.credentials.AppKey}},
		{{"app_id", r.credentials.AppID}, {"app_key", r.credentials.APIKey}},
		{{"app_id", "nobody"}, {"app_key", r.credentials.AppKey}},
		{{"app_id", r.credentials.Username}, {"app_key", r.credentials.Password}},
	} {
		r.send("POST", selfiePath, contentType, bytes.NewReader(body.Bytes()), headers...).want(401, selfieError("UNAUTHORIZED"))
	}
}

func TestSelfieLimits(t *testing.T) {
	r := newRig(t)
	r.changeSettings(account.Settings{RatePerSecond: 1})
	r.selfie(picture).want(200, `<.*>`)
	r.selfie(picture).want(429, selfieError("TOO_MANY_REQUESTS")).wantHeader("Retry-After", "^1$")
	r.changeSettings(account.Settings{MonthlyQuota: 1})
	r.selfie(picture).want(403, selfieError("LIMIT_EXCEEDED")).wantHeader("Retry-After", "^$")
}

func TestSelfieInternal(t *testing.T) {
	r := newRig(t)
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		return liveness.Verdict{}, errors.New("the inner reason")
	}
	r.logLine("the inner reason", incident(r.selfie(picture).want(500, selfieError("INTERNAL_ERROR"))))
	r.checked = func(context.Context, seen) (liveness.Verdict, error) { panic("the inner panic") }
	r.logLine("the inner panic", incident(r.selfie(picture).want(500, selfieError("INTERNAL_ERROR"))))
}

func TestSelfieMethods(t *testing.T) {
	r := newRig(t)
	for _, prefix := range []string{"", "/v0.1", "/v0.2"} {
		r.send("GET", prefix+selfiePath, "", nil, r.app()...).want(405, selfieError("METHOD_NOT_ALLOWED")).wantHeader("Allow", "^POST$")
	}
}
