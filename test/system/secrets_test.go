package system

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// secrets must not be in any log of this suite's servers. They are the created credentials and pieces of the sent media, as they
// are and encoded.
var secrets = struct {
	sync.Mutex
	texts map[string]string // what it is, by the text
}{texts: map[string]string{}}

func secret(what string, texts ...string) {
	secrets.Lock()
	defer secrets.Unlock()
	for _, text := range texts {
		if len(text) >= 16 {
			secrets.texts[text] = what
		}
	}
}

// secretBody remembers pieces of a body that carries media.
func secretBody(body []byte) {
	const piece = 36
	if len(body) < 4096 {
		return
	}
	for _, quarter := range []int{1, 2, 3} {
		at := body[quarter*len(body)/4:][:piece]
		if len(bytes.Trim(at, string(at[:1]))) == 0 {
			continue // one byte over and over could stand anywhere
		}
		secret("media", string(at), hex.EncodeToString(at))
		for shift := range 3 { // base64 of a text that the piece stands in, wherever it stands
			encoded := base64.RawStdEncoding.EncodeToString(at[shift:])
			secret("media in base64", encoded[:len(encoded)-4])
		}
	}
}

// madeUp has the form of every secret that the program makes.
var madeUp = regexp.MustCompile(`\b([0-9a-f]{32}|[0-9a-f]{64})\b`)

// ofRequests are the lines that are written for a request, and so must name it.
var ofRequests = map[string]bool{
	"request": true, "verdict": true, "gates": true, "refused": true, "throttled": true, "picture was not fetched": true,
	"video decoder": true, "internal error": true, "panic": true, "not ready": true, "the store does not answer": true,
}

// holdsNoSecret looks through all that a server has logged.
func (s *server) holdsNoSecret() {
	secrets.Lock()
	defer secrets.Unlock()
	for line := range strings.Lines(s.logs.String()) {
		for text, what := range secrets.texts {
			if strings.Contains(line, text) {
				s.t.Errorf("%s stands in the log: %.300s", what, line)
			}
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			continue // the runtime's last words, which the test that made them looks at
		}
		if found := madeUp.FindString(line); found != "" && fields["models"] == nil {
			s.t.Errorf("what looks like a secret stands in the log: %.300s", line)
		}
		if message, _ := fields["msg"].(string); ofRequests[message] && fields["request_id"] == nil {
			s.t.Errorf("the line does not name its request: %.300s", line)
		}
	}
}

func TestTheSearchForSecretsFindsThem(t *testing.T) {
	picture := bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz"), 200)
	secretBody(picture)
	secret("key", "a-secret-of-this-test-alone")
	found := func(log string) bool {
		inner := &server{t: &silent{TB: t}, logs: &lockedBuffer{}}
		inner.logs.Write([]byte(log + "\n"))
		inner.holdsNoSecret()
		return inner.t.(*silent).failed
	}
	for _, log := range []string{
		`{"msg":"x","a":"a-secret-of-this-test-alone"}`, `{"msg":"x","a":"` + string(picture[:200]) + `"}`,
		`{"msg":"x","a":"` + base64.StdEncoding.EncodeToString(picture[:201]) + `"}`, `{"msg":"x","a":"` + base64.StdEncoding.EncodeToString(picture[1:301]) + `"}`,
		`{"msg":"x","a":"` + hex.EncodeToString(picture[:200]) + `"}`, `{"msg":"x","a":"38332b622aea11e8b103a860b60304d5"}`, `{"msg":"request"}`,
	} {
		if !found(log) {
			t.Errorf("nothing was found in %s", log)
		}
	}
	if log := `{"msg":"request","request_id":"c6bb825f-5d1c-4d4e-8a0c-2f5f5f5f5f5f"}`; found(log) {
		t.Errorf("something was found in %s", log)
	}
}

// silent is a test that takes note of its failure only.
type silent struct {
	testing.TB
	failed bool
}

func (s *silent) Errorf(string, ...any) { s.failed = true }
