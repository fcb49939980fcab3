package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/liveness"
)

const noError = `{"type":"","code":0,"message":"OK"}`

// sentence is a message that says something.
const sentence = `<[A-Z](?:[^"\\]|\\.){10,}\.>`

func (r *rig) key() header { return header{"X-API-Key", r.credentials.APIKey} }

// challenge requests a phrase.
func (r *rig) challenge() (id, phrase string) {
	r.t.Helper()
	got := r.send("POST", "/challenge", "", nil, r.key()).want(200, `{"transactionId":"<`+uuid4+`>","phrase":"<[0-9]{6}>","error":`+noError+`}`)
	var reply struct{ TransactionID, Phrase string }
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil {
		r.t.Fatal(err)
	}
	return reply.TransactionID, reply.Phrase
}

var video = part{"file", "video.mp4", marker + " a video"}

func (r *rig) verify(id string, parts ...part) reply {
	r.t.Helper()
	contentType, body := form(parts...)
	return r.send("POST", "/verifier/"+id, contentType, body, r.key())
}

func TestLipSecureExample(t *testing.T) {
	for _, prefix := range []string{"", "/LiopaAPI/api"} {
		for _, name := range []string{"X-API-Key", "X-API-KEY", "x-api-key"} {
			r := newRig(t)
			var asked seen
			r.checked = func(_ context.Context, s seen) (liveness.Verdict, error) { asked = s; return verdict(0.987), nil }
			key := header{name, r.credentials.APIKey}
			got := r.send("POST", prefix+"/challenge", "", nil, key).
				want(200, `{"transactionId":"<`+uuid4+`>","phrase":"<[0-9]{6}>","error":`+noError+`}`)
			var challenge struct{ TransactionID, Phrase string }
			if err := json.Unmarshal([]byte(got.body), &challenge); err != nil {
				t.Fatal(err)
			}
			contentType, body := form(part{"other", "", "ignored"}, video, part{"more", "x.bin", "ignored"})
			r.send("POST", prefix+"/verifier/"+challenge.TransactionID, contentType, body, key).
				want(200, `{"transactionId":"`+challenge.TransactionID+`","phrase":"`+challenge.Phrase+`","score":98.7,"error":`+noError+`}`)
			if string(asked.data) != video.content || asked.phrase != challenge.Phrase || asked.threshold != 0.98 {
				t.Errorf("the check was asked %+v", asked)
			}
		}
	}
}

func TestLipSecureScores(t *testing.T) {
	r := newRig(t)
	for score, printed := range map[float64]string{
		0: "0.0", 1: "100.0", 0.5: "50.0", 0.57: "57.0", 0.29: "29.0", 0.9: "90.0", 0.98: "98.0", 0.99: "99.0",
		0.97999: "97.9", 0.98999999: "98.9", 0.9999: "99.9", 0.0004: "0.0", 0.001: "0.1",
	} {
		id, phrase := r.challenge()
		r.says(verdict(score))
		r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":`+printed+`,"error":`+noError+`}`)
	}
}

func TestLipSecureUserErrors(t *testing.T) {
	r := newRig(t)
	for reason, code := range map[liveness.Reason]string{
		liveness.VideoTooShort: "1001", liveness.PoorIllumination: "1002", liveness.FaceNotFound: "1003", liveness.TooManyFaces: "1004",
		liveness.FaceTooSmall: "1005", liveness.FaceTooClose: "1006", liveness.FaceAngle: "1007", liveness.MouthNotVisible: "1008",
		liveness.LipsNotMoving: "1009", liveness.TooBlurry: "1010", liveness.FrameRateTooLow: "1011", liveness.FaceChanged: "1012",
		liveness.VideoNotReadable: "1013", liveness.VideoTooLong: "1014",
		liveness.FaceCropped: "1006", liveness.FaceNearBorder: "1006", liveness.FaceOccluded: "1008",
		liveness.PromptsNotKept: "1001", liveness.EditedRecording: "1012", liveness.MediaReplayed: "1012",
	} {
		id, phrase := r.challenge()
		known := `{"transactionId":"` + id + `","phrase":"` + phrase + `",`
		r.says(undecidedVerdict(reason))
		r.verify(id, video).want(200, known+`"score":0,"error":{"type":"user","code":`+code+`,"message":"`+sentence+`"}}`)
		// The transaction stays open.
		r.says(verdict(0.99))
		r.verify(id, video).want(200, known+`"score":99.0,"error":`+noError+`}`)
	}
}

// TestLipSecureLargeFrames: too many pixels are a client error, as too many bytes are, and use no try.
func TestLipSecureLargeFrames(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	known := `{"transactionId":"` + id + `","phrase":"` + phrase + `",`
	r.says(undecidedVerdict(liveness.VideoTooLarge))
	for range 5 { // more than there are tries
		r.verify(id, video).want(413, known+`"score":0,"error":{"type":"client","code":413,"message":"`+sentence+`"}}`)
	}
	r.says(verdict(0.99))
	r.verify(id, video).want(200, known+`"score":99.0,"error":`+noError+`}`)
}

// lipClient returns the reply to a client error at the verifier.
func lipClient(id, phrase, code string) string {
	return `{"transactionId":"` + id + `","phrase":"` + phrase + `","score":0,"error":{"type":"client","code":` + code + `,"message":"` + sentence + `"}}`
}

func TestLipSecureTries(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	r.says(undecidedVerdict(liveness.VideoTooShort))
	for range 3 {
		r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":0,"error":{"type":"user","code":1001,"message":"`+sentence+`"}}`)
	}
	r.says(verdict(0.99))
	r.verify(id, video).want(400, lipClient(id, phrase, "400"))
}

func TestLipSecureScoredOnce(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	r.says(verdict(0.2))
	r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":20.0,"error":`+noError+`}`)
	r.says(verdict(0.99))
	r.verify(id, video).want(400, lipClient(id, phrase, "400"))
	kept, err := r.store.Transaction(t.Context(), r.account.ID, id)
	if err != nil || kept.Score != 0.2 {
		t.Errorf("the second video changed the transaction: %+v, %v", kept, err)
	}
}

// Two videos at the same time, both checked to the end: one is scored, the other learns nothing.
func TestLipSecureTwoConcurrentUploads(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	var both sync.WaitGroup
	both.Add(2)
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		both.Done()
		both.Wait()
		return verdict(0.75), nil
	}
	replies := make(chan reply, 2)
	for range 2 {
		go func() { replies <- r.verify(id, video) }()
	}
	one, other := <-replies, <-replies
	if one.status != 200 {
		one, other = other, one
	}
	one.want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":75.0,"error":`+noError+`}`)
	other.want(400, lipClient(id, phrase, "400"))
}

func TestLipSecureOutsiders(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	other, err := r.accounts.CreateKey(t.Context(), "another", account.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	stranger := header{"X-API-Key", other.APIKey}
	contentType, body := form(video)
	send := func(id string) reply {
		return r.send("POST", "/verifier/"+id, contentType, bytes.NewReader(body.Bytes()), stranger)
	}
	foreign := send(id).want(400, lipClient("", "", "400"))
	unknown := send(uuid.NewString()).want(400, lipClient("", "", "400"))
	odd := send("%2e%2e%27%20OR%201=1").want(400, lipClient("", "", "400"))
	if foreign.body != unknown.body || foreign.body != odd.body {
		t.Errorf("an outsider can tell\n%s from\n%s or\n%s", foreign.body, unknown.body, odd.body)
	}
	// The stranger cannot tell a foreign transaction in any state.
	r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":98.7,"error":`+noError+`}`)
	if spent := send(id); spent.body != foreign.body {
		t.Errorf("an outsider can tell a spent transaction: %s", spent.body)
	}
	id, phrase = r.challenge()
	r.advanceClock(5 * time.Minute)
	if expired := send(id); expired.body != foreign.body {
		t.Errorf("an outsider can tell an expired transaction: %s", expired.body)
	}
	r.verify(id, video).want(400, lipClient(id, phrase, "400"))
}

// The video must be there in time, not only its first byte.
func TestLipSecureSlowVideo(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	contentType, body := form(video)
	slow := readerFunc(func(p []byte) (int, error) {
		if body.Len() < 40 { // near the end of the form, where the server has long looked at the transaction
			time.Sleep(20 * time.Millisecond)
			r.advanceClock(5 * time.Minute)
		}
		return body.Read(p[:min(len(p), 20)])
	})
	r.send("POST", "/verifier/"+id, contentType, slow, r.key()).want(400, lipClient(id, phrase, "400"))
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestLipSecureBadForm(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	want := lipClient(id, phrase, "400")
	if got := r.verify(id, part{"video", "v.mp4", "x"}, part{"meta", "", "x"}).want(400, want); !strings.Contains(got.body, `no part named \"file\", only \"video\", \"meta\"`) {
		t.Errorf("the message does not name the field: %s", got.body)
	}
	r.verify(id).want(400, want)
	r.verify(id, part{"file", "v.mp4", ""}).want(400, want)
	r.verify(id, video, video).want(400, want)
	r.verify(id, part{"File", "v.mp4", "x"}).want(400, want)
	r.send("POST", "/verifier/"+id, "video/mp4", strings.NewReader("x"), r.key()).want(400, want)
	r.send("POST", "/verifier/"+id, "", nil, r.key()).want(400, want)
	r.send("POST", "/verifier/"+id, "application/json", strings.NewReader(`{"file":"x"}`), r.key()).want(400, want)
	r.send("POST", "/verifier/"+id, "multipart/form-data", strings.NewReader("x"), r.key()).want(400, want)
	contentType, body := form(video)
	r.send("POST", "/verifier/"+id, contentType, bytes.NewReader(body.Bytes()[:body.Len()-30]), r.key()).want(400, want)
	many := make([]part, 100)
	for i := range many {
		many[i] = part{"x", "", "y"}
	}
	r.verify(id, append(many, video)...).want(400, want)
	if n := r.records(); n != 0 {
		t.Errorf("%d bad requests were counted as checks", n)
	}
	r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":98.7,"error":`+noError+`}`)
}

func TestLipSecureKeys(t *testing.T) {
	r := newRig(t)
	id, _ := r.challenge()
	contentType, body := form(video)
	for _, key := range []header{{"X-Other", "x"}, {"X-API-Key", ""}, {"X-API-Key", "38332b622aea11e8b103a860b60304d5"},
		{"X-API-Key", r.credentials.AppKey}, {"X-API-Key", r.credentials.APIKey + " x"}, {"X-API-Key", strings.Repeat("a", 10000)}} {
		r.send("POST", "/challenge", "", nil, key).want(401, `{"transactionId":"","phrase":"","error":{"type":"client","code":401,"message":"`+sentence+`"}}`)
		r.send("POST", "/verifier/"+id, contentType, bytes.NewReader(body.Bytes()), key).want(401, lipClient("", "", "401"))
	}
	keys, err := r.accounts.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.accounts.RevokeKey(t.Context(), keys[0].ID); err != nil {
		t.Fatal(err)
	}
	r.send("POST", "/challenge", "", nil, r.key()).want(401, `{"transactionId":"","phrase":"","error":{"type":"client","code":401,"message":"`+sentence+`"}}`)
}

func TestLipSecureTooLarge(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	contentType, body := form(part{"file", "v.mp4", strings.Repeat("x", recordingBytes)})
	// A length over the limit is refused before anything else, so nothing is known of the transaction.
	r.send("POST", "/verifier/"+id, contentType, bytes.NewReader(body.Bytes()), r.key()).want(413, lipClient("", "", "413"))
	// Without a length to see beforehand.
	r.send("POST", "/verifier/"+id, contentType, readerFunc(body.Read), r.key()).want(413, lipClient(id, phrase, "413"))
	contentType, body = form(part{"ignored", "v.mp4", strings.Repeat("x", recordingBytes)}, video)
	r.send("POST", "/verifier/"+id, contentType, readerFunc(body.Read), r.key()).want(413, lipClient(id, phrase, "413"))
	contentType, body = form(part{"file", "v.mp4", strings.Repeat("x", recordingBytes-1000)})
	r.send("POST", "/verifier/"+id, contentType, body, r.key()).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":98.7,"error":`+noError+`}`)
}

func TestLipSecureTooMany(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	refused := `{"transactionId":"","phrase":"","error":{"type":"client","code":429,"message":"` + sentence + `"}}`
	r.changeSettings(account.Settings{RatePerSecond: 2})
	r.challenge()
	r.challenge()
	r.send("POST", "/challenge", "", nil, r.key()).want(429, refused).wantHeader("Retry-After", `^1$`)
	r.verify(id, video).want(429, lipClient("", "", "429")).wantHeader("Retry-After", `^1$`)
	r.advanceClock(time.Second)
	r.challenge()

	r.changeSettings(account.Settings{MonthlyQuota: 1})
	r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":98.7,"error":`+noError+`}`)
	r.send("POST", "/challenge", "", nil, r.key()).want(429, refused).wantHeader("Retry-After", `^[1-9][0-9]*$`)
	r.verify(id, video).want(429, lipClient("", "", "429")).wantHeader("Retry-After", `^[1-9][0-9]*$`)
}

// The last check of the month is given once, and the transaction of the other stays open.
func TestLipSecureQuotaUnderConcurrency(t *testing.T) {
	r := newRig(t)
	r.changeSettings(account.Settings{MonthlyQuota: 1})
	ids := map[string]string{}
	for range 2 {
		id, phrase := r.challenge()
		ids[id] = phrase
	}
	var both sync.WaitGroup
	both.Add(2)
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		both.Done()
		both.Wait()
		return verdict(0.75), nil
	}
	replies := make(chan reply, 2)
	for id := range ids {
		go func() { replies <- r.verify(id, video) }()
	}
	one, other := <-replies, <-replies
	if one.status+other.status != 200+429 {
		t.Errorf("statuses %d and %d", one.status, other.status)
	}
	open := 0
	for id := range ids {
		if kept, err := r.store.Transaction(t.Context(), r.account.ID, id); err != nil {
			t.Fatal(err)
		} else if kept.Spent.IsZero() {
			open++
		}
	}
	if open != 1 {
		t.Errorf("%d transactions are open", open)
	}
}

func TestLipSecureInternal(t *testing.T) {
	r := newRig(t)
	id, phrase := r.challenge()
	want := `{"transactionId":"` + id + `","phrase":"` + phrase + `","score":0,"error":{"type":"server","code":500,"message":"Internal error. See incident <[0-9a-f]{8}> in the server's log."}}`
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		return liveness.Verdict{}, errors.New("the inner reason")
	}
	got := r.verify(id, video).want(500, want)
	r.logLine("the inner reason", incident(got))
	r.says(liveness.Verdict{Outcome: liveness.Undecided, Reason: liveness.ImageNotReadable}) // no reason of a recording
	got = r.verify(id, video).want(500, want)
	r.logLine("image_not_readable", incident(got))
	r.checked = func(context.Context, seen) (liveness.Verdict, error) { panic("the inner panic") }
	got = r.verify(id, video).want(500, `{"transactionId":"","phrase":"","score":0,"error":{"type":"server","code":500,"message":"Internal error. See incident <[0-9a-f]{8}> in the server's log."}}`)
	r.logLine("the inner panic", incident(got), "lipsecure_test.go")
	// None of them used anything up.
	r.says(verdict(0.9))
	r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":90.0,"error":`+noError+`}`)
	if n := r.records(); n != 1 {
		t.Errorf("%d checks were counted", n)
	}
}

// incident returns the incident id of the reply's request.
func incident(got reply) string { return `"incident":"` + got.header.Get("X-Request-Id")[:8] + `"` }

func TestLipSecureStoreGone(t *testing.T) {
	r := newRig(t)
	r.store.Close()
	r.send("POST", "/challenge", "", nil, r.key()).want(500, `{"transactionId":"","phrase":"","error":{"type":"server","code":500,"message":"`+sentence+`"}}`)
}

func TestLipSecureMethods(t *testing.T) {
	r := newRig(t)
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"} {
		for _, prefix := range []string{"", "/LiopaAPI/api"} {
			r.send(method, prefix+"/challenge", "", nil, r.key()).wantHeader("Allow", "^POST$").
				want(405, `{"transactionId":"","phrase":"","error":{"type":"client","code":405,"message":"`+sentence+`"}}`)
			r.send(method, prefix+"/verifier/x", "", nil, r.key()).wantHeader("Allow", "^POST$").want(405, lipClient("", "", "405"))
		}
	}
	request, err := http.NewRequest("HEAD", r.url+"/challenge", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.do(request); got.status != 405 {
		t.Errorf("HEAD gets %d", got.status)
	}
}
