package system

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/test/process"
)

// signalDecoder sends a signal to the first ffmpeg that the server starts.
func (s *server) signalDecoder(signal syscall.Signal) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, child := range process.Children(s.command.Process.Pid) {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
			if string(name) != "ffmpeg\n" { // it becomes one when it is confined
				continue
			}
			if err := syscall.Kill(child, signal); err != nil {
				s.t.Errorf("%v of decoder %d: %v", signal, child, err)
			}
			return
		}
	}
	s.t.Error("no decoder has started")
}

// TestDecodersThatAreStoppedOrKilled: what the machine does to a decoder is the server's error and uses no try. Afterwards, the same
// transaction takes the same recording. It takes a minute: as long as a check may take by the clock.
func TestDecodersThatAreStoppedOrKilled(t *testing.T) {
	s := launch(t, t.TempDir(), "--challenge-tries", "1")
	c := s.key("decoders")
	for _, fault := range []struct {
		name       string
		signal     syscall.Signal
		status     int
		retryAfter bool
	}{
		{"killed", syscall.SIGKILL, http.StatusInternalServerError, false},
		{"stopped", syscall.SIGSTOP, http.StatusServiceUnavailable, true},
	} {
		id, phrase := s.challenge(c)
		video := spokenPhrase(t, "s2", phrase)
		done := make(chan struct{})
		go func() { defer close(done); s.signalDecoder(fault.signal) }()
		r, err := s.verify(c, id, video)
		if <-done; err != nil {
			t.Fatal(err)
		}
		told := r.json(t)["error"].(map[string]any)
		if r.status != fault.status || told["type"] != "server" || (r.header.Get("Retry-After") != "") != fault.retryAfter {
			t.Errorf("%s: got %d %v %s", fault.name, r.status, r.header, r.body)
		}
		r, err = s.verify(c, id, video)
		if err != nil {
			t.Fatal(err)
		}
		if m := r.json(t); r.status != http.StatusOK || m["error"].(map[string]any)["code"] != 0.0 {
			t.Errorf("%s, and again: got %d %s", fault.name, r.status, r.body)
		}
	}
}
