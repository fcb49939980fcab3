package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
	"github.com/bonafide-id/bonafide/liveness"
)

const password = "correct horse battery"

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// rig is a console on a real store with a clock that the test sets.
type rig struct {
	t     *testing.T
	url   string
	store *sqlite.Store
	now   time.Time
	log   bytes.Buffer
	// cookie is the session's; "": none.
	cookie string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: noon}
	s, err := sqlite.Open(t.Context(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r.store = s
	clock := func() time.Time { return r.now }
	accounts := account.New(s, account.Defaults{PictureThreshold: 0.5, RecordingThreshold: 0.98, RetentionDays: 30}, clock)
	c, err := New(accounts, password, slog.New(slog.NewJSONHandler(&r.log, nil)), clock)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(c)
	t.Cleanup(listener.Close)
	r.url = listener.URL
	for _, name := range []string{"shop", "bank"} {
		if _, err := accounts.CreateKey(t.Context(), name, account.Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// addRecord adds a record; a score under 0 is none.
func (r *rig) addRecord(name, protocol string, at time.Time, outcome liveness.Outcome, score float64, reason liveness.Reason) {
	r.t.Helper()
	acct, err := r.store.AccountByName(context.Background(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	record := store.Record{ID: fmt.Sprint(name, protocol, at, score, reason), Account: acct.ID, Protocol: protocol, At: at, Outcome: outcome,
		Threshold: 0.5, Reason: reason, Gates: []liveness.Gate{liveness.AtLeast("face_width", 100, 64, "px", "")}}
	if score >= 0 {
		record.Score = &score
	}
	if err := r.store.AddRecord(context.Background(), record); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) send(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if r.cookie != "" {
		request.AddCookie(&http.Cookie{Name: cookieName, Value: r.cookie})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reply, err := client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply, string(text)
}

func (r *rig) login() {
	r.t.Helper()
	reply, _ := r.send("POST", "/console/login", url.Values{"password": {password}})
	if len(reply.Cookies()) != 1 {
		r.t.Fatalf("login: %d, cookies %v", reply.StatusCode, reply.Cookies())
	}
	r.cookie = reply.Cookies()[0].Value
}

func (r *rig) wantPage(path string, wants ...string) string {
	r.t.Helper()
	reply, text := r.send("GET", path, nil)
	if reply.StatusCode != http.StatusOK {
		r.t.Errorf("%s: %d %s", path, reply.StatusCode, text)
	}
	for _, want := range wants {
		if !strings.Contains(text, want) {
			r.t.Errorf("%s has no %q:\n%s", path, want, text)
		}
	}
	return text
}

func TestNobodySeesAnythingWithoutTheLogin(t *testing.T) {
	r := newRig(t)
	r.addRecord("shop", "lipsecure", noon, liveness.Live, 0.99, "")
	for _, cookie := range []string{"", "0", strings.Repeat("0", 64)} {
		r.cookie = cookie
		for _, path := range []string{"/console", "/console/checks", "/console/thresholds", "/console/keys"} {
			if reply, text := r.send("GET", path, nil); reply.StatusCode != http.StatusSeeOther || strings.Contains(text, "shop") {
				t.Errorf("%s with cookie %q: %d %s", path, cookie, reply.StatusCode, text)
			}
		}
	}
	if reply, _ := r.send("GET", "/console/nothing", nil); reply.StatusCode != http.StatusNotFound {
		t.Errorf("no page: %d", reply.StatusCode)
	}
}

func TestSession(t *testing.T) {
	r := newRig(t)
	reply, text := r.send("POST", "/console/login", url.Values{"password": {"wrong"}})
	if reply.StatusCode != http.StatusUnauthorized || len(reply.Cookies()) != 0 || !strings.Contains(text, "password is wrong") {
		t.Errorf("a wrong password: %d %s", reply.StatusCode, text)
	}
	reply, _ = r.send("POST", "/console/login", url.Values{"password": {password}})
	c := reply.Cookies()[0]
	if reply.StatusCode != http.StatusSeeOther || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("login: %d, cookie %+v", reply.StatusCode, c)
	}
	r.cookie = c.Value
	r.wantPage("/console", "Overview")
	r.now = r.now.Add(life)
	if reply, _ := r.send("GET", "/console", nil); reply.StatusCode != http.StatusSeeOther {
		t.Errorf("after its life a session shows %d", reply.StatusCode)
	}
	r.login()
	r.wantPage("/console", "Overview")
	r.send("POST", "/console/logout", url.Values{})
	if reply, _ := r.send("GET", "/console", nil); reply.StatusCode != http.StatusSeeOther {
		t.Errorf("after the logout the cookie shows %d", reply.StatusCode)
	}
	if strings.Contains(r.log.String(), password) || strings.Contains(r.log.String(), "wrong\"") {
		t.Errorf("the log holds a password: %s", r.log.String())
	}
}

func TestAnotherSitesPostIsRefused(t *testing.T) {
	r := newRig(t)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		reply, _ := r.send("POST", "/console/login", url.Values{"password": {password}}, header...)
		if reply.StatusCode != http.StatusForbidden || len(reply.Cookies()) != 0 {
			t.Errorf("%v: %d", header, reply.StatusCode)
		}
	}
}

func TestGuessingIsSlowed(t *testing.T) {
	r := newRig(t)
	statuses := map[int]int{}
	for range attemptsOfOne + 5 {
		reply, _ := r.send("POST", "/console/login", url.Values{"password": {"guess"}})
		statuses[reply.StatusCode]++
	}
	if statuses[http.StatusUnauthorized] != attemptsOfOne || statuses[http.StatusTooManyRequests] != 5 {
		t.Errorf("statuses %v", statuses)
	}
	// The right one waits as well: else it could be told from the wrong ones.
	if reply, _ := r.send("POST", "/console/login", url.Values{"password": {password}}); reply.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the right password after too many: %d", reply.StatusCode)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s, err := newSessions(password, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * maxSessions {
		s.start()
	}
	if len(s.ends) != maxSessions {
		t.Errorf("%d sessions", len(s.ends))
	}
	if _, err := newSessions("short", time.Now); err == nil {
		t.Error("a short password is taken")
	}
}

func TestPages(t *testing.T) {
	r := newRig(t)
	r.addRecord("shop", "lipsecure", noon.Add(-time.Hour), liveness.Live, 0.99, "")
	r.addRecord("shop", "lipsecure", noon.Add(-2*time.Hour), liveness.Attack, 0.4, "")
	r.addRecord("shop", "selfie", noon.AddDate(0, 0, -1), liveness.Live, 0.7, "")
	r.addRecord("bank", "selfie", noon.AddDate(0, 0, -2), liveness.Undecided, -1, liveness.FaceTooSmall)
	r.addRecord("bank", "selfie", noon.AddDate(0, 0, -40), liveness.Live, 0.9, "")
	r.login()

	r.wantPage("/console", "<strong>4</strong> checks", "<strong>2</strong> live", "<strong>1</strong> attack", "<strong>1</strong> undecided",
		"face too small", "2026-03-13", "&#34;name&#34;:&#34;selfie&#34;")
	r.wantPage("/console?days=90", "<strong>5</strong> checks")
	r.wantPage("/console?account=bank", "<strong>1</strong> checks")
	checks := r.wantPage("/console/checks?outcome=undecided", "face too small", "face width", "bank")
	if strings.Count(checks, `<details class="check">`) != 1 {
		t.Errorf("the filter lets through:\n%s", checks)
	}
	r.wantPage("/console/checks?reason=face_changed", "No checks match.")
	r.wantPage("/console/thresholds", "Nothing is changed")
	r.wantPage("/console/thresholds?threshold=0.8", "<strong>3</strong> scored", "<strong>2</strong> were live (66.7%)",
		"<strong>1</strong> would be live (33.3%)", "<strong>1</strong> would change", "0.7000")
	r.wantPage("/console/thresholds?threshold=0.3&protocol=lipsecure", "<strong>2</strong> scored", "<strong>2</strong> would be live (100.0%)")
	r.wantPage("/console/keys", "Usage in the period: 4 checks", "valid", "shop", "bank")
	for _, odd := range []string{"/console?days=x&account=", "/console/thresholds?threshold=NaN", "/console/thresholds?threshold=7",
		"/console/checks?protocol=%27%20OR%201=1&outcome=%3Cscript%3E"} {
		if text := r.wantPage(odd); strings.Contains(text, "<script>") {
			t.Errorf("%s echoes markup", odd)
		}
	}
	if reply, _ := r.send("GET", "/console?account=nobody", nil); reply.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown account: %d", reply.StatusCode)
	}
}

// failing is a store that does not answer.
type failing struct{ Accounts }

func (failing) Names(context.Context) ([]string, error) { return nil, errors.New("inner text") }

func TestAFaultCarriesNoInnerText(t *testing.T) {
	r := newRig(t)
	c, err := New(failing{}, password, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(c)
	defer listener.Close()
	r.url = listener.URL
	r.login()
	reply, text := r.send("GET", "/console", nil)
	if reply.StatusCode != http.StatusInternalServerError || strings.Contains(text, "inner") {
		t.Errorf("%d %s", reply.StatusCode, text)
	}
}
