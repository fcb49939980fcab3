package contract

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/server"
	"github.com/bonafide-id/bonafide/liveness"
)

func TestUnknownPaths(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/", "/Challenge", "/challenges/", "//metrics", "/readyz/", "/verifier", "/verifier/", "/verifier/a/b", "/v0.3/liveness-verification", "/api/v1/face", "/metrics/x", "/%2Fchallenge", "/%00"} {
		for _, method := range []string{"GET", "POST"} {
			r.send(method, path, "", nil, r.key()).want(404, `{"error":{"code":404,"message":"`+sentence+`"}}`)
		}
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t)
	r.send("GET", "/healthz", "", nil).want(200, `{"status":"alive"}`)
	r.send("GET", "/readyz", "", nil).want(200, `{"ready":true,"checks":{}}`)
	r.send("POST", "/healthz", "", nil).want(405, `{"error":{"code":405,"message":"`+sentence+`"}}`).wantHeader("Allow", "^GET, HEAD$")
	r.send("HEAD", "/healthz", "", nil).want(200, "")
	r.send("HEAD", "/nothing", "", nil).want(404, "")
}

func TestReadiness(t *testing.T) {
	log := &safeBuffer{}
	var fault error
	s := server.New(server.Config{}, slog.New(slog.NewJSONHandler(log, nil)),
		server.Probe{Name: "confinement", Check: func(context.Context) (string, error) { return "landlock, seccomp", nil }},
		server.Probe{Name: "store", Check: func(context.Context) (string, error) { return "answers", fault }})
	r := &rig{t: t, log: log}
	r.url = serve(t, s, context.Background())
	r.send("GET", "/readyz", "", nil).want(200, `{"ready":true,"checks":{"confinement":"landlock, seccomp","store":"answers"}}`)
	fault = errors.New("the inner fault")
	r.send("GET", "/readyz", "", nil).want(503, `{"ready":false,"checks":{"confinement":"landlock, seccomp","store":"failing"}}`)
	r.logLine("the inner fault", "store")
}

// serve runs the server on a port of its own until ctx is done or the test ends, and returns its URL.
func serve(t *testing.T, s *server.Server, ctx context.Context) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// A stop lets what runs finish and takes nothing new.
func TestStopFinishesWhatRuns(t *testing.T) {
	r := newRig(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.server.Serve(ctx, l) }()
	r.url = "http://" + l.Addr().String()

	id, phrase := r.challenge()
	free := r.occupy(func() reply {
		return r.verify(id, video).want(200, `{"transactionId":"`+id+`","phrase":"`+phrase+`","score":90.0,"error":`+noError+`}`)
	})
	stop()
	for { // until the listener is closed
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatalf("the server ended, with %v, before its request", err)
	default:
	}
	free()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	r := newRigWith(t, server.Config{StopTimeout: 10 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	busy := make(chan struct{})
	r.checked = func(ctx context.Context, _ seen) (liveness.Verdict, error) {
		close(busy)
		<-ctx.Done()
		return liveness.Verdict{}, ctx.Err()
	}
	done := make(chan error, 1)
	go func() { done <- r.server.Serve(ctx, l) }()
	go func() {
		request, _ := http.NewRequest("POST", "http://"+l.Addr().String()+facePath, jsonBody(`{"faceImageBase":"%s"}`, encodedPicture))
		auth := r.basic("Authorization")
		request.Header.Set(auth[0], auth[1])
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	<-busy
	stop()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("error %v", err)
	}
}

func TestTLS(t *testing.T) {
	certificate, cert, key := selfSigned(t)
	s := server.New(server.Config{TLSCert: cert, TLSKey: key}, slog.New(slog.DiscardHandler))
	url := strings.Replace(serve(t, s, context.Background()), "http:", "https:", 1)
	ask := func(trusted *x509.Certificate, most uint16) (*http.Response, error) {
		pool := x509.NewCertPool()
		pool.AddCert(trusted)
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: most}, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		response, err := client.Get(url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return response, err
	}
	response, err := ask(certificate, 0)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 || response.ProtoMajor != 2 || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("status %d, %s, headers %v", response.StatusCode, response.Proto, response.Header)
	}
	if _, err := ask(certificate, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is taken")
	}

	// A renewed certificate is served without a restart; files that do not fit together leave the old one.
	renewed, newCert, newKey := selfSigned(t)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(newCert, cert)
	time.Sleep(1100 * time.Millisecond)
	if _, err := ask(certificate, 0); err != nil {
		t.Errorf("with half of a renewal: %v", err)
	}
	move(newKey, key)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err = ask(renewed, 0); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the renewed certificate is not served: %v", err)
		}
	}
	if _, err := ask(certificate, 0); err == nil {
		t.Error("the old certificate is served too")
	}
}

func selfSigned(t *testing.T) (certificate *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return certificate, write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
}

// metric returns a metric's value as /metrics shows it, "" where it is not there.
func (r *rig) metric(name string) string {
	r.t.Helper()
	response, err := http.Get(r.url + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestMetrics(t *testing.T) {
	r := newRig(t)
	v := verdict(0.9)
	v.Gates = []liveness.Gate{{Name: "pad", Passed: true, Took: time.Millisecond}}
	r.says(v)
	r.facePicture()
	r.facePicture()
	r.says(undecidedVerdict(liveness.FaceTooSmall))
	r.selfie(picture)
	r.send("POST", "/nowhere/"+marker, "", nil)
	for name, want := range map[string]string{
		`bonafide_verdicts_total{outcome="live",protocol="faceliveness",reason=""}`:              "2",
		`bonafide_verdicts_total{outcome="undecided",protocol="selfie",reason="face_too_small"}`: "1",
		`bonafide_request_seconds_count{route="/api/v1/face/liveness",status="200"}`:             "2",
		`bonafide_request_seconds_count{route="/liveness-verification",status="200"}`:            "1",
		`bonafide_request_seconds_count{route="none",status="404"}`:                              "1",
		`bonafide_gate_seconds_count{gate="pad"}`:                                                "2",
		`bonafide_checks_running{kind="picture"}`:                                                "0",
		`bonafide_checks_queued{kind="recording"}`:                                               "0",
		`bonafide_requests_in_flight`:                                                            "1", // this one
	} {
		if got := r.metric(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestTheLogTellsWhatHappened(t *testing.T) {
	r := newRig(t)
	got := r.send("POST", facePath+"?password="+marker, "application/json", jsonBody(`{"faceImageBase":"%s"}`, encodedPicture), r.basic("Authorization"))
	r.logLine(`"msg":"request"`, fmt.Sprintf(`"request_id":%q`, got.header.Get("X-Request-Id")), `"protocol":"faceliveness"`, `"account":"shop"`,
		`"method":"POST"`, `"route":"/api/v1/face/liveness"`, `"status":200`, `"took_ms":`)
	r.send("POST", "/"+marker, "", nil)
	r.logLine(`"route":"none"`, `"status":404`)
}

// Headers over their limit end the request; the server goes on.
func TestLargeHeaders(t *testing.T) {
	s := server.New(server.Config{}, slog.New(slog.DiscardHandler))
	url := serve(t, s, context.Background())
	request, err := http.NewRequest("GET", url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Large", strings.Repeat("x", 64<<10))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}

// A request comes from whom a trusted proxy names, and from nobody else whatever it says.
func TestProxies(t *testing.T) {
	for setting, want := range map[string]string{"": "127.0.0.1", "127.0.0.0/8": "198.51.100.9", "10.0.0.0/8": "127.0.0.1"} {
		var c server.Config
		if setting != "" {
			c.Proxies = []netip.Prefix{netip.MustParsePrefix(setting)}
		}
		r := newRigWith(t, c)
		r.send("GET", "/healthz", "", nil, header{"X-Forwarded-For", "192.0.2.1, 198.51.100.9"}).want(200, `{"status":"alive"}`)
		r.logLine(`"route":"/healthz"`, fmt.Sprintf(`"remote":%q`, want))
	}
}

// Brute force is slowed, is in the log, and cannot be told from a key that exists; who was there before goes on.
func TestBruteForce(t *testing.T) {
	r := newRig(t)
	r.facePicture().want(200, `<.*>`)
	var last reply
	for i := range 40 {
		last = r.send("POST", "/challenge", "", nil, header{"X-Api-Key", fmt.Sprintf("%032x", i)})
		if last.status == 429 {
			break
		}
	}
	last.want(429, `{"transactionId":"","phrase":"","error":{"type":"client","code":429,"message":"`+sentence+`"}}`).wantHeader("Retry-After", "^[1-9]")
	fresh, err := r.accounts.CreateKey(t.Context(), "fresh", account.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if right := r.send("POST", "/challenge", "", nil, header{"X-Api-Key", fresh.APIKey}); right.status != 429 || right.body != last.body {
		t.Errorf("right but never shown before: %d %s", right.status, right.body)
	}
	r.facePicture().want(200, `<.*>`)
	r.logLine(`"msg":"throttled"`, `"level":"WARN"`, "127.0.0.1")
}

// Wrong, unknown and revoked credentials get the same reply.
func TestNothingTellsWhichCredentialsExist(t *testing.T) {
	r := newRig(t)
	gone, err := r.accounts.CreateKey(t.Context(), "gone", account.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.accounts.RevokeKey(t.Context(), gone.Key); err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`"api_req_uid":"[^"]*"|"(processed|requested)_at":"[^"]*"`)
	ask := func(id, key string) string {
		contentType, body := form(picture)
		got := r.send("POST", selfiePath, contentType, body, header{"app_id", id}, header{"app_key", key})
		got.header.Del("Date")
		got.header.Del("X-Request-Id")
		return fmt.Sprint(got.status, got.header, ids.ReplaceAllString(got.body, ""))
	}
	want := ask("unknown", "wrong")
	if !strings.HasPrefix(want, "401 ") {
		t.Fatal(want)
	}
	for _, shown := range [][2]string{{r.credentials.AppID, "wrong"}, {"unknown", r.credentials.AppKey}, {gone.AppID, gone.AppKey}, {gone.AppID, "wrong"}, {"", ""}, {r.credentials.AppID, ""}} {
		if got := ask(shown[0], shown[1]); got != want {
			t.Errorf("%q: %s\nwant %s", shown, got, want)
		}
	}
}

// A length over the limit is refused before anything else: the method, the credentials and the body are not looked at.
// The client gets the reply although it reads only when it has sent everything.
func TestLengthsOverTheLimit(t *testing.T) {
	r := newRig(t)
	other := `{"error":{"code":413,"message":"` + sentence + `"}}`
	for _, c := range []struct{ request, want string }{
		{"POST /challenge", `{"transactionId":"","phrase":"","error":{"type":"client","code":413,"message":"` + sentence + `"}}`},
		{"GET /challenge", `{"transactionId":"","phrase":"","error":{"type":"client","code":413,"message":"` + sentence + `"}}`},
		{"POST /verifier/x", lipClient("", "", "413")},
		{"POST " + selfiePath, selfieError("TOO_LARGE")},
		{"POST " + facePath, faceError("", requestError("TOO_LARGE"))},
		{"POST /capture/tokens", other}, {"POST /capture/recording", other}, {"POST /capture/picture", other},
		{"GET /capture/session", other}, {"OPTIONS /capture/recording", other}, {"GET /capture/results/x", other},
		{"GET /healthz", other}, {"GET /readyz", other}, {"GET /metrics", other}, {"POST /metrics", other}, {"POST /nothing", other},
	} {
		for _, length := range []int{recordingBytes + 1, 20 << 20, 100_000_000_000} {
			got := r.sendAll(c.request, length, min(length, 20<<20))
			got.want(413, c.want)
			got.wantHeader("Connection", "^close$")
			if c.request == "POST /capture/recording" { // or the page could not read the reply
				got.wantHeader("Access-Control-Allow-Origin", `^\*$`)
			}
		}
	}
	if n := r.sendAll("HEAD /healthz", 1e9, 0).status; n != 413 {
		t.Errorf("HEAD: status %d", n)
	}
}

// sendAll states a length, sends so much of it, and reads the reply only then.
func (r *rig) sendAll(request string, length, sent int) reply {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nOrigin: https://shop.example\r\nContent-Length: %d\r\n\r\n", request, length)
	if _, err := c.Write(make([]byte, sent)); err != nil {
		r.t.Fatalf("%s: after a length of %d: %v", request, length, err)
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		r.t.Fatalf("%s: after a length of %d: %v", request, length, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.Close {
		response.Header.Set("Connection", "close") // http.ReadResponse takes it out
	}
	return reply{r.t, response.StatusCode, response.Header, string(body)}
}
