package contract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
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

// A full queue refuses before it has read anything: the bodies of these requests never come.
func TestAFullQueueRefusesUnread(t *testing.T) {
	for _, protocol := range []string{"lipsecure", "selfie", "faceliveness"} {
		t.Run(protocol, func(t *testing.T) {
			r := newRigWith(t, server.Config{Pictures: server.Pool{Workers: 1}, Recordings: server.Pool{Workers: 1}})
			id, _ := r.challenge()
			unread, _ := r.challenge()
			path := map[string]string{"lipsecure": "/verifier/" + unread, "selfie": selfiePath, "faceliveness": facePath}[protocol]
			occupant, other := r.facePicture, func() reply { return r.verify(id, video) }
			if protocol == "lipsecure" {
				occupant, other = other, occupant
			}
			free := r.occupy(occupant)
			never, end := io.Pipe()
			defer end.Close()
			r.wantOverloaded(protocol, r.send("POST", path, "multipart/form-data; boundary=x", never, append(r.app(), r.key(), r.basic("Authorization"))...))
			// The other kind of media has its own queue.
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
func TestAQueueSlotIsReleased(t *testing.T) {
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
	queued := func() string { return r.metric(`bonafide_checks_queued{kind="picture"}`) }
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

// sender is a connection on which a request arrives as slowly as a test likes.
type sender struct {
	net.Conn
	r *rig
}

// beginUpload sends a request's headers and the first byte of its body, and waits until the byte is there.
func (r *rig) beginUpload(path string, length int, headers ...header) sender {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	before := r.metric("bonafide_upload_bytes")
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: multipart/form-data; boundary=x\r\n", path, length)
	for _, h := range headers {
		fmt.Fprintf(c, "%s: %s\r\n", h[0], h[1])
	}
	io.WriteString(c, "\r\n-")
	for deadline := time.Now().Add(5 * time.Second); r.metric("bonafide_upload_bytes") == before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return sender{c, r}
}

// A client that is slow to send keeps nobody else from being checked.
func TestSlowUploadsHoldNoQueueSlot(t *testing.T) {
	r := newRigWith(t, server.Config{Pictures: server.Pool{Workers: 1}})
	for range 5 {
		r.beginUpload(facePath, 100, r.basic("Authorization"))
	}
	r.facePicture().want(200, `<.*>`)
}

// What an account makes the server hold is bounded by its bytes, and comes back.
func TestUploadsAreBounded(t *testing.T) {
	r := newRigWith(t, server.Config{UploadBytes: pictureBytes, Pictures: server.Pool{Workers: 9}})
	slow := r.beginUpload(facePath, pictureBytes-100, r.basic("Authorization"))
	r.wantOverloaded("faceliveness", r.send("POST", facePath, "application/json", jsonBody(`{"faceImageBase":"%0200d"}`, 0), r.basic("Authorization")))
	slow.Close()
	for r.metric("bonafide_upload_bytes") != "0" {
		time.Sleep(time.Millisecond)
	}
	r.facePicture().want(200, `<.*>`)
}

// Six connections of one address with nothing but browser tokens state the largest length and send almost nothing. Neither
// another account nor another visitor of the same account is refused for it.
func TestSlowBrowsersStarveNobody(t *testing.T) {
	proxied := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	r := newRigWith(t, server.Config{UploadBytes: 5 * recordingBytes, Recordings: server.Pool{Workers: 2, Queue: 9}, Proxies: proxied})
	other, err := r.accounts.CreateKey(t.Context(), "other", account.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	token := func() header { token, _ := r.grant("", r.apiKey()); return bearerHeader(token) }
	for range 6 {
		r.beginUpload("/capture/recording", recordingBytes, token(), header{"X-Forwarded-For", "192.0.2.7"})
	}
	contentType, body := form(part{"file", "recording.webm", strings.Repeat("x", recordingBytes/2)})
	visitor := r.send("POST", "/capture/recording", contentType, bytes.NewReader(body.Bytes()), token(), header{"X-Forwarded-For", "192.0.2.8"})
	visitor.want(200, `{"result":"passed"}`)

	r.credentials = other
	id, _ := r.challenge()
	for range 3 {
		r.facePicture().want(200, `<.*>`)
	}
	r.send("POST", "/verifier/"+id, contentType, bytes.NewReader(body.Bytes()), r.key()).want(200, `<.*>`)
}

// What the server fetches for a request is charged as an upload is.
func TestFetchedPicturesAreCharged(t *testing.T) {
	r := newRigWith(t, server.Config{UploadBytes: pictureBytes})
	r.fetched = func(string) ([]byte, error) { return []byte(marker), nil }
	ask := func() reply { return r.face(`{"faceImageBase":"https://example.com/%s"}`, marker) }
	r.charged = pictureBytes - 200
	ask().want(200, `<.*>`)
	r.charged = pictureBytes
	r.wantOverloaded("faceliveness", ask())
	if held := r.metric("bonafide_upload_bytes"); held != "0" {
		t.Errorf("%s bytes are held after the replies", held)
	}
}
