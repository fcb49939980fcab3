package contract

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/bonafide-id/bonafide/internal/demo"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/internal/protocol/capture"
	"github.com/bonafide-id/bonafide/liveness"
)

// longPicture is one whose base64 has every letter that clients change on the way.
var longPicture = "\xff\xd8\xff\xe0 " + marker + strings.Repeat("\xfb\xff\xfe\xfb\xe0", 40)

// endpoints returns all mounted endpoints by path, the demo's too, without the server's own pages.
func (r *rig) endpoints() map[string]protocol.Endpoint {
	captures := capture.New(r.accounts, r.challenges, r, r.clock)
	found := map[string]protocol.Endpoint{}
	for _, p := range append(r.protocols, demo.New(r.accounts, captures, accountName)) {
		for _, e := range p.Endpoints() {
			for _, path := range e.Paths {
				found[path] = e
			}
		}
	}
	return found
}

// None is missing: what the router serves is an endpoint of these, or one of the server's own pages.
func TestEndpointsAreAll(t *testing.T) {
	r := newRig(t)
	all := r.endpoints()
	own := map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}
	err := chi.Walk(r.server.Handler().(chi.Routes), func(_, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if _, known := all[route]; !known && !own[route] {
			t.Errorf("%s is served, but is no endpoint that the tests know", route)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fillPattern returns the path of a pattern.
func fillPattern(pattern string) string {
	return anyName.ReplaceAllString(pattern, "ef5a0ae2-884e-4106-b247-b332a0f9dd88")
}

// sendBare returns a reply of any endpoint, that of pages and scripts too.
func (r *rig) sendBare(method, path string, body io.Reader, headers ...header) reply {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range headers {
		request.Header[h[0]] = []string{h[1]}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{r.t, response.StatusCode, response.Header, string(content)}
}

// A compressed body is refused by name on every endpoint, in its own shape, before anything is done.
func TestCompressedBodies(t *testing.T) {
	r := newRig(t)
	for path, e := range r.endpoints() {
		if strings.HasPrefix(path, "/demo") {
			continue // not mounted here
		}
		for _, coding := range []string{"gzip", "deflate", "br", "identity, gzip"} {
			got := r.sendBare(e.Method, fillPattern(path), strings.NewReader("\x1f\x8b"), header{"Content-Encoding", coding})
			coding = strings.TrimPrefix(coding, "identity, ")
			if got.status != http.StatusUnsupportedMediaType || !strings.Contains(got.body, `\"`+coding+`\"`) {
				t.Errorf("%s, %s: %d %s", path, coding, got.status, got.body)
			}
			got.wantHeader("Accept-Encoding", "^identity$")
		}
		if got := r.sendBare(e.Method, fillPattern(path), strings.NewReader("{}"), header{"Content-Encoding", "identity"}); got.status == http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	gzip := header{"Content-Encoding", "gzip"}
	r.send("POST", "/challenge", "", strings.NewReader("x"), r.key(), gzip).want(415, `{"transactionId":"","phrase":"","error":{"type":"client","code":415,"message":"`+sentence+`"}}`)
	r.send("POST", selfiePath, "", strings.NewReader("x"), append(r.app(), gzip)...).want(415, selfieError("UNSUPPORTED_FORMAT"))
	r.send("POST", facePath, "", strings.NewReader("x"), r.basic("Authorization"), gzip).want(415, faceError("", requestError("UNSUPPORTED_FORMAT")))
	r.send("POST", "/capture/tokens", "", strings.NewReader("x"), gzip).want(415, `{"error":{"code":415,"message":"`+sentence+`"}}`)
	// A part of a form may say it too.
	body := "--b\r\nContent-Disposition: form-data; name=\"selfie\"\r\nContent-Encoding: gzip\r\n\r\nx\r\n--b--\r\n"
	r.send("POST", selfiePath, "multipart/form-data; boundary=b", strings.NewReader(body), r.app()...).want(415, selfieError("UNSUPPORTED_FORMAT"))
}

// Paths with too many slashes are served like the right ones, with every method.
func TestSlashes(t *testing.T) {
	r := newRig(t)
	for path, e := range r.endpoints() {
		if strings.HasPrefix(path, "/demo") {
			continue // not mounted here
		}
		path = fillPattern(path)
		for _, method := range []string{e.Method, "PUT"} {
			want := r.sendBare(method, path, nil)
			for _, other := range []string{"/" + path, path + "/", "///" + strings.ReplaceAll(path[1:], "/", "//") + "//"} {
				got := r.sendBare(method, other, nil)
				if got.status != want.status || keys(got.body) != keys(want.body) {
					t.Errorf("%s %s: %d %s\nwant %d %s", method, other, got.status, got.body, want.status, want.body)
				}
			}
		}
	}
	r.send("POST", "//challenge", "", nil, r.key()).want(200, `{"transactionId":"<`+uuid4+`>","phrase":"<\d{6}>","error":`+noError+`}`)
	id, _ := r.challenge()
	contentType, body := form(video)
	r.send("POST", "//LiopaAPI//api/verifier//"+id+"/", contentType, body, r.key()).want(200, `<.*>"score":98.7<.*>`)
	r.logLine(`"route":"/LiopaAPI/api/verifier/{transactionId}"`)
}

// mediaTexts returns the ways in which clients write media as text.
func mediaTexts(raw string) map[string]string {
	standard := base64.StdEncoding.EncodeToString([]byte(raw))
	return map[string]string{
		"base64":                    standard,
		"URL alphabet":              base64.RawURLEncoding.EncodeToString([]byte(raw)),
		"no padding":                strings.TrimRight(standard, "="),
		"lines":                     standard[:76] + "\r\n" + standard[76:] + "\r\n",
		"spaces for plus":           strings.ReplaceAll(standard, "+", " "),
		"data URI":                  "data:image/jpeg;base64," + standard,
		"data URI, spaces for plus": "data:image/jpeg;base64," + strings.ReplaceAll(standard, "+", " "),
	}
}

// Media that a form's part or a JSON string holds as text is checked like the file itself.
func TestMediaAsText(t *testing.T) {
	r := newRig(t)
	var saw seen
	r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { saw = s; return verdict(0.99), nil }
	for name, text := range mediaTexts(longPicture) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for way, send := range map[string]func() reply{
			"selfie form":   func() reply { return r.selfie(part{"selfie", "", text}) },
			"selfie file":   func() reply { return r.selfie(part{"selfie", "selfie.txt", text}) },
			"selfie JSON":   func() reply { return r.selfieJSON(`{"selfie":%s}`, quoted) },
			"face liveness": func() reply { return r.face(`{"faceImageBase":%s}`, quoted) },
			"LipSecure":     func() reply { id, _ := r.challenge(); return r.verify(id, part{"file", "", text}) },
			"capture": func() reply {
				token, _ := r.grant("", r.appKey())
				contentType, body := form(part{"file", "", text})
				return r.send("POST", "/capture/picture", contentType, body, bearerHeader(token))
			},
		} {
			saw = seen{}
			if got := send(); got.status != 200 || string(saw.data) != longPicture {
				t.Errorf("%s, %s: %d %s, the check saw %q", name, way, got.status, got.body, saw.data)
			}
		}
	}
}

func TestFormsWithoutBoundary(t *testing.T) {
	r := newRig(t)
	id, _ := r.challenge()
	token, _ := r.grant("", r.appKey())
	for _, contentType := range []string{"multipart/form-data", "multipart/form-data; charset=utf-8", "Multipart/Form-Data;", `multipart/form-data; boundary=""`, "multipart/form-data; boundary=a b"} {
		_, body := form(picture)
		for path, headers := range map[string][]header{
			selfiePath: r.app(), "/verifier/" + id: {r.key()}, "/capture/picture": {bearerHeader(token)},
		} {
			got := r.send("POST", path, contentType, bytes.NewReader(body.Bytes()), headers...)
			if got.status != 400 || !strings.Contains(got.body, "boundary") {
				t.Errorf("%s, %s: %d %s", path, contentType, got.status, got.body)
			}
		}
	}
}

func TestJSONAfterAByteOrderMark(t *testing.T) {
	r := newRig(t)
	const mark = "\ufeff"
	r.face(mark+`{"faceImageBase":"%s"}`, encodedPicture).want(200, `{"sessionId":"","score":0.987,"hasError":false}`)
	r.selfieJSON(mark+`{"selfie":"%s"}`, encodedPicture).want(200, selfieHead+`0,<.*>`)
	r.send("POST", "/capture/tokens", "application/json", strings.NewReader(mark+`{"threshold":0.9}`), r.appKey()...).want(200, `<.*>"mode":"selfie"<.*>`)
	r.face(mark+`{"sessionId":"s"}`).want(400, faceError("s", requestError("BAD_REQUEST")))
}

// A misspelt field of our own endpoints is refused by name, with the names that are right.
func TestUnknownFieldsOfOurEndpoints(t *testing.T) {
	r := newRig(t)
	refused := func(got reply, names ...string) {
		t.Helper()
		got.want(400, `{"error":{"code":400,"message":"`+sentence+`"}}`)
		for _, name := range names {
			if !strings.Contains(got.body, `\"`+name+`\"`) {
				t.Errorf("%s is not named: %s", name, got.body)
			}
		}
	}
	for _, body := range []string{`{"treshold":0.9}`, `{"threshold":0.9,"treshold":0.8}`, `{"treshold":{"a":[1]}}`} {
		refused(r.send("POST", "/capture/tokens", "application/json", strings.NewReader(body), r.appKey()...), "treshold", "threshold", "transaction_id")
	}
	refused(r.send("POST", "/capture/tokens", "application/json", strings.NewReader(`{"`+strings.Repeat("x", 3999)+`":1}`), r.appKey()...), "threshold")
	refused(r.send("POST", "/capture/tokens?threshold=0.9", "", nil, r.appKey()...), "threshold")
	token, _ := r.grant("", r.apiKey())
	refused(r.upload("/capture/recording", token, part{"promps", "", "[1,2,3,4,5,6]"}), "promps", "file", "prompts")
	r.upload("/capture/recording", token).want(200, `<.*>`) // the token was not used up
	// The demo too.
	captures := capture.New(r.accounts, r.challenges, r, r.clock)
	r.server.Mount(demo.New(r.accounts, captures, accountName))
	for query, want := range map[string]int{"": 200, "?mode=phrase": 200, "?mode=selfie": 200, "?mode=selfi": 400, "?mod=selfie": 400, "?Mode=selfie": 400} {
		if got := r.sendBare("POST", "/demo/tokens"+query, nil); got.status != want || want == 400 && !strings.Contains(got.body, "mod") {
			t.Errorf("%q: %d %s", query, got.status, got.body)
		}
	}
	// The published protocols ignore what they do not know.
	r.face(`{"faceImageBase":"%s","treshold":1}`, encodedPicture).want(200, `<.*>`)
	r.selfieJSON(`{"selfie":"%s","treshold":1}`, encodedPicture).want(200, `<.*>`)
	r.selfie(picture, part{"treshold", "", "1"}).want(200, `<.*>`)
	id, _ := r.challenge()
	r.verify(id, video, part{"other", "", "x"}).want(200, fmt.Sprintf(`{"transactionId":%q,<.*>`, id))
}
