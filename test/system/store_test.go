package system

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bonafide-id/bonafide/internal/store/postgres/postgrestest"
)

// An operator's day: limits for a key, what was used, one person erased, then the move to PostgreSQL.
func TestFromTheEmbeddedStoreToPostgreSQL(t *testing.T) {
	database := postgrestest.Start(t)
	s := launch(t, t.TempDir())
	c := s.key("shop")
	picture := base64.StdEncoding.EncodeToString(encode(t, portrait(t, frontal, 640, 480, 320, 240, 200)))
	for range 2 {
		if r := s.faceLiveness(c, picture); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	boundKeys(t, s)
	selfie := s.selfie(c, encode(t, portrait(t, frontal, 640, 480, 320, 240, 200)), "0.5")
	request, _ := selfie.json(t)["api_req_uid"].(string)
	id, _ := s.challenge(c)
	if r, err := s.verify(c, id, still(t, portrait(t, frontal, 640, 480, 320, 240, 200), 3)); err != nil || r.status != http.StatusOK {
		t.Fatal(err, r.status)
	}
	for _, erased := range []struct{ flag, name, want string }{
		{"--session", session, "records 2, transactions 0"},
		{"--transaction", id, "records 1, transactions 1"},
		{"--request", request, "records 1, transactions 0"},
	} {
		if !holds(t, s.data, erased.name) {
			t.Errorf("%s is not kept: the test proves nothing", erased.name)
		}
		if out := s.manage("erase", "shop", erased.flag, erased.name); !strings.Contains(out, erased.want) {
			t.Errorf("erase %s printed %q, want %s", erased.flag, out, erased.want)
		}
		if holds(t, s.data, erased.name) {
			t.Errorf("%s %s stands in the files", erased.flag, erased.name)
		}
	}
	before := s.manage("usage", "shop", "--json")
	var usage []struct {
		Protocol string `json:"protocol"`
		Checks   int64  `json:"checks"`
	}
	if err := json.Unmarshal([]byte(before), &usage); err != nil || len(usage) != 3 {
		t.Errorf("usage %s, error %v", before, err)
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.exited

	moved := &server{t: t, data: s.data, store: database.URL("postgres")}
	if out := moved.manage("store", "copy"); !strings.Contains(out, "row counts match") || !strings.Contains(out, "5 keys") || !strings.Contains(out, "3 usage") {
		t.Errorf("store copy printed %q", out)
	}
	if out, err := moved.run("store", "copy").CombinedOutput(); err == nil || !strings.Contains(string(out), "not empty") {
		t.Errorf("the second copy: %v, %q", err, out)
	}
	there := replica(t, database.URL("postgres"))
	if r := there.selfie(c, encode(t, portrait(t, frontal, 640, 480, 320, 240, 200)), "0.5"); r.status != http.StatusOK {
		t.Errorf("the key of the embedded store: %d %s", r.status, r.body)
	}
	if after := there.manage("usage", "shop", "--csv"); !strings.Contains(after, "faceliveness,2\n") || !strings.Contains(after, "selfie,2\n") {
		t.Errorf("usage before %s after %s", before, after)
	}
}

// session is the sessionId of the harness.
const session = "bbbf9002-c3a2-4308-b103-d80b9f5a2b84"

// boundKeys makes keys with limits, while the server runs, and uses them.
func boundKeys(t *testing.T, s *server) {
	t.Helper()
	make := func(flags ...string) (c credentials) {
		t.Helper()
		out := s.manage(append([]string{"key", "create", "--account", "bound", "--json"}, flags...)...)
		if err := json.Unmarshal([]byte(out), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, bound := range []struct {
		name string
		c    credentials
		want int
	}{
		{"of this network", make("--networks", "127.0.0.0/8,::1/128"), http.StatusOK},
		{"of another network", make("--networks", "192.0.2.0/24"), http.StatusUnauthorized},
		{"for another protocol", make("--scope", "selfie,faceliveness"), http.StatusUnauthorized},
		{"that ends in 2099", make("--expires", "2099-01-01"), http.StatusOK},
	} {
		if r := s.must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": bound.c.APIKey}); r.status != bound.want {
			t.Errorf("a key %s: %d, want %d", bound.name, r.status, bound.want)
		}
	}
	if log := s.logs.String(); !strings.Contains(log, "is not for calls from 127.0.0.1") {
		t.Error("the log does not say why the key was refused")
	}
	if keys := s.manage("key", "list"); !strings.Contains(keys, "192.0.2.0/24") || !strings.Contains(keys, "2099-01-01") || !strings.Contains(keys, "faceliveness,selfie") {
		t.Errorf("key list printed\n%s", keys)
	}
}

// holds reports whether the text stands in any file of the folder.
func holds(t *testing.T, folder, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

func TestAMistypedFolderIsNotMade(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "mistyped")
	for _, command := range [][]string{{"key", "list"}, {"account", "list"}, {"account", "set", "a", "--rate", "1"}, {"usage"}, {"erase", "a", "--session", "s"}} {
		out, err := exec.Command(program, append(command, "--data", folder)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "mistyped") {
			t.Errorf("%v: %v, %q", command, err, out)
		}
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder was made")
	}
}
