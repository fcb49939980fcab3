package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// key returns a credential that the first start has printed.
func (s *server) key(name string) string {
	s.t.Helper()
	found := regexp.MustCompile(name + `: (\S+)`).FindStringSubmatch(s.out.String())
	if found == nil {
		s.t.Fatalf("the server printed no %s", name)
	}
	return found[1]
}

// request returns a request of the operator's server.
func (s *server) request(method, path, body string, into any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("X-API-Key", s.key("X-API-Key"))
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %s %v", path, reply.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		s.t.Fatal(err)
	}
}

// use returns the component of the open demo page the token of a transaction whose phrase is known.
func (b *tab) use(token string) {
	b.t.Helper()
	b.until(10*time.Second, "shadow && shadow.querySelector('button')")
	eval[bool](b, fmt.Sprintf("c.setAttribute('token', %q); return true", token))
}

// note keeps the events of the component in window.events.
func (b *tab) note() {
	b.t.Helper()
	eval[bool](b, `window.events = []; for (const name of ["bonafide-state", "bonafide-result", "bonafide-expired"])
		document.addEventListener(name, (e) => window.events.push([name, e.detail])); return true`)
}

func (b *tab) text() string {
	b.t.Helper()
	return eval[string](b, "return shadow.querySelector('.frame').innerText")
}

// A person who says what the page shows passes: permission, guidance, countdown, digits, recording, upload, result.
func TestAPersonWhoSaysTheDigitsPasses(t *testing.T) {
	needsShared(t)
	s := launch(t)
	camera := filepath.Join(t.TempDir(), "camera.mjpeg")
	b := s.browse(options{camera: camera, width: 390, height: 844})
	b.open("/demo")
	b.until(10*time.Second, "shadow && shadow.querySelector('button')")
	b.note()
	// The browser opens the camera's file only when the page wants the camera: till then there is time to film the phrase.
	phrase := eval[string](b, `const reply = await fetch("/capture/session", { headers: { Authorization: "Bearer " + c.getAttribute("token") } });
		return (await reply.json()).phrase`)
	spokenPhrase(t, camera, "s1", phrase)
	// The clock of the camera's file runs from here on. The countdown and the lead before the first digit take 3.7 s.
	eval[bool](b, fmt.Sprintf(`shadow.querySelector("button").click();
		setTimeout(() => shadow.querySelector("button").click(), %d); return true`, (rest*1000)-3700+300))
	b.until(15*time.Second, "c.state === 'guiding' && shadow.querySelector('.oval.ready')")
	b.accessible("guiding")
	b.picture("capture-ready-390")
	b.until(30*time.Second, "c.state === 'recording' && /^[0-9]$/.test(shadow.querySelector('.big').textContent)")
	b.picture("capture-digit-390")
	b.until(90*time.Second, "c.state === 'done'")
	b.until(10*time.Second, "document.querySelector('.timeline')")
	b.accessible("evidence")
	b.fits("evidence")
	for _, l := range looks {
		b.resize(l.width, l.height, l.dark)
		b.picture("capture-result-" + l.name)
	}
	if shown := eval[int](b, "return document.querySelectorAll('.timeline .due').length"); shown != len(phrase) {
		t.Errorf("the timeline shows %d digits", shown)
	}

	var result struct {
		State string
		Check struct {
			Outcome string
			Score   float64
			Gates   []struct {
				Name    string
				Passed  bool
				Measure float64
			}
			Digits []struct {
				Digit, Text string
				Start, Due  float64
			}
		}
	}
	s.request("GET", "/capture/results/"+eval[string](b, "return c.dataset.transaction"), "", &result)
	t.Logf("result: %+v", result)
	if result.State != "scored" || result.Check.Outcome != "live" || !strings.Contains(b.text(), "You passed the check") {
		t.Errorf("the person did not pass; the page says %q", b.text())
	}
	if len(result.Check.Digits) != len(phrase) {
		t.Fatalf("%d digits", len(result.Check.Digits))
	}
	for i, d := range result.Check.Digits {
		if i > 0 && (d.Due-result.Check.Digits[i-1].Due < 0.9 || d.Due-result.Check.Digits[i-1].Due > 2) {
			t.Errorf("digit %d was due at %v", i, d.Due)
		}
	}
	gates := map[string]bool{}
	for _, g := range result.Check.Gates {
		gates[g.Name] = g.Passed
	}
	for _, name := range []string{"prompts_begin", "prompts_end", "prompts_shortest_step", "prompts_longest_step", "prompts_followed"} {
		if !gates[name] {
			t.Errorf("gate %s did not pass or did not run", name)
		}
	}
	states := eval[string](b, "return window.events.map(([name, detail]) => name === 'bonafide-state' ? detail : name).join(' ')")
	if want := "opening guiding countdown recording sending done bonafide-result"; states != want {
		t.Errorf("the course was %q, want %q", states, want)
	}
}

// Nobody is in front of the camera: the page says so before and after, and the person tries again until no try is left.
func TestAdviceAndRetry(t *testing.T) {
	t.Parallel()
	s := launch(t, "--challenge-tries", "2", "--challenge-digits", "4")
	b := s.browse(options{camera: testPicture(t), width: 320, height: 568})
	b.open("/demo")
	b.until(10*time.Second, "shadow && shadow.querySelector('button')")
	b.note()
	// By keyboard alone: from the mode's radio button over both buttons of the start.
	b.do(chromedp.Focus(chromedp.CSS("input[name=mode]:checked")), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.until(15*time.Second, "c.state === 'guiding' && shadow.querySelector('video').videoWidth > 0")
	b.until(10*time.Second, "shadow.querySelector('.hint').textContent.includes('Put your face into the oval')")
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.until(10*time.Second, "c.state === 'recording'")
	b.until(10*time.Second, "/^[0-9]$/.test(shadow.querySelector('.big').textContent)")
	b.fits("recording")
	b.picture("capture-recording-320")

	// The connection breaks before the upload: the recording is kept and sent again.
	offline(b, true)
	b.until(60*time.Second, "c.state === 'error'")
	if text := b.text(); !strings.Contains(text, "There is no connection") {
		t.Errorf("offline the page says %q", text)
	}
	b.accessible("offline")
	b.picture("capture-offline-320")
	offline(b, false)
	b.press(0)
	b.until(60*time.Second, "c.state === 'done'")
	if text := b.text(); !strings.Contains(text, "We could not see a face") || !strings.Contains(text, "Try again") {
		t.Errorf("after the first try the page says %q", text)
	}
	b.until(10*time.Second, "document.querySelector('.badge.undecided')")
	b.fits("advice")
	b.accessible("advice")
	b.picture("capture-advice-320")

	b.press(0)
	b.until(15*time.Second, "c.state === 'guiding' && shadow.querySelector('video').videoWidth > 0")
	b.press(0)
	b.until(60*time.Second, "c.state === 'done'")
	if text := b.text(); !strings.Contains(text, "The check ended without a result") {
		t.Errorf("after the last try the page says %q", text)
	}
	results := eval[string](b, "return window.events.filter(([name]) => name === 'bonafide-result').map(([, detail]) => detail.result).join(' ')")
	if results != "again ended" {
		t.Errorf("the results were %q", results)
	}
}

func offline(b *tab, off bool) {
	b.t.Helper()
	call(b, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}}})
}

// A selfie from the camera, and one from a file; the evidence appears on the demo page.
func TestASelfie(t *testing.T) {
	t.Parallel()
	s := launch(t)
	face, err := filepath.Abs(filepath.Join(root, "bin", "testdata", "faces", "sample6.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(face); err != nil {
		t.Skip("the test pictures are not there: run `make testdata`")
	}
	for _, dark := range []bool{false, true} {
		camera := motionJPEG(t, "fps=30,crop=640:480:43:385", "-loop", "1", "-t", "2", "-i", face)
		b := s.browse(options{camera: camera, width: 1280, height: 900, dark: dark})
		b.open("/demo")
		b.do(chromedp.Click(chromedp.CSS("input[value=selfie]"), chromedp.NodeReady))
		b.until(10*time.Second, "c && c.getAttribute('mode') === 'selfie' && shadow.querySelector('button')")
		b.press(0)
		b.until(15*time.Second, "c.state === 'guiding' && shadow.querySelector('video').videoWidth > 0")
		b.press(0)
		b.until(60*time.Second, "c.state === 'done' && document.querySelector('.badge')")
		if outcome := eval[string](b, "return document.querySelector('.badge').textContent"); outcome != "live" && outcome != "attack" {
			t.Errorf("a whole face is %q; the page says %q", outcome, b.text())
		}
		if gates := eval[int](b, "return document.querySelectorAll('#report tbody tr').length"); gates < 5 {
			t.Errorf("the evidence has %d gates", gates)
		}
		b.accessible("evidence")
		b.picture(fmt.Sprintf("demo-selfie-evidence-dark-%v", dark))
		if !dark {
			continue
		}
		// The component's shadow is open to the browser's own protocol only by a reference.
		eval[bool](b, "[...document.querySelectorAll('#capture button')].at(-1).click(); return true")
		b.until(10*time.Second, "shadow.querySelector('input[type=file]')")
		b.choose(face)
		b.until(60*time.Second, "c.state === 'done' && document.querySelector('.badge')")
	}
}

// choose returns the component's file field a file.
func (b *tab) choose(file string) {
	b.t.Helper()
	input, err := chromedp.Run(b.ctx, chromedp.QueryNodeIDs(chromedp.JSPath(`document.querySelector("bonafide-capture").shadowRoot.querySelector("input[type=file]")`), chromedp.NodeReady))
	if err != nil {
		b.t.Fatal(err)
	}
	call(b, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, NodeID: input[0]})
}

func TestWithoutACamera(t *testing.T) {
	t.Parallel()
	s := launch(t)
	for name, c := range map[string]struct {
		options options
		want    string
	}{
		"denied": {options{camera: testPicture(t), denied: true, width: 320, height: 568}, "The camera is blocked for this page"},
		"absent": {options{width: 390, height: 844, dark: true}, "No camera was found"},
	} {
		t.Run(name, func(t *testing.T) {
			b := (&server{t: t, url: s.url, data: s.data}).browse(c.options)
			b.open("/demo")
			b.press(0)
			b.until(15*time.Second, "c.state === 'error'")
			if text := b.text(); !strings.Contains(text, c.want) || !strings.Contains(text, "Try again") {
				t.Errorf("the page says %q", text)
			}
			if focused := eval[string](b, "return shadow.activeElement?.tagName ?? ''"); focused != "H2" {
				t.Errorf("the focus is on %q", focused)
			}
			b.fits(name)
			b.accessible(name)
			b.picture("capture-" + name)
		})
	}
}

// A token that is not good any more ends the course, and the page is told.
func TestAnExpiredToken(t *testing.T) {
	t.Parallel()
	s := launch(t)
	b := s.browse(options{camera: testPicture(t)})
	b.open("/demo")
	b.use("0123456789")
	b.note()
	b.press(0)
	b.until(15*time.Second, "c.state === 'error'")
	if text := b.text(); !strings.Contains(text, "no longer open") {
		t.Errorf("the page says %q", text)
	}
	if eval[int](b, "return window.events.filter(([name]) => name === 'bonafide-expired').length") != 1 {
		t.Error("the page was not told")
	}
}
