// Package contract compares the server with the printed examples and tables of the three published protocols. Store, accounts,
// challenges, routes, limits and connection are real; the models are not. Only the pixels are missing: a fake checker gives the
// verdict that a case asks for.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/challenge"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/protocol"
	"github.com/bonafide-id/bonafide/internal/protocol/capture"
	"github.com/bonafide-id/bonafide/internal/protocol/faceliveness"
	"github.com/bonafide-id/bonafide/internal/protocol/lipsecure"
	"github.com/bonafide-id/bonafide/internal/protocol/selfie"
	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/internal/server"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
	"github.com/bonafide-id/bonafide/liveness"
)

// The limits of the server under test: small, so that a body over them is too.
const pictureBytes, recordingBytes = 32 << 10, 64 << 10

// rig is a server, one account on it, and what the next check will say.
type rig struct {
	t           *testing.T
	url         string
	server      *server.Server
	protocols   []protocol.Protocol // all that are mounted
	accounts    *account.Accounts
	challenges  *challenge.Challenges
	store       *sqlite.Store
	credentials account.Credentials
	account     account.Account
	log         *safeBuffer

	mu  sync.Mutex
	now time.Time

	// checked is called for every check, with the media and what came with it.
	checked func(ctx context.Context, seen seen) (liveness.Verdict, error)
	// fetched is what fetching a URL gives.
	fetched func(url string) ([]byte, error)
	// charged is what a fetch costs, in bytes.
	charged int64
}

// seen is what a check was asked.
type seen struct {
	data      []byte
	phrase    string
	threshold float64
	largest   bool
	limits    *quality.Limits
	prompted  []time.Duration
}

func (r *rig) CheckPicture(ctx context.Context, data []byte, o check.PictureOptions) (liveness.Verdict, error) {
	return r.checked(ctx, seen{data: data, threshold: o.Threshold, largest: o.LargestFace, limits: o.Limits})
}

func (r *rig) CheckRecording(ctx context.Context, data []byte, phrase string, o check.RecordingOptions) (liveness.Verdict, error) {
	return r.checked(ctx, seen{data: data, phrase: phrase, threshold: o.Threshold, prompted: o.Prompted})
}

func (r *rig) Fetch(_ context.Context, url string, charge func(bytes int64) error) ([]byte, error) {
	if err := charge(r.charged); err != nil {
		return nil, err
	}
	return r.fetched(url)
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advanceClock(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// safeBuffer is a buffer that many write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const accountName = "shop"

func newRig(t *testing.T) *rig {
	t.Helper()
	pool := server.Pool{Workers: 4, Queue: 16, Wait: 10 * time.Second}
	return newRigWith(t, server.Config{Pictures: pool, Recordings: pool})
}

func newRigWith(t *testing.T, c server.Config) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Now(), log: &safeBuffer{}}
	r.says(verdict(0.987))
	s, err := sqlite.Open(t.Context(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r.store = s
	r.accounts = account.New(s, account.Defaults{PictureThreshold: 0.5, RecordingThreshold: 0.98, RetentionDays: 30}, r.clock)
	if r.credentials, err = r.accounts.CreateKey(t.Context(), accountName, account.Limits{}); err != nil {
		t.Fatal(err)
	}
	if r.account, err = r.accounts.Authenticate(t.Context(), account.LipSecure, "", r.credentials.APIKey); err != nil {
		t.Fatal(err)
	}
	if r.challenges, err = challenge.New(s, challenge.Config{Now: r.clock}); err != nil {
		t.Fatal(err)
	}
	c.PictureBytes, c.RecordingBytes = pictureBytes, recordingBytes
	r.server = server.New(c, slog.New(slog.NewJSONHandler(r.log, nil)))
	admission := r.server.LimitChecker(r)
	r.protocols = []protocol.Protocol{
		lipsecure.New(r.accounts, r.challenges, admission),
		selfie.New(r.accounts, admission),
		faceliveness.New(r.accounts, admission, r),
		capture.New(r.accounts, r.challenges, admission, r.clock),
	}
	r.server.Mount(r.protocols...)
	listener := httptest.NewServer(r.server.Handler())
	t.Cleanup(listener.Close)
	t.Cleanup(r.logHoldsNoSecret)
	r.url = listener.URL
	return r
}

// marker is in every picture and video that the tests send, and so is in no log.
const marker = "media-marker"

func (r *rig) logHoldsNoSecret() {
	log := r.log.String()
	for _, secret := range []string{r.credentials.APIKey, r.credentials.AppKey, r.credentials.Password, marker} {
		if strings.Contains(log, secret) {
			r.t.Errorf("the log holds the secret or media %q", secret)
		}
	}
}

// says makes every check end in the verdict.
func (r *rig) says(v liveness.Verdict) {
	r.checked = func(context.Context, seen) (liveness.Verdict, error) { return v, nil }
}

// verdict returns one with a score, judged at 0.5.
func verdict(score float64) liveness.Verdict {
	s := liveness.Score(score)
	outcome := liveness.Attack
	if score >= 0.5 {
		outcome = liveness.Live
	}
	return liveness.Verdict{Outcome: outcome, Score: &s, Threshold: 0.5, Width: 95, Height: 71}
}

// undecidedVerdict returns one that a gate ended.
func undecidedVerdict(reason liveness.Reason) liveness.Verdict {
	return liveness.Verdict{Outcome: liveness.Undecided, Reason: reason, Threshold: 0.5, Width: 95, Height: 71}
}

// reply is a reply as it came.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// header sets a header of a request; an empty value leaves it out.
type header [2]string

func (r *rig) send(method, path, contentType string, body io.Reader, headers ...header) reply {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for _, h := range headers {
		request.Header[h[0]] = []string{h[1]} // as it is written: neither canonical nor merged
	}
	return r.do(request)
}

func (r *rig) do(request *http.Request) reply {
	r.t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	got := reply{r.t, response.StatusCode, response.Header, string(content)}
	got.wantDescribed(request)
	got.wantHeader("Content-Type", `^application/json$`)
	got.wantHeader("X-Request-Id", `^`+uuid4+`$`)
	got.wantHeader("X-Content-Type-Options", `^nosniff$`)
	got.wantHeader("Cache-Control", `^no-store$`)
	got.wantHeader("Content-Security-Policy", `^default-src 'none'; frame-ancestors 'none'$`)
	got.wantHeader("Referrer-Policy", `^no-referrer$`)
	return got
}

const uuid4 = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`

// want holds the status and the body, every byte of it, against a pattern in which only what is written as <...> is a
// regular expression.
func (got reply) want(status int, pattern string) reply {
	got.t.Helper()
	if got.status != status {
		got.t.Errorf("status %d, want %d; body %s", got.status, status, got.body)
	}
	if !compile(pattern).MatchString(got.body) {
		got.t.Errorf("body\n%s\ndoes not match\n%s", got.body, pattern)
	}
	return got
}

func compile(pattern string) *regexp.Regexp {
	parts := regexp.MustCompile(`<[^<>]*>`)
	var whole strings.Builder
	whole.WriteString(`^`)
	end := 0
	for _, at := range parts.FindAllStringIndex(pattern, -1) {
		whole.WriteString(regexp.QuoteMeta(pattern[end:at[0]]))
		whole.WriteString(pattern[at[0]+1 : at[1]-1])
		end = at[1]
	}
	whole.WriteString(regexp.QuoteMeta(pattern[end:]) + `$`)
	return regexp.MustCompile(whole.String())
}

func (got reply) wantHeader(name, pattern string) reply {
	got.t.Helper()
	if value := got.header.Get(name); !regexp.MustCompile(pattern).MatchString(value) {
		got.t.Errorf("header %s is %q, want %s; status %d", name, value, pattern, got.status)
	}
	return got
}

// part is one part of a form; a filename makes it a file.
type part struct{ name, filename, content string }

func form(parts ...part) (contentType string, body *bytes.Buffer) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, p := range parts {
		var into io.Writer
		var err error
		if p.filename == "" {
			into, err = w.CreateFormField(p.name)
		} else {
			into, err = w.CreateFormFile(p.name, p.filename)
		}
		if err != nil {
			panic(err)
		}
		io.WriteString(into, p.content)
	}
	w.Close()
	return w.FormDataContentType(), body
}

// records returns how many checks the account has had kept and counted.
func (r *rig) records() int {
	r.t.Helper()
	kept, err := r.store.Records(context.Background(), r.account.ID, 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(kept)
}

func (r *rig) changeSettings(s account.Settings) {
	r.t.Helper()
	if err := r.accounts.SetSettings(context.Background(), accountName, s); err != nil {
		r.t.Fatal(err)
	}
}

// logLine returns the first line of the log that has all of the texts.
func (r *rig) logLine(texts ...string) string {
	r.t.Helper()
next:
	for line := range strings.Lines(r.log.String()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue next
			}
		}
		if !json.Valid([]byte(line)) {
			r.t.Errorf("log line is no JSON: %s", line)
		}
		return line
	}
	r.t.Errorf("no line of the log has %q; log:\n%s", texts, r.log.String())
	return ""
}

// publishedText returns one of the published texts, which stand beside a developer's checkout.
func publishedText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "spec", name))
	if err != nil {
		t.Skipf("the published text is not here: %v", err)
	}
	return string(text)
}

// keys returns the keys of all objects of a JSON text, which may be torn, in the order of the text.
func keys(text string) string {
	var found []string
	for _, match := range regexp.MustCompile(`"(\w+)"\s*:`).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return strings.Join(found, " ")
}

// textBetween returns the text from after one mark to before another.
func textBetween(t *testing.T, text, from, to string) string {
	t.Helper()
	_, text, found := strings.Cut(text, from)
	text, _, ended := strings.Cut(text, to)
	if !found || !ended {
		t.Fatalf("the published text has nothing between %q and %q", from, to)
	}
	return text
}

func jsonBody(format string, args ...any) io.Reader {
	return strings.NewReader(fmt.Sprintf(format, args...))
}
