package system

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/bonafide-id/bonafide/internal/app"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/test/process"
)

// picturePort names the variable with the port of this machine from which the attacked server may fetch pictures. The program
// itself fetches from public hosts only.
const picturePort = "ATTACK_PICTURE_PORT"

// serveWithLocalFetch is `bonafide serve`, except that it also fetches pictures from this machine.
func serveWithLocalFetch(args []string) {
	var line struct {
		Data, Models string
		Settings     config.Config `embed:""`
	}
	parser, err := kong.New(&line)
	if err == nil {
		_, err = parser.Parse(args)
	}
	var port uint16
	if err == nil {
		_, err = fmt.Sscan(os.Getenv(picturePort), &port)
	}
	if err == nil {
		err = app.Run(context.Background(), app.Options{
			Store: app.StoreLocation{Data: line.Data, Create: true}, Models: line.Models, Settings: line.Settings,
			Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)), Out: io.Discard,
			Fetcher: media.NewFetcher(media.FetchOptions{Ports: []uint16{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}),
		})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

const (
	attackWorkers = 2
	// What docs/operations.md promises for the server's own process, in MB. It has the program and its models, three times
	// upload-memory, and a worker of each kind. A decoder process has video-memory.
	promisedMemory  = 300 + 3*256 + attackWorkers*(300+50)
	promisedDecoder = 1024
)

// What a client states, names or makes the server fetch takes no more memory than the documentation promises.
func TestMemoryUnderAttack(t *testing.T) {
	pictures := servePictures(t)
	portrait, err := process.Portrait(root)
	if err != nil {
		t.Fatal(err)
	}
	recording, err := process.Film(portrait, 4)
	if err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("a password of the console\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(picturePort, fmt.Sprint(pictures.Listener.Addr().(*net.TCPAddr).Port))
	data, workers := t.TempDir(), fmt.Sprint(attackWorkers)
	key := createKey(t, data)
	s, err := process.Start(process.Options{Program: os.Args[0], Models: models(t), Data: data, Flags: []string{
		"--demo", "attacker", "--console-password-file", password, "--picture-workers", workers, "--recording-workers", workers}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	idle, err := s.Held()
	if err != nil {
		t.Fatal(err)
	}
	watch := s.Watch()
	defer watch.Stop()

	a := attacker{t: t, url: s.URL, key: key, answers: map[string]int{}}
	for _, endpoint := range everyEndpoint {
		a.Go(func() { a.stateLength(endpoint) })
	}
	for range 8 {
		a.Go(a.sendManyKeys)
	}
	for range 100 {
		a.Go(func() { a.nameURL(pictures.URL) })
	}
	a.Go(func() { a.sendRecording(s.Client(key, 2*time.Minute), recording) })
	a.Wait()

	held, err := s.Held()
	if err != nil || !s.Alive() || !s.Ready() {
		t.Fatalf("the server is down after the attack: %v\n%s", err, s.Logs.Lines("fatal", "panic"))
	}
	watch.Stop()
	t.Logf("memory at most %d MB (%d MB before, %d MB promised), a decoder process %d MB; answers: %v",
		held.Peak>>20, idle.Peak>>20, promisedMemory, watch.MaxMemory>>20, a.answers)
	if held.Peak>>20 > promisedMemory {
		t.Errorf("the server took %d MB, docs/operations.md promises %d MB", held.Peak>>20, promisedMemory)
	}
	if watch.MaxMemory>>20 > promisedDecoder {
		t.Errorf("a decoder process took %d MB", watch.MaxMemory>>20)
	}
	if a.answers["fetched 200"] == 0 || a.answers["keys 400"] == 0 || a.answers["recording 200"] == 0 {
		t.Errorf("the attack did not reach what it attacks: %v", a.answers)
	}
}

// servePictures serves a picture of almost the largest size that is fetched.
func servePictures(t *testing.T) *httptest.Server {
	picture := photograph(t, 1)
	picture = append(picture, make([]byte, 10<<20-len(picture))...)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(picture) //nolint:errcheck // the server under test is gone then
	}))
	t.Cleanup(site.Close)
	return site
}

func createKey(t *testing.T, data string) (c process.Credentials) {
	out, err := exec.Command(program, "key", "create", "--account", "attacker", "--json", "--data", data).Output()
	if err == nil {
		err = json.Unmarshal(out, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// everyEndpoint is a request line for each kind of handler.
var everyEndpoint = []string{
	"POST /challenge", "POST /LiopaAPI/api/challenge", "POST /verifier/x", "POST /LiopaAPI/api/verifier/x",
	"POST /liveness-verification", "POST /v0.1/liveness-verification", "POST /v0.2/liveness-verification",
	"POST /api/v1/face/liveness", "POST /api/v1/id-verifications/face/liveness",
	"POST /capture/tokens", "GET /capture/results/x", "GET /capture/session", "POST /capture/recording", "POST /capture/picture",
	"OPTIONS /capture/picture", "GET /capture/bonafide-capture.js",
	"GET /demo", "GET /demo/demo.js", "POST /demo/tokens", "GET /demo/results/x",
	"GET /console", "POST /console/login", "GET /console/checks",
	"GET /", "GET /docs", "GET /healthz", "GET /readyz", "GET /metrics", "POST /metrics", "GET /nothing",
	"GET /challenge", "DELETE /liveness-verification", "QUERY /api/v1/face/liveness", "HEAD /healthz", "HEAD /demo",
}

// attacker has one key.
type attacker struct {
	sync.WaitGroup
	t   *testing.T
	url string
	key process.Credentials

	mu      sync.Mutex
	answers map[string]int // by attack and status
}

func (a *attacker) credentials() string {
	return fmt.Sprintf("X-API-Key: %s\r\napp_id: %s\r\napp_key: %s\r\nAuthorization: Basic %s\r\n", a.key.APIKey, a.key.AppID, a.key.AppKey,
		base64.StdEncoding.EncodeToString([]byte(a.key.Username+":"+a.key.Password)))
}

func (a *attacker) count(attack string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[fmt.Sprint(attack, " ", status)]++
}

// stateLength states 100 GB and sends nothing. The answer must come all the same.
func (a *attacker) stateLength(endpoint string) {
	c, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		a.t.Error(err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Minute)) //nolint:errcheck // a connection has deadlines
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: 100000000000\r\n\r\n", endpoint, a.credentials())
	reply, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		a.t.Errorf("%s: %v", endpoint, err)
		return
	}
	defer reply.Body.Close()
	a.count("length", reply.StatusCode)
	if reply.StatusCode != http.StatusRequestEntityTooLarge {
		a.t.Errorf("%s: status %d, want 413", endpoint, reply.StatusCode)
	}
}

// sendManyKeys sends a JSON object of 15 MB with 1.5 million names.
func (a *attacker) sendManyKeys() {
	var body bytes.Buffer
	body.WriteString("{")
	for n := range 1_500_000 {
		fmt.Fprintf(&body, `"%x":1,`, n)
	}
	body.WriteString(`"":1}`)
	for range 60 { // until there is upload memory for it
		if a.post("keys", body.Bytes(), http.StatusBadRequest, http.StatusServiceUnavailable) != http.StatusServiceUnavailable {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// nameURL makes the server fetch a picture.
func (a *attacker) nameURL(url string) {
	a.post("fetched", fmt.Appendf(nil, `{"faceImageBase":%q}`, url), http.StatusOK, http.StatusServiceUnavailable)
}

// sendRecording sends what a decoder process is started for.
func (a *attacker) sendRecording(c *process.Client, recording []byte) {
	transaction, err := c.Challenge(a.t.Context())
	if err != nil {
		a.t.Error(err)
		return
	}
	reply, err := c.Verify(a.t.Context(), transaction, recording)
	if err != nil {
		a.t.Error(err)
		return
	}
	a.count("recording", reply.Status)
}

// post sends a body and returns the status, which must be one of those allowed; 0 if there is no reply.
func (a *attacker) post(attack string, body []byte, allowed ...int) int {
	request, err := http.NewRequest("POST", a.url+"/api/v1/face/liveness", bytes.NewReader(body))
	if err != nil {
		a.t.Error(err)
		return 0
	}
	request.SetBasicAuth(a.key.Username, a.key.Password)
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Errorf("%s: %v", attack, err)
		return 0
	}
	defer reply.Body.Close()
	text, _ := io.ReadAll(reply.Body)
	a.count(attack, reply.StatusCode)
	if !slices.Contains(allowed, reply.StatusCode) {
		a.t.Errorf("%s: status %d, want one of %d: %.200s", attack, reply.StatusCode, allowed, text)
	}
	return reply.StatusCode
}
