// Package system tests the program as an operator runs it, with real processes, media and stores. It does not test single packages.
package system

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/media"
)

const root = "../.."

var program string // the binary under test

func TestMain(m *testing.M) {
	media.RunIfDecoderProcess()
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		serveWithLocalFetch(os.Args[2:])
		return
	}
	folder, err := os.MkdirTemp("", "bonafide-system-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "bonafide")
	build := exec.Command("go", "build", "-o", program, "./cmd/bonafide")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// models returns the folder that `make models` fills.
func models(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = filepath.Join(root, "bin", "models")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the models are not there: run `make models`")
	}
	return folder
}

// sharedPath returns a path below the data that only the makers of bonafide have.
func sharedPath(t testing.TB, path ...string) string {
	t.Helper()
	name := filepath.Join(append([]string{root, "..", "shared"}, path...)...)
	if _, err := os.Stat(name); err != nil {
		t.Skipf("%s is not there: this test needs the makers' data", name)
	}
	return name
}

// photograph returns one of the test-only pictures of real people.
func photograph(t testing.TB, n int) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "bin", "testdata", "faces", fmt.Sprintf("sample%d.jpg", n)))
	if err != nil {
		t.Skip("the test pictures are not there: run `make testdata`")
	}
	return data
}

type credentials struct {
	Account  string `json:"account"`
	APIKey   string `json:"api_key"`
	AppID    string `json:"app_id"`
	AppKey   string `json:"app_key"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// server is one running process.
type server struct {
	t       testing.TB
	url     string
	data    string
	store   string // PostgreSQL's URL; "": the embedded store in data
	command *exec.Cmd
	logs    *lockedBuffer
	out     *lockedBuffer
	exited  chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// launch starts the server on a free port and the given data folder and waits until it is ready.
func launch(t testing.TB, data string, flags ...string) *server {
	t.Helper()
	return spawn(t, data, flags...).await()
}

// replica starts a server on the PostgreSQL store and waits until it is ready.
func replica(t testing.TB, store string, flags ...string) *server {
	t.Helper()
	return spawnOn(t, store, t.TempDir(), flags...).await()
}

// await waits until the server is ready.
func (s *server) await() *server {
	t := s.t
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		reply, err := http.Get(s.url + "/readyz")
		if err == nil {
			reply.Body.Close()
			if reply.StatusCode == http.StatusOK {
				return s
			}
		}
		select {
		case <-s.exited:
			t.Fatalf("the server stopped at the start:\n%s", s.logs)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server was not ready within a minute:\n%s", s.logs)
		}
	}
}

func spawn(t testing.TB, data string, flags ...string) *server {
	t.Helper()
	return spawnOn(t, "", data, flags...)
}

func spawnOn(t testing.TB, store, data string, flags ...string) *server {
	t.Helper()
	folder := models(t)
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := port.Addr().String()
	port.Close()
	s := &server{t: t, url: "http://" + address, data: data, store: store, logs: &lockedBuffer{}, out: &lockedBuffer{}, exited: make(chan struct{})}
	s.command = s.run(append([]string{"serve", "--listen", address, "--models", folder}, flags...)...)
	s.command.Stdout, s.command.Stderr = s.out, s.logs
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.command.Wait(); close(s.exited) }()
	t.Cleanup(s.holdsNoSecret)
	t.Cleanup(s.kill)
	return s
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	_ = s.command.Process.Kill()
	<-s.exited
}

// run returns the program on the server's store. The URL comes by the environment, where no list of processes shows it.
func (s *server) run(args ...string) *exec.Cmd {
	command := exec.Command(program, append(args, "--data", s.data)...)
	command.Env = append(os.Environ(), "BONAFIDE_STORE="+s.store, "BONAFIDE_LOG_LEVEL=debug")
	return command
}

// manage runs a command of the program while the server runs, and returns what it prints.
func (s *server) manage(args ...string) string {
	s.t.Helper()
	command := s.run(args...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, complaint.String())
	}
	return string(out)
}

// key makes an account through the command line while the server runs.
func (s *server) key(account string) credentials {
	s.t.Helper()
	out := s.manage("key", "create", "--account", account, "--json")
	var c credentials
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		s.t.Fatalf("key create printed %q: %v", out, err)
	}
	secret("API key", c.APIKey)
	secret("app key", c.AppKey)
	secret("password", c.Password, base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)))
	return c
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatalf("status %d, not JSON: %q", r.status, r.body)
	}
	return m
}

func (s *server) do(method, path, contentType string, body []byte, headers map[string]string) (reply, error) {
	request, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	secretBody(body)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	if response.Header.Get("X-Request-Id") == "" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		s.t.Errorf("%s %s: the reply lacks what every reply has: %v", method, path, response.Header)
	}
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, text}, err
}

func (s *server) must(method, path, contentType string, body []byte, headers map[string]string) reply {
	s.t.Helper()
	r, err := s.do(method, path, contentType, body, headers)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, s.logs)
	}
	return r
}

// form returns a multipart body with one file and any fields.
func form(t testing.TB, part, name string, file []byte, fields map[string]string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := w.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.CreateFormFile(part, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// challenge opens a transaction and returns its id and phrase.
func (s *server) challenge(c credentials) (id, phrase string) {
	s.t.Helper()
	r := s.must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey})
	m := r.json(s.t)
	if r.status != http.StatusOK {
		s.t.Fatalf("challenge: %d %s", r.status, r.body)
	}
	return m["transactionId"].(string), m["phrase"].(string)
}

// verify sends a recording for a transaction.
func (s *server) verify(c credentials, id string, video []byte) (reply, error) {
	s.t.Helper()
	contentType, body := form(s.t, "file", "recording.mp4", video, nil)
	return s.do("POST", "/verifier/"+id, contentType, body, map[string]string{"X-API-Key": c.APIKey})
}

func (s *server) selfie(c credentials, picture []byte, threshold string) reply {
	s.t.Helper()
	contentType, body := form(s.t, "selfie", "selfie.jpg", picture, map[string]string{"threshold": threshold})
	return s.must("POST", "/liveness-verification", contentType, body, map[string]string{"app_id": c.AppID, "app_key": c.AppKey})
}

func (s *server) faceLiveness(c credentials, image string) reply {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"sessionId": "bbbf9002-c3a2-4308-b103-d80b9f5a2b84", "faceImageBase": image})
	if err != nil {
		s.t.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))
	return s.must("POST", "/api/v1/face/liveness", "application/json", body, map[string]string{"Authorization": "Basic " + basic})
}
