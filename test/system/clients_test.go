package system

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// scenario is one of sdk/scenarios.json, which says what its keys mean.
type scenario struct {
	Name, Server, Needs string
	Requests            int
	Waits               float64
	Replies             []struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
		Text    string
		Delay   float64
	}
	Steps []struct {
		Call   string
		Expect map[string]any
	}
}

// stub plays the servers of the scenarios, and hands out the media.
type stub struct {
	scenarios map[string]scenario
	media     map[string][]byte
	// spokenPhrase returns a recording of a person saying the phrase; nil if there is none.
	spokenPhrase func(phrase string) ([]byte, error)

	mu   sync.Mutex
	seen map[string][]time.Time
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, found := strings.CutPrefix(r.URL.Path, "/media/"); found {
		s.serveMedia(w, name, r.URL.Query().Get("phrase"))
		return
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	s.mu.Lock()
	s.seen[name] = append(s.seen[name], time.Now())
	n := len(s.seen[name])
	s.mu.Unlock()
	replies := s.scenarios[name].Replies
	if len(replies) == 0 {
		http.Error(w, "no such scenario", http.StatusTeapot)
		return
	}
	reply := replies[min(n, len(replies))-1]
	select {
	case <-time.After(time.Duration(reply.Delay * float64(time.Second))):
	case <-r.Context().Done():
		return
	}
	for key, value := range reply.Headers {
		w.Header().Set(key, value)
	}
	w.WriteHeader(reply.Status)
	w.Write(append([]byte(reply.Text), reply.Body...)) //nolint:errcheck // the client may be gone
}

func (s *stub) serveMedia(w http.ResponseWriter, name, phrase string) {
	content := s.media[name]
	if name == "spoken-phrase.mp4" {
		var err error
		if content, err = s.spokenPhrase(phrase); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if content == nil {
		http.NotFound(w, &http.Request{})
		return
	}
	w.Write(content) //nolint:errcheck // the client may be gone
}

// client is how a client's programs are run: its runner of the scenarios, to be followed by their file, and its example.
type client struct{ runner, example []string }

// clients prepare each language's client.
var clients = map[string]func(t *testing.T) client{
	"go": func(t *testing.T) client {
		folder := t.TempDir()
		prepare(t, "go", "go", "vet", "./...")
		prepare(t, "go", "go", "build", "-o", folder, "./internal/scenarios", "./example")
		return client{[]string{filepath.Join(folder, "scenarios")}, []string{filepath.Join(folder, "example")}}
	},
	"python": func(t *testing.T) client {
		return client{[]string{"python3", "-B", sdk(t, "python", "scenarios.py")}, []string{"python3", "-B", sdk(t, "python", "example.py")}}
	},
	"node": func(t *testing.T) client {
		return client{[]string{"node", sdk(t, "node", "scenarios.mjs")}, []string{"node", sdk(t, "node", "example.mjs")}}
	},
	"java": func(t *testing.T) client {
		if _, err := exec.LookPath("javac"); err != nil {
			t.Skip("Java is not installed: apt-get install default-jdk-headless")
		}
		folder := t.TempDir()
		files := []string{"javac", "--release", "11", "-Xlint:all", "-Werror", "-d", folder, sdk(t, "java", "example", "Example.java")}
		for _, part := range []string{"main", "test"} {
			found, err := filepath.Glob(sdk(t, "java", "src", part, "java", "id", "bonafide", "*.java"))
			if err != nil || len(found) == 0 {
				t.Fatalf("the Java client's %s: %v, error %v", part, found, err)
			}
			files = append(files, found...)
		}
		prepare(t, "java", files...)
		return client{[]string{"java", "-cp", folder, "id.bonafide.Scenarios"}, []string{"java", "-cp", folder, "Example"}}
	},
}

// sdk returns a file of a client.
func sdk(t *testing.T, path ...string) string {
	t.Helper()
	name, err := filepath.Abs(filepath.Join(append([]string{root, "sdk"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// prepare runs a command in a client's folder.
func prepare(t *testing.T, language string, command ...string) {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Dir = sdk(t, language)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
}

// output runs a command at the desk and returns what it prints.
func (d desk) output(t *testing.T, command []string, environment ...string) []byte {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Dir = d.folder
	c.Env = append(d.environment, environment...)
	out, err := c.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("%v: %v\n%s%s", command, err, out, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every client does what sdk/scenarios.json asks, against the real server and against the stub, and its example runs.
func TestClients(t *testing.T) {
	text := readFile(t, filepath.Join(root, "sdk", "scenarios.json"))
	s := launch(t, t.TempDir())
	person := portrait(t, frontal, 640, 640, 320, 320, 220)
	media := map[string][]byte{
		"face.jpg": encode(t, person), "group.jpg": photograph(t, 6), "blank.jpg": encode(t, image.NewRGBA(image.Rect(0, 0, 640, 480))),
		"still.mp4": still(t, person, 4), "text.txt": []byte("no picture"), "nothing": []byte("nothing"),
	}
	d := newDesk(t, s, s.key("clients"), nil)
	place(t, filepath.Join(d.folder, "recording.mp4"), media["still.mp4"])
	splice := phraseSplicer(t)
	for language, prepared := range clients {
		t.Run(language, func(t *testing.T) {
			client := prepared(t)
			played := &stub{scenarios: map[string]scenario{}, media: media, spokenPhrase: splice, seen: map[string][]time.Time{}}
			name, scenarios := scenariosFor(t, text, splice != nil, played)
			server := httptest.NewServer(played)
			t.Cleanup(server.Close)
			wantOutcomes(t, scenarios, d.output(t, append(client.runner, name), "BONAFIDE_STUB="+server.URL))
			wantSeen(t, scenarios, played)
			if said := string(d.output(t, client.example)); !regexp.MustCompile(`^say \d{6}\ntry again: .*lips.*\n$`).MatchString(said) {
				t.Errorf("the example said %q", said)
			}
		})
	}
}

// scenariosFor writes the scenarios that can be run here to a file, and returns them. Without spoken phrases, those that need them
// cannot.
func scenariosFor(t *testing.T, text []byte, spokenPhrases bool, played *stub) (name string, scenarios []scenario) {
	t.Helper()
	var all struct {
		Scenarios []json.RawMessage `json:"scenarios"`
	}
	decode(t, string(text), &all)
	var kept []json.RawMessage
	for _, one := range all.Scenarios {
		var s scenario
		decode(t, string(one), &s)
		if s.Needs == "spoken phrase" && !spokenPhrases {
			t.Run(s.Name, func(t *testing.T) { t.Skip("this scenario needs the makers' recordings") })
			continue
		}
		kept, scenarios = append(kept, one), append(scenarios, s)
		played.scenarios[s.Name] = s
	}
	content, err := json.Marshal(map[string]any{"scenarios": kept})
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "scenarios.json", content), scenarios
}

// wantOutcomes holds the lines that a client's runner printed against what the scenarios expect.
func wantOutcomes(t *testing.T, scenarios []scenario, out []byte) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(out))
	for _, s := range scenarios {
		for i, step := range s.Steps {
			var got struct {
				Scenario string
				Step     int
				Outcome  map[string]any
			}
			if !lines.Scan() {
				t.Fatalf("nothing came of %q, step %d", s.Name, i)
			}
			decode(t, lines.Text(), &got)
			if got.Scenario != s.Name || got.Step != i {
				t.Fatalf("%q, step %d, came in place of %q, step %d", got.Scenario, got.Step, s.Name, i)
			}
			for key, want := range step.Expect {
				if !fits(want, got.Outcome[key]) {
					t.Errorf("%q, step %d (%s): %s is %v, want %v; %v", s.Name, i, step.Call, key, got.Outcome[key], want, got.Outcome)
				}
			}
			if _, wanted := step.Expect["error"]; !wanted && got.Outcome["error"] != nil {
				t.Errorf("%q, step %d (%s): %v", s.Name, i, step.Call, got.Outcome)
			}
		}
	}
	if lines.Scan() {
		t.Errorf("more was printed: %s", lines.Text())
	}
}

// fits reports whether a value is the one that is wanted, or matches the pattern that is.
func fits(want, got any) bool {
	if text, ok := want.(string); ok && strings.HasPrefix(text, "~") {
		printed := fmt.Sprint(got)
		if number, ok := got.(float64); ok {
			printed = strconv.FormatFloat(number, 'f', -1, 64)
		}
		return got != nil && regexp.MustCompile(text[1:]).MatchString(printed)
	}
	return reflect.DeepEqual(want, got)
}

// wantSeen holds the requests that the stub saw against what the scenarios allow.
func wantSeen(t *testing.T, scenarios []scenario, played *stub) {
	t.Helper()
	played.mu.Lock()
	defer played.mu.Unlock()
	for _, s := range scenarios {
		seen := played.seen[s.Name]
		if len(seen) != s.Requests {
			t.Errorf("%q: the stub saw %d requests, want %d", s.Name, len(seen), s.Requests)
		}
		for i := 1; i < len(seen); i++ {
			if waited := seen[i].Sub(seen[i-1]).Seconds(); waited < s.Waits {
				t.Errorf("%q: request %d came after %.3f s, want at least %v", s.Name, i+1, waited, s.Waits)
			}
		}
	}
}

// phraseSplicer splices a recording of any phrase; nil without the makers' recordings.
func phraseSplicer(t *testing.T) func(phrase string) ([]byte, error) {
	if _, err := os.Stat(filepath.Join(root, "..", "shared", "data")); err != nil {
		return nil
	}
	return func(phrase string) (video []byte, err error) {
		if !regexp.MustCompile(`^\d+$`).MatchString(phrase) {
			return nil, fmt.Errorf("a phrase %q", phrase)
		}
		return spokenPhrase(t, "s2", phrase), nil
	}
}
