package contract

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/liveness"
)

const facePath = "/api/v1/face/liveness"

// session is the one of the text's examples.
const session = "bbbf9002-c3a2-4308-b103-d80b9f5a2b84"

var encodedPicture = base64.StdEncoding.EncodeToString([]byte(picture.content))

func (r *rig) basic(name string) header {
	return header{name, "Basic " + base64.StdEncoding.EncodeToString([]byte(r.credentials.Username+":"+r.credentials.Password))}
}

func (r *rig) face(format string, args ...any) reply {
	r.t.Helper()
	return r.send("POST", facePath, "application/json", jsonBody(format, args...), r.basic("Authorization"))
}

func (r *rig) facePicture() reply {
	r.t.Helper()
	return r.face(`{"faceImageBase":"%s","sessionId":"%s"}`, encodedPicture, session)
}

// faceError returns an error reply.
func faceError(session, code string) string {
	return `{"sessionId":"` + session + `","hasError":true,"error":"` + code + `"}`
}

// requestError returns the error of a request that is wrong: its name and a sentence.
func requestError(name string) string { return name + `: ` + sentence }

func TestFaceLivenessExamples(t *testing.T) {
	r := newRig(t)
	var asked seen
	var v liveness.Verdict
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return v, nil }
	for _, path := range []string{facePath, "/api/v1/id-verifications/face/liveness"} {
		for _, name := range []string{"Authorization", "Authentication", "authentication"} {
			send := func() reply {
				return r.send("POST", path, "application/json",
					jsonBody(`{"faceImageBase":"%s","sessionId":"%s"}`, encodedPicture, session), r.basic(name))
			}
			v = verdict(0.9997104)
			send().want(200, `{"sessionId":"`+session+`","score":0.9997104,"hasError":false}`)
			v = verdict(0.002324)
			send().want(200, `{"sessionId":"`+session+`","score":0.002324,"hasError":false}`)
			v = undecidedVerdict(liveness.FaceNotFound)
			send().want(200, `{"sessionId":"`+session+`","hasError":true,"error":"FACE_NOT_FOUND"}`)
			if string(asked.data) != picture.content || asked.threshold != 0.5 || asked.largest {
				t.Errorf("the check was asked %+v", asked)
			}
		}
	}
	kept, err := r.store.Records(t.Context(), r.account.ID, 1)
	if err != nil || kept[0].Subject != session {
		t.Errorf("record %+v, %v", kept, err)
	}
}

func TestFaceLimitsOfAnAccountAreOfThisProtocolAlone(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return verdict(0.9), nil }
	r.changeSettings(account.Settings{FaceLimits: &quality.Limits{Yaw: 25}})
	r.facePicture()
	if asked.limits == nil || asked.limits.Yaw != 25 {
		t.Errorf("the check was asked with the limits %+v", asked.limits)
	}
	r.selfie(picture)
	if asked.limits != nil {
		t.Errorf("the selfie protocol asks with the limits %+v", asked.limits)
	}
}

func TestFaceLivenessSessionComesBackAsItWasSent(t *testing.T) {
	r := newRig(t)
	r.says(verdict(0.9))
	for _, session := range []string{"", "a&b>c=é", `a \"b\" \\ \n`} {
		r.face(`{"faceImageBase":"%s","sessionId":"%s"}`, encodedPicture, session).
			want(200, `{"sessionId":"`+session+`","score":0.9,"hasError":false}`)
	}
}

func TestFaceLivenessKeysAsPublished(t *testing.T) {
	text := publishedText(t, "face-liveness-api.txt")
	r := newRig(t)
	for _, example := range []struct {
		from, to string
		verdict  liveness.Verdict
	}{
		{"Response - passive liveness passed", "Response - passive liveness not passed", verdict(0.9997104)},
		{"Response - passive liveness not passed:", "Response - error", verdict(0.002324)},
		{"Response - error", "List of errors", undecidedVerdict(liveness.FaceNotFound)},
	} {
		r.says(example.verdict)
		if got, want := keys(r.facePicture().body), keys(textBetween(t, text, example.from, example.to)); got != want {
			t.Errorf("keys %s\nwant %s", got, want)
		}
	}
}

func TestFaceLivenessErrors(t *testing.T) {
	r := newRig(t)
	for reason, code := range map[liveness.Reason]string{
		liveness.FaceNotFound: "FACE_NOT_FOUND", liveness.TooManyFaces: "TOO_MANY_FACES", liveness.FaceTooSmall: "FACE_TOO_SMALL",
		liveness.FaceCropped: "FACE_CROPPED", liveness.FaceTooClose: "FACE_TOO_CLOSE", liveness.FaceNearBorder: "FACE_CLOSE_TO_BORDER",
		liveness.FaceAngle: "FACE_ANGLE_TOO_LARGE", liveness.FaceOccluded: "FACE_IS_OCCLUDED",
		liveness.ImageNotReadable: "IMAGE_NOT_READABLE", liveness.ImageUnsupported: "IMAGE_NOT_READABLE", liveness.ImageTooLarge: "IMAGE_NOT_READABLE",
	} {
		r.says(undecidedVerdict(reason))
		r.facePicture().want(200, faceError(session, code))
		// A score beside the reason changes nothing.
		scored := verdict(0.9)
		scored.Reason = reason
		r.says(scored)
		r.facePicture().want(200, faceError(session, code))
	}
	// Reasons that the protocol has no code for leave the score.
	for _, reason := range []liveness.Reason{liveness.PoorIllumination, liveness.TooBlurry, liveness.TooCompressed} {
		poor := verdict(0.25)
		poor.Outcome, poor.Reason = liveness.Undecided, reason
		r.says(poor)
		r.facePicture().want(200, `{"sessionId":"`+session+`","score":0.25,"hasError":false}`)
		r.says(undecidedVerdict(reason))
		r.facePicture().want(500, faceError(session, "INTERNAL_ERROR"))
	}
}

func TestFaceLivenessScores(t *testing.T) {
	r := newRig(t)
	for score, printed := range map[float64]string{
		0: "0.0", 1: "1.0", 0.5: "0.5", 0.499999999: "0.4999999", 0.1: "0.1", 0.3: "0.3", 0.0000001: "0.0000001", 0.00000001: "0.0", 0.9999999: "0.9999999",
	} {
		r.says(verdict(score))
		r.facePicture().want(200, `{"sessionId":"`+session+`","score":`+printed+`,"hasError":false}`)
	}
}

func TestFaceLivenessPictures(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return verdict(0.9), nil }
	raw := "\xfb\xff\xfe" + picture.content // has both letters in which the alphabets differ
	standard := base64.StdEncoding.EncodeToString([]byte(raw))
	if !strings.ContainsAny(standard, "+") || !strings.ContainsAny(standard, "/") {
		t.Fatal("the picture does not need both letters")
	}
	for name, text := range map[string]string{
		"standard":           standard,
		"without padding":    strings.TrimRight(standard, "="),
		"URL alphabet":       base64.URLEncoding.EncodeToString([]byte(raw)),
		"URL, raw":           base64.RawURLEncoding.EncodeToString([]byte(raw)),
		"lines":              standard[:10] + `\n` + standard[10:20] + `\r\n` + standard[20:] + `\n`,
		"blanks":             ` ` + standard[:10] + ` \t` + standard[10:],
		"data URI":           "data:image/jpeg;base64," + standard,
		"data URI, no type":  "data:;base64," + standard,
		"data URI, wrong":    "data:text/plain;base64," + standard,
		"data URI, capitals": "DATA:image/jpeg;BASE64," + standard,
		"data URI, lines":    "data:image/jpeg;charset=utf-8;base64," + standard[:10] + `\n` + standard[10:],
	} {
		asked = seen{}
		r.face(`{"faceImageBase":"%s"}`, text).want(200, `{"sessionId":"","score":0.9,"hasError":false}`)
		if string(asked.data) != raw {
			t.Errorf("%s: the check saw %q", name, asked.data)
		}
	}
	for _, text := range []string{"%%%", "a", "====", "data:image/jpeg;base64,", "data:image/jpeg," + standard, "data:", "ftp://example.com/a.jpg", standard + "=x", " "} {
		asked = seen{}
		r.face(`{"sessionId":"s","faceImageBase":"%s"}`, text).want(200, faceError("s", "IMAGE_NOT_READABLE"))
		if asked.data != nil {
			t.Errorf("%s: the check saw %q", text, asked.data)
		}
	}
}

func TestFaceLivenessURL(t *testing.T) {
	r := newRig(t)
	var asked seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return verdict(0.9), nil }
	var got string
	r.fetched = func(url string) ([]byte, error) { got = url; return []byte(picture.content), nil }
	for _, url := range []string{"http://example.com/a.jpg", "https://example.com/?a=b", "HTTPS://example.com/"} {
		r.face(`{"sessionId":"s","faceImageBase":"%s"}`, url).want(200, `{"sessionId":"s","score":0.9,"hasError":false}`)
		if got != url || string(asked.data) != picture.content {
			t.Errorf("%s: fetched %s, the check saw %q", url, got, asked.data)
		}
	}
	r.fetched = func(string) ([]byte, error) { return nil, errors.New("10.0.0.1 is private") }
	reply := r.face(`{"sessionId":"s","faceImageBase":"http://inside/"}`).want(200, faceError("s", "IMAGE_NOT_FETCHED"))
	if strings.Contains(reply.body, "10.0.0.1") {
		t.Error("the reply tells why")
	}
	r.logLine("10.0.0.1 is private")
}

func TestFaceLivenessBadRequests(t *testing.T) {
	r := newRig(t)
	bad := func(session, body string) reply {
		t.Helper()
		return r.send("POST", facePath, "application/json", strings.NewReader(body), r.basic("Authorization")).
			want(400, faceError(session, requestError("BAD_REQUEST")))
	}
	for _, body := range []string{"", "{", "[]", "null", `"x"`, "a=b", `{}`, `{"faceImageBase":""}`, `{"faceImageBase":null}`, `{"faceImageBase":7}`,
		`{"faceImageBase":"` + encodedPicture + `"} {}`, "{\"faceImageBase\":\"\xff\"}"} {
		bad("", body)
	}
	bad("s", `{"sessionId":"s"}`)
	bad("s", `{"sessionId":"s","faceImageBase":{}}`)
	bad("s", `{"faceImageBase":[],"sessionId":"s"}`)
	bad("", `{"sessionId":7,"faceImageBase":"`+encodedPicture+`"}`)
	bad("", `{"sessionId":"`+strings.Repeat("s", 257)+`","faceImageBase":"`+encodedPicture+`"}`)
	if got := bad("s", `{"sessionId":"s","faceImage":"x"}`); !strings.Contains(got.body, `no \"faceImageBase\", only \"faceImage\", \"sessionId\"`) {
		t.Errorf("the message does not name the key: %s", got.body)
	}
	r.face(`{"sessionId":"s","faceImageBase":"%s"}`, strings.Repeat("A", pictureBytes)).want(413, faceError("", requestError("TOO_LARGE")))
	if n := r.records(); n != 0 {
		t.Errorf("%d refused requests were counted as checks", n)
	}
	// The type of the content is not looked at, unknown keys neither.
	r.send("POST", facePath, "text/plain", jsonBody(`{"x":[{}],"faceImageBase":"%s"}`, encodedPicture), r.basic("Authorization")).
		want(200, `{"sessionId":"","score":0.987,"hasError":false}`)
}

func TestFaceLivenessCredentials(t *testing.T) {
	r := newRig(t)
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, h := range []header{
		{"X-Other", "x"},
		{"Authorization", "Basic"},
		{"Authorization", "Basic %%%"},
		{"Authorization", "Basic " + encode(r.credentials.Username)},
		{"Authorization", "Basic " + encode(r.credentials.Username+":")},
		{"Authorization", "Basic " + encode(r.credentials.Username+":"+r.credentials.AppKey)},
		{"Authorization", "Basic " + encode("nobody:"+r.credentials.Password)},
		{"Authorization", "Bearer " + encode(r.credentials.Username+":"+r.credentials.Password)},
	} {
		r.send("POST", facePath, "application/json", jsonBody(`{"sessionId":"s","faceImageBase":"%s"}`, encodedPicture), h).
			want(401, faceError("", requestError("UNAUTHORIZED"))).wantHeader("WWW-Authenticate", "^Basic ")
	}
}

func TestFaceLivenessLimits(t *testing.T) {
	r := newRig(t)
	r.changeSettings(account.Settings{RatePerSecond: 1})
	r.facePicture().want(200, `<.*>`)
	r.facePicture().want(429, faceError("", requestError("TOO_MANY_REQUESTS"))).wantHeader("Retry-After", "^1$")
	r.changeSettings(account.Settings{MonthlyQuota: 1})
	r.facePicture().want(429, faceError("", requestError("TOO_MANY_REQUESTS"))).wantHeader("Retry-After", "^[1-9][0-9]*$")
}

func TestFaceLivenessInternal(t *testing.T) {
	r := newRig(t)
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		return liveness.Verdict{}, errors.New("the inner reason")
	}
	r.logLine("the inner reason", incident(r.facePicture().want(500, faceError(session, "INTERNAL_ERROR"))))
	r.checked = func(context.Context, seen) (liveness.Verdict, error) { panic("the inner panic") }
	r.logLine("the inner panic", incident(r.facePicture().want(500, faceError("", "INTERNAL_ERROR"))))
}

func TestFaceLivenessMethods(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{facePath, "/api/v1/id-verifications/face/liveness"} {
		r.send("GET", path, "", nil).want(405, faceError("", requestError("METHOD_NOT_ALLOWED"))).wantHeader("Allow", "^POST$")
	}
}
