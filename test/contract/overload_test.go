package contract

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/server"
	"github.com/bonafide-id/bonafide/liveness"
)

// overloaded is what each protocol answers to a request that finds no place.
func (r *rig) wantOverloaded(protocol string, got reply) {
	r.t.Helper()
	got.wantHeader("Retry-After", "^[1-9][0-9]*$")
	switch protocol {
	case "lipsecure":
		got.want(503, `{"transactionId":"<.*>","phrase":"<.*>","score":0,"error":{"type":"server","code":503,"message":"`+sentence+`"}}`)
	case "selfie":
		got.want(503, selfieError("OVERLOADED"))
	default:
		got.want(503, faceError("<.*>", "INTERNAL_ERROR"))
	}
}

// occupy keeps the only worker of the load busy until the function that it returns is called.
func (r *rig) occupy(send func() reply) (free func()) {
	r.t.Helper()
	busy, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r.checked = func(context.Context, seen) (liveness.Verdict, error) {
		close(busy)
		<-release
		return verdict(0.9), nil
	}
	go func() {
		defer close(done)
		if got := send(); got.status != 200 {
			r.t.Errorf("the request that had the worker got %d: %s", got.status, got.body)
		}
	}()
	<-busy
	r.says(verdict(0.9))
	return func() { close(release); <-done }
}

// A full house refuses at once, before it has read anything: the bodies of these requests never come.
func TestAFullQueueRefusesUnread(t *testing.T) {
	for protocol, path := range map[string]string{"lipsecure": "/verifier/x", "selfie": selfiePath, "faceliveness": facePath} {
		t.Run(protocol, func(t *testing.T) {
			r := newRigWith(t, server.Config{Pictures: server.Pool{Workers: 1}, Recordings: server.Pool{Workers: 1}})
			id, _ := r.challenge()
			occupant, other := r.facePicture, func() reply { return r.verify(id, video) }
			if protocol == "lipsecure" {
				occupant, other = other, occupant
			}
			free := r.occupy(occupant)
			never, end := io.Pipe()
			defer end.Close()
			r.wantOverloaded(protocol, r.send("POST", path, "text/plain", never, r.key()))
			// The other kind of media has its own places.
			other().want(200, `<.*>`)
			free()
			r.facePicture().want(200, `<.*>`)
		})
	}
}

// Who waits for a turn waits no longer than is set.
func TestWaitingEnds(t *testing.T) {
	for _, protocol := range []string{"lipsecure", "selfie", "faceliveness"} {
		t.Run(protocol, func(t *testing.T) {
			pool := server.Pool{Workers: 1, Queue: 1, Wait: time.Millisecond}
			r := newRigWith(t, server.Config{Pictures: pool, Recordings: pool})
			id, phrase := r.challenge()
			ask := map[string]func() reply{
				"lipsecure":    func() reply { return r.verify(id, video) },
				"selfie":       func() reply { return r.selfie(picture) },
				"faceliveness": r.facePicture,
			}[protocol]
			free := r.occupy(ask)
			got := ask()
			r.wantOverloaded(protocol, got)
			if protocol == "lipsecure" { // the transaction is known by now, and still open
				got.want(503, `{"transactionId":"`+id+`","phrase":"`+phrase+`",<.*>`)
			}
			free()
			if n := r.records(); n != 1 {
				t.Errorf("%d checks were counted", n)
			}
		})
	}
}

// A client that hangs up while it waits gives its place back.
func TestAPlaceComesBack(t *testing.T) {
	r := newRigWith(t, server.Config{Pictures: server.Pool{Workers: 1, Queue: 1, Wait: time.Minute}})
	free := r.occupy(r.facePicture)
	ctx, hangUp := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", r.url+facePath, jsonBody(`{"faceImageBase":"%s"}`, encodedPicture))
	if err != nil {
		t.Fatal(err)
	}
	auth := r.basic("Authorization")
	request.Header.Set(auth[0], auth[1])
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			t.Errorf("the request that was given up got %d", response.StatusCode)
		}
	}()
	queued := func() string { return r.metric(`bonafide_checks_queued{load="picture"}`) }
	for queued() != "1" {
		time.Sleep(time.Millisecond)
	}
	hangUp()
	<-gone
	for queued() != "0" {
		time.Sleep(time.Millisecond)
	}
	free()
	r.facePicture().want(200, `<.*>`)
}

// unending sends a request whose body never ends, until the function that it returns is called.
func (r *rig) unending(path string) (hangUp func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	body, end := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, "POST", r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	auth := r.basic("Authorization")
	request.Header.Set(auth[0], auth[1])
	request.Header.Set("Content-Type", "application/json")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			r.t.Errorf("the request without an end got %d", response.StatusCode)
		}
	}()
	io.WriteString(end, "{")
	for r.metric("bonafide_upload_bytes") == "0" {
		time.Sleep(time.Millisecond)
	}
	return func() { cancel(); end.CloseWithError(context.Canceled); <-gone } // an end would make it whole
}

// A client that is slow to send keeps nobody else from being checked.
func TestSlowUploadsHoldNoPlace(t *testing.T) {
	r := newRigWith(t, server.Config{Pictures: server.Pool{Workers: 1}})
	for range 5 {
		defer r.unending(facePath)()
	}
	r.facePicture().want(200, `<.*>`)
}

// What arrives at once is bounded by its bytes.
func TestUploadsAreBounded(t *testing.T) {
	r := newRigWith(t, server.Config{UploadBytes: pictureBytes + 100, Pictures: server.Pool{Workers: 9}})
	hangUp := r.unending(facePath)
	r.wantOverloaded("faceliveness", r.send("POST", facePath, "application/json", jsonBody(`{"faceImageBase":"%0200d"}`, 0), r.basic("Authorization")))
	hangUp()
	for r.metric("bonafide_upload_bytes") != "0" {
		time.Sleep(time.Millisecond)
	}
	r.facePicture().want(200, `<.*>`)
}
