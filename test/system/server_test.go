package system

import (
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestFirstAccountIsPrintedOnce(t *testing.T) {
	data := t.TempDir()
	s := launch(t, data, "--first-account", "default")
	printed := s.out.String()
	for _, want := range []string{"X-API-Key: ", "app_id: ", "app_key: ", "/challenge", "/liveness-verification", "/api/v1/face/liveness"} {
		if !strings.Contains(printed, want) {
			t.Errorf("the first start does not print %q:\n%s", want, printed)
		}
	}
	s.kill()
	again := launch(t, data, "--first-account", "default")
	if out := again.out.String(); strings.Contains(out, "X-API-Key") {
		t.Errorf("the second start prints credentials again:\n%s", out)
	}
}

func TestModelsThatAreMissingOrAlteredStopTheStart(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(models(t))); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.onnx"))
	if err != nil || len(names) < 2 {
		t.Fatalf("found %v: %v", names, err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	altered := readFile(t, names[1])
	altered[len(altered)/2] ^= 1
	if err := os.WriteFile(names[1], altered, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--models", folder).CombinedOutput()
	if err == nil {
		t.Fatal("the server started")
	}
	for _, want := range []string{filepath.Base(names[0]), filepath.Base(names[1]), "models fetch"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the message does not name %q:\n%s", want, out)
		}
	}
}

func TestFaultsOfTheSettingsAreAllReported(t *testing.T) {
	file := write(t, "bonafide.yaml", []byte("challenge:\n  digits: many\npicture-wurkers: 3\n"))
	command := exec.Command(program, "serve", "--config", file)
	command.Env = append(os.Environ(), "BONAFIDE_CHALLENGE_LIFE=long")
	out, err := command.CombinedOutput()
	if err == nil {
		t.Fatal("the server started")
	}
	for _, want := range []string{"challenge-digits", "picture-wurkers", "BONAFIDE_CHALLENGE_LIFE"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the message does not name %q:\n%s", want, out)
		}
	}
}

func TestPictures(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("pictures")
	alone := encode(t, portrait(t, frontal, 640, 480, 320, 240, 200))

	selfie := s.selfie(c, alone, "0.5")
	data, _ := selfie.json(t)["response_data"].(map[string]any)
	if selfie.status != http.StatusOK || data == nil {
		t.Fatalf("selfie: %d %s", selfie.status, selfie.body)
	}
	if faces := data["faces_predicted"].([]any); len(faces) != 1 {
		t.Errorf("one person, but %d faces: %s", len(faces), selfie.body)
	}
	if score := data["faces_liveness"].(float64); score <= 0 || score >= 1 {
		t.Errorf("the score of a real face is %v", score)
	}

	group := s.faceLiveness(c, base64.StdEncoding.EncodeToString(photograph(t, 6)))
	if group.status != http.StatusOK || group.json(t)["error"] != "TOO_MANY_FACES" {
		t.Errorf("a group: %d %s", group.status, group.body)
	}
	private := s.faceLiveness(c, s.url+"/healthz")
	if private.json(t)["error"] != "IMAGE_NOT_FETCHED" {
		t.Errorf("a URL of this machine: %d %s", private.status, private.body)
	}
	text := s.faceLiveness(c, base64.StdEncoding.EncodeToString([]byte("this is no picture at all")))
	if text.json(t)["error"] != "IMAGE_NOT_READABLE" {
		t.Errorf("text for a picture: %d %s", text.status, text.body)
	}
}

func TestARevokedKeyIsRefusedImmediately(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("revoked")
	s.challenge(c)
	if out, err := exec.Command(program, "key", "revoke", "--account", "revoked", "--data", s.data).CombinedOutput(); err != nil {
		t.Fatalf("key revoke: %v\n%s", err, out)
	}
	if r := s.must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey}); r.status != http.StatusUnauthorized {
		t.Errorf("a revoked key: %d %s", r.status, r.body)
	}
}

func TestAStillPictureIsNotAccepted(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("still")
	id, _ := s.challenge(c)
	r, err := s.verify(c, id, still(t, portrait(t, frontal, 640, 480, 320, 240, 200), 4))
	if err != nil {
		t.Fatal(err)
	}
	if score := r.json(t)["score"].(float64); r.status != http.StatusOK || score >= 50 {
		t.Errorf("a still picture: %d %s", r.status, r.body)
	}
}

func TestKilledInMidVerification(t *testing.T) {
	data := t.TempDir()
	video := still(t, portrait(t, frontal, 640, 480, 320, 240, 200), 6)
	for round := range 6 {
		s := launch(t, data, "--challenge-tries", "20")
		c := s.key("killed")
		id, _ := s.challenge(c)
		answered := make(chan reply, 1)
		go func() {
			r, err := s.verify(c, id, video)
			if err == nil {
				answered <- r
			}
			close(answered)
		}()
		time.Sleep(time.Duration(round*130) * time.Millisecond)
		s.kill()
		<-answered

		// The video of a still picture ends in a user error, which leaves the transaction open. Whatever the kill interrupted,
		// the next video must be accepted.
		s = launch(t, data, "--challenge-tries", "20")
		second, err := s.verify(c, id, video)
		if err != nil {
			t.Fatal(err)
		}
		if second.status != http.StatusOK {
			t.Errorf("round %d: the transaction is half-spent: %d %s", round, second.status, second.body)
		}
		s.kill()
	}
}

func TestAStopFinishesWhatRuns(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("stop")
	id, _ := s.challenge(c)
	video := still(t, portrait(t, frontal, 640, 480, 320, 240, 200), 8)
	answered := make(chan error, 1)
	go func() {
		r, err := s.verify(c, id, video)
		if err == nil && r.status != http.StatusOK {
			t.Errorf("during the stop: %d %s", r.status, r.body)
		}
		answered <- err
	}()
	time.Sleep(150 * time.Millisecond)
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the running request was cut off: %v\n%s", err, s.logs)
	}
	<-s.exited
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d after SIGTERM", code)
	}
}

func TestAFullQueueAnswersImmediately(t *testing.T) {
	s := launch(t, t.TempDir(), "--recording-workers", "1", "--recording-queue", "0")
	c := s.key("full")
	video := still(t, portrait(t, frontal, 640, 480, 320, 240, 200), 8)
	var ids []string
	for range 5 {
		id, _ := s.challenge(c)
		ids = append(ids, id)
	}
	replies := make([]reply, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Add(1)
		go func() {
			defer all.Done()
			r, err := s.verify(c, id, video)
			if err != nil {
				t.Error(err)
			}
			replies[i] = r
		}()
	}
	all.Wait()
	refused, answered := 0, 0
	for _, r := range replies {
		switch r.status {
		case http.StatusOK:
			answered++
		case http.StatusServiceUnavailable:
			refused++
			if r.header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		default:
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if answered == 0 || refused == 0 {
		t.Errorf("%d answered and %d refused of %d at the same time with one worker and no queue", answered, refused, len(ids))
	}
}

func TestLogsHoldNoSecretsAndNoMedia(t *testing.T) {
	s := launch(t, t.TempDir(), "--log-level", "debug")
	c := s.key("logs")
	picture := encode(t, portrait(t, frontal, 640, 480, 320, 240, 200))
	s.selfie(c, picture, "0.5")
	encoded := base64.StdEncoding.EncodeToString(picture)
	s.faceLiveness(c, encoded)
	s.challenge(c)
	s.must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": "a-wrong-key-that-must-not-be-logged"})
	logs := s.logs.String() + s.out.String()
	if !strings.Contains(logs, "/liveness-verification") {
		t.Fatalf("the requests were not logged at all:\n%s", logs)
	}
	for name, secret := range map[string]string{
		"API key": c.APIKey, "app key": c.AppKey, "password": c.Password, "wrong key": "a-wrong-key-that-must-not-be-logged",
		"picture": encoded[200:240],
	} {
		if strings.Contains(logs, secret) {
			t.Errorf("the %s stands in the log", name)
		}
	}
}

// The shipped weights may have been trained on these people's lips. So this tests the whole way, not the accuracy, which
// `bonafide eval phrase` measures on held-out people.
func TestTheRightPhraseScoresAboveAnother(t *testing.T) {
	s := launch(t, t.TempDir(), "--challenge-digits", "6")
	c := s.key("lips")
	id, phrase := s.challenge(c)
	right, err := s.verify(c, id, spokenPhrase(t, "s1", phrase))
	if err != nil {
		t.Fatal(err)
	}
	id, phrase = s.challenge(c)
	other := strings.Map(func(d rune) rune { return '0' + (d-'0'+5)%10 }, phrase)
	wrong, err := s.verify(c, id, spokenPhrase(t, "s1", other))
	if err != nil {
		t.Fatal(err)
	}
	a, b := right.json(t), wrong.json(t)
	if a["score"].(float64) <= b["score"].(float64) {
		t.Errorf("right phrase: %s\nother phrase: %s", right.body, wrong.body)
	}
	again, err := s.verify(c, a["transactionId"].(string), []byte("anything"))
	if err != nil {
		t.Fatal(err)
	}
	if again.status != http.StatusBadRequest {
		t.Errorf("a second video for a spent transaction: %d %s", again.status, again.body)
	}
}
