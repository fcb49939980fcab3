package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
	"github.com/bonafide-id/bonafide/liveness"
)

// history puts checks of past weeks into the server's store.
func (s *server) history() {
	s.t.Helper()
	kept, err := sqlite.Open(s.t.Context(), s.data, false)
	if err != nil {
		s.t.Fatal(err)
	}
	defer kept.Close()
	acct, err := kept.AccountByName(s.t.Context(), "shop")
	if err != nil {
		s.t.Fatal(err)
	}
	reasons := []liveness.Reason{liveness.PoorIllumination, liveness.FaceTooSmall, liveness.LipsNotMoving, liveness.PoorIllumination}
	for i := range 150 {
		r := store.Record{ID: fmt.Sprint("check ", i), Account: acct.ID, Protocol: []string{"lipsecure", "selfie", "faceliveness"}[i%3],
			At: time.Now().Add(-time.Duration(i) * 4 * time.Hour), Outcome: liveness.Live, Threshold: 0.5,
			Gates: []liveness.Gate{liveness.AtLeast("face_width", 180, 64, "px", ""), liveness.AtLeast("pad", 0.91, 0.5, "p", "")}}
		score := 1 - float64(i*37%100)/140
		r.Score = &score
		switch {
		case i%7 == 3:
			r.Outcome, r.Score, r.Reason = liveness.Undecided, nil, reasons[i%4]
		case score < r.Threshold:
			r.Outcome = liveness.Attack
		}
		if i%3 == 0 {
			due := 0.7
			r.Digits = []liveness.Digit{{Digit: "5", Start: 1, End: 1.4, Fit: 0.9, Due: &due}}
		}
		if err := kept.AddRecord(s.t.Context(), r); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestTheConsole(t *testing.T) {
	const password = "correct horse battery"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := launch(t, "--console-password-file", file)
	s.history()
	b := s.browse(options{})
	b.open("/console")
	b.do(chromedp.SendKeys(chromedp.CSS("input[name=password]"), "wrong"+kb.Enter))
	b.until(10*time.Second, "document.body?.innerText.includes('password is wrong')")
	for _, l := range looks {
		b.resize(l.width, l.height, l.dark)
		b.fits(l.name + ", login")
		if l.axe {
			b.accessible(l.name + ", login")
		}
		b.picture("console-login-" + l.name)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+kb.Enter))
	b.until(10*time.Second, "document.querySelector('h1')?.textContent === 'Overview'")
	for _, l := range looks {
		b.resize(l.width, l.height, l.dark)
		for _, page := range []struct{ name, path, has string }{
			{"overview", "", "document.querySelectorAll('.tiles li').length === 4 && document.querySelectorAll('canvas').length === 4 && " + drawn},
			{"checks", "/checks?outcome=undecided", "document.querySelectorAll('.badge.undecided').length > 5 && !document.querySelector('.badge.live')"},
			{"thresholds", "/thresholds?threshold=0.8", "document.querySelectorAll('tbody tr').length > 5"},
			{"keys", "/keys", drawn},
		} {
			b.open("/console" + page.path)
			b.until(10*time.Second, page.has)
			eval[bool](b, "for (const d of [...document.querySelectorAll('details.check')].slice(0, 2)) d.open = true; return true")
			b.fits(l.name + ", " + page.name)
			if l.axe {
				b.accessible(l.name + ", " + page.name)
			}
			b.picture("console-" + page.name + "-" + l.name)
		}
	}
	eval[bool](b, "document.querySelector('header form button').click(); return true")
	b.until(10*time.Second, "location.pathname === '/console/login'")
	b.open("/console/keys")
	if at := eval[string](b, "return location.pathname"); at != "/console/login" {
		t.Errorf("after the logout the browser is at %s", at)
	}
}

// drawn: every chart has something on its canvas.
const drawn = `[...document.querySelectorAll("canvas")].every((c) => c.width > 0 &&
	c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0))`
