package system

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fence is a block of code in a page: its language, a word after it, and its text.
var fence = regexp.MustCompile("(?ms)^```(\\w+) (\\w+)=(\\S+)\n(.*?)^```$")

// samples returns the blocks of a page with the mark file=NAME, by name. It also returns the example replies with the mark
// reply=NAME, in the page's order.
func samples(t *testing.T, page string) (files map[string]string, replies map[string][]string) {
	t.Helper()
	text := readFile(t, filepath.Join(root, "docs", page))
	files, replies = map[string]string{}, map[string][]string{}
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		name, body := block[3], block[4]
		switch block[2] {
		case "file":
			files[name] = body
		case "reply":
			replies[name] = append(replies[name], body)
		}
	}
	return files, replies
}

// desk is a folder in which a page's samples run, with their files beside them and the server's address and
// credentials in the environment.
type desk struct {
	folder      string
	environment []string
	files       map[string]string
}

func newDesk(t *testing.T, s *server, c credentials, files map[string]string) desk {
	t.Helper()
	d := desk{folder: t.TempDir(), files: files}
	d.environment = append(os.Environ(), "BONAFIDE_URL="+s.url, "BONAFIDE_API_KEY="+c.APIKey, "BONAFIDE_APP_ID="+c.AppID,
		"BONAFIDE_APP_KEY="+c.AppKey, "BONAFIDE_USERNAME="+c.Username, "BONAFIDE_PASSWORD="+c.Password)
	for name, text := range files {
		place(t, filepath.Join(d.folder, name), []byte(text))
	}
	selfie := encode(t, portrait(t, frontal, 640, 640, 320, 320, 220))
	place(t, filepath.Join(d.folder, "selfie.jpg"), selfie)
	place(t, filepath.Join(d.folder, "face.jpg"), selfie)
	return d
}

func place(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs one of the page's samples and returns what it prints.
func (d desk) run(t *testing.T, name string, environment ...string) string {
	t.Helper()
	if _, ok := d.files[name]; !ok {
		t.Fatalf("the page has no sample %s", name)
	}
	arguments := []string{name}
	if filepath.Ext(name) == ".go" {
		arguments = []string{"run", name}
	}
	command := exec.Command(interpreterOf(t, name), arguments...)
	command.Dir = d.folder
	command.Env = append(d.environment, environment...)
	out, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("%s: %v\n%s%s", name, err, out, failed.Stderr)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// interpreterOf returns the command that runs a sample; a language that is not installed skips its test.
func interpreterOf(t *testing.T, name string) string {
	t.Helper()
	switch filepath.Ext(name) {
	case ".sh":
		return "bash"
	case ".go":
		return "go"
	case ".mjs":
		return "node"
	case ".java":
		if _, err := exec.LookPath("javac"); err != nil {
			t.Skip("Java is not installed: apt-get install default-jdk-headless")
		}
		return "java"
	case ".py":
		if python() == "" {
			t.Skip("Python's requests is not installed: apt-get install python3-requests")
		}
		return python()
	}
	t.Fatalf("nothing runs %s", name)
	return ""
}

// python is a Python that has the package requests; "" where there is none.
var python = sync.OnceValue(func() string {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import requests").Run() == nil {
			return python
		}
	}
	return ""
})

// outline returns a JSON text's keys in their order, without the values: {"a":1,"b":[{"c":2},{"c":3}]} is {a b[{c}]}.
func outline(t *testing.T, text string) string {
	t.Helper()
	out, err := outlineValue(json.NewDecoder(strings.NewReader(text)))
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return out
}

func outlineValue(in *json.Decoder) (string, error) {
	token, err := in.Token()
	if err != nil {
		return "", err
	}
	var parts []string
	switch token {
	case json.Delim('{'):
		for in.More() {
			key, err := in.Token()
			if err != nil {
				return "", err
			}
			value, err := outlineValue(in)
			if err != nil {
				return "", err
			}
			parts = append(parts, key.(string)+value)
		}
		_, err = in.Token()
		return "{" + strings.Join(parts, " ") + "}", err
	case json.Delim('['):
		for in.More() {
			value, err := outlineValue(in)
			if err != nil {
				return "", err
			}
			if len(parts) == 0 {
				parts = append(parts, value)
			}
		}
		_, err = in.Token()
		return "[" + strings.Join(parts, "") + "]", err
	}
	return "", nil
}

// sameOutline holds the examples of a page against what the server says.
func sameOutline(t *testing.T, examples []string, got string) {
	t.Helper()
	if len(examples) == 0 {
		t.Error("the page has no such example")
	}
	for _, example := range examples {
		if want := outline(t, example); outline(t, got) != want {
			t.Errorf("the page prints %s\nthe server answers %s", want, got)
		}
	}
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(text))
	if err := in.Decode(into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if _, err := in.Token(); err != io.EOF {
		t.Fatalf("more than one value in %q", text)
	}
}

// checkScoreLine holds a sample's line, such as "not live 0.25", against the words and the score that the server gave.
func checkScoreLine(t *testing.T, line, words string, score float64) {
	t.Helper()
	last := strings.LastIndexByte(line, ' ')
	got, err := strconv.ParseFloat(line[last+1:], 64)
	if err != nil || line[:max(last, 0)] != words || got != score {
		t.Errorf("it printed %q, the server says %s %v", line, words, score)
	}
}

func TestSamples(t *testing.T) {
	s := launch(t, t.TempDir())
	c := s.key("samples")
	t.Run("LipSecure", func(t *testing.T) { sampleLipSecure(t, s, c) })
	t.Run("selfie liveness", func(t *testing.T) { sampleSelfieLiveness(t, s, c) })
	t.Run("face liveness", func(t *testing.T) { sampleFaceLiveness(t, s, c) })
	t.Run("metrics", func(t *testing.T) { sameMetrics(t, s) })
}

// sameMetrics holds the metrics that the page of operations explains against those that the server shows.
func sameMetrics(t *testing.T, s *server) {
	text := string(readFile(t, filepath.Join(root, "docs", "operations.md")))
	shown := string(s.must("GET", "/metrics", "", nil, nil).body)
	explained := regexp.MustCompile("(?m)^\\| `(bonafide_\\w+)` \\|").FindAllStringSubmatch(text, -1)
	for _, name := range explained {
		if !strings.Contains(shown, "\n# TYPE "+name[1]+" ") {
			t.Errorf("the server does not show %s", name[1])
		}
	}
	if shows := strings.Count(shown, "\n# TYPE bonafide_"); shows != len(explained) {
		t.Errorf("the server shows %d metrics of its own, the page explains %d", shows, len(explained))
	}
}

func sampleLipSecure(t *testing.T, s *server, c credentials) {
	files, replies := samples(t, "lipsecure.md")
	d := newDesk(t, s, c, files)
	// A picture that is held still: the server must not take it for a person who speaks.
	place(t, filepath.Join(d.folder, "recording.mp4"), still(t, portrait(t, frontal, 640, 640, 320, 320, 220), 5))

	type answer struct {
		TransactionID string  `json:"transactionId"`
		Phrase        string  `json:"phrase"`
		Score         float64 `json:"score"`
		Error         struct {
			Type    string `json:"type"`
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	var challenge, verdict answer
	text := d.run(t, "challenge.sh")
	sameOutline(t, replies["challenge"], text)
	decode(t, text, &challenge)
	text = d.run(t, "verifier.sh", "TRANSACTION="+challenge.TransactionID)
	sameOutline(t, replies["verifier"], text)
	decode(t, text, &verdict)
	if verdict.Phrase != challenge.Phrase || verdict.Score >= 98 {
		t.Fatalf("the phrase is %s, the verdict %+v", challenge.Phrase, verdict)
	}

	for _, name := range []string{"lipsecure.sh", "lipsecure.py", "lipsecure.mjs", "LipSecure.java", "lipsecure.go"} {
		t.Run(name, func(t *testing.T) {
			said, got, _ := strings.Cut(d.run(t, name), "\n")
			if !regexp.MustCompile(`^say \d{6}$`).MatchString(said) {
				t.Errorf("the first line is %q", said)
			}
			switch verdict.Error.Type {
			case "user":
				if got != "try again: "+verdict.Error.Message {
					t.Errorf("it printed %q, curl %+v", got, verdict)
				}
			case "": // the score depends on the phrase, which is another one
				if !regexp.MustCompile(`^not live \d+(\.\d)?$`).MatchString(got) {
					t.Errorf("it printed %q, curl %+v", got, verdict)
				}
			default:
				t.Errorf("curl got %+v", verdict)
			}
		})
	}
}

func sampleSelfieLiveness(t *testing.T, s *server, c credentials) {
	files, replies := samples(t, "selfie-liveness.md")
	d := newDesk(t, s, c, files)

	text := d.run(t, "selfie.sh")
	sameOutline(t, replies["selfie"], text)
	var answer struct {
		Code int `json:"response_code"`
		Data struct {
			Score float64    `json:"faces_liveness"`
			Faces []struct{} `json:"faces_predicted"`
		} `json:"response_data"`
	}
	decode(t, text, &answer)
	if len(answer.Data.Faces) != 1 || (answer.Code == 0) != (answer.Data.Score >= 0.6) {
		t.Fatalf("the server answers %s", text)
	}
	words := map[int]string{0: "live", 2: "not live"}[answer.Code]
	for _, name := range []string{"live.sh", "selfie.py", "selfie.mjs", "Selfie.java", "selfie.go"} {
		t.Run(name, func(t *testing.T) { checkScoreLine(t, d.run(t, name), words, answer.Data.Score) })
	}

	contentType, body := form(t, "picture", "selfie.jpg", photograph(t, 3), nil)
	refused := s.must("POST", "/liveness-verification", contentType, body, map[string]string{"app_id": c.AppID, "app_key": c.AppKey})
	sameOutline(t, replies["selfie-error"], string(refused.body))
}

func sampleFaceLiveness(t *testing.T, s *server, c credentials) {
	files, replies := samples(t, "face-liveness.md")
	d := newDesk(t, s, c, files)

	type answer struct {
		HasError bool    `json:"hasError"`
		Error    string  `json:"error"`
		Score    float64 `json:"score"`
	}
	languages := []string{"verdict.sh", "face.py", "face.mjs", "Face.java", "face.go"}
	t.Run("scored", func(t *testing.T) {
		text := d.run(t, "face.sh")
		sameOutline(t, replies["face"], text)
		var got answer
		decode(t, text, &got)
		words := "not live"
		if got.Score >= 0.5 {
			words = "live"
		}
		for _, name := range languages {
			t.Run(name, func(t *testing.T) { checkScoreLine(t, d.run(t, name), words, got.Score) })
		}
	})
	t.Run("face error", func(t *testing.T) {
		group := photograph(t, 6)
		place(t, filepath.Join(d.folder, "face.jpg"), group)
		text := d.run(t, "face.sh")
		sameOutline(t, replies["face-error"], text)
		var got answer
		decode(t, text, &got)
		if got.Error != "TOO_MANY_FACES" {
			t.Errorf("four faces: %s", text)
		}
		if direct := s.faceLiveness(c, base64.StdEncoding.EncodeToString(group)); outline(t, string(direct.body)) != outline(t, text) {
			t.Errorf("curl got %s, this test %s", text, direct.body)
		}
		for _, name := range languages {
			t.Run(name, func(t *testing.T) {
				if line := d.run(t, name); line != "error "+got.Error {
					t.Errorf("it printed %q, curl got %s", line, text)
				}
			})
		}
	})
}
