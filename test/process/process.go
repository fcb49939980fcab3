// Package process runs the program as an operator does, for tests of load and hostile media. It reads the process's resources
// from the kernel. It has no assertions.
package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Root is the checkout, as seen from the folders below test/.
const Root = "../.."

// Models returns the folder that `make models` fills, under the checkout.
func Models(checkout string) (string, error) {
	folder, err := filepath.Abs(filepath.Join(checkout, "bin", "models"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("the models are not there: run `make models`: %w", err)
	}
	return folder, nil
}

// Build builds the program of a checkout into a folder and returns its path.
func Build(checkout, folder string) (string, error) {
	program, err := filepath.Abs(filepath.Join(folder, "bonafide"))
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", program, "./cmd/bonafide")
	build.Dir = checkout
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return program, nil
}

// Options say how a server is started.
type Options struct {
	// Program is what Build made, Models the folder of its models, Data that of its store.
	Program, Models, Data string
	// Flags are further flags of serve.
	Flags []string
	// Under is a command that the server is started under, such as a tracer.
	Under []string
}

// Server is one running process.
type Server struct {
	URL  string
	Logs *Log

	options   Options
	command   *exec.Cmd
	temporary string
	exited    chan struct{}
}

// Start starts a server on a free port and waits until it is ready.
func Start(o Options) (*Server, error) {
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := port.Addr().String()
	port.Close()
	temporary := filepath.Join(o.Data, "tmp")
	if err := os.MkdirAll(temporary, 0o700); err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + address, Logs: &Log{}, options: o, temporary: temporary, exited: make(chan struct{})}
	line := append(append([]string{}, o.Under...), o.Program, "serve", "--listen", address, "--data", o.Data, "--models", o.Models)
	line = append(line, o.Flags...)
	s.command = exec.Command(line[0], line[1:]...)
	s.command.Env = append(os.Environ(), "TMPDIR="+temporary)
	s.command.Stderr = s.Logs
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.command.Wait(); close(s.exited) }()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if !s.Alive() {
			return nil, fmt.Errorf("the server stopped at the start:\n%s", s.Logs)
		}
		if s.Ready() {
			return s, nil
		}
	}
	s.Kill()
	return nil, fmt.Errorf("the server was not ready within a minute:\n%s", s.Logs)
}

// Ready reports whether the server answers that it is ready.
func (s *Server) Ready() bool {
	reply, err := http.Get(s.URL + "/readyz")
	if err != nil {
		return false
	}
	reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}

// Alive reports whether the process runs.
func (s *Server) Alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Kill ends the process as a power cut would.
func (s *Server) Kill() {
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) // with what it runs under, and with its children
	<-s.exited
}

// Stop ends the process as an operator would and returns how it ended.
func (s *Server) Stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-s.exited
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("exit status %d", code)
	}
	return nil
}

// Credentials are one key.
type Credentials struct {
	APIKey   string `json:"api_key"`
	AppID    string `json:"app_id"`
	AppKey   string `json:"app_key"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// Key makes an account and a key for it through the command line.
func (s *Server) Key(account string) (c Credentials, err error) {
	out, err := exec.Command(s.options.Program, "key", "create", "--account", account, "--data", s.options.Data, "--json").Output()
	if err != nil {
		return c, fmt.Errorf("key create: %w", err)
	}
	return c, json.Unmarshal(out, &c)
}

// Metric returns the value of a metric that has no labels.
func (s *Server) Metric(name string) (value float64, err error) {
	reply, err := http.Get(s.URL + "/metrics")
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			_, err := fmt.Sscan(rest, &value)
			return value, err
		}
	}
	return 0, errors.New("there is no metric " + name)
}

// Log is what a process prints.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Lines returns those that contain one of the texts.
func (l *Log) Lines(texts ...string) (found []string) {
	for line := range strings.Lines(l.String()) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				found = append(found, strings.TrimSpace(line))
				break
			}
		}
	}
	return found
}
