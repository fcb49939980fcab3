// Package browser tests the pages in Debian's Chromium, headless, with a camera that plays a file. It does not test scores. With
// -screenshots FOLDER it saves a picture of each page there.
package browser

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/bonafide-id/bonafide/web"
)

const root = "../.."

var (
	screenshots = flag.String("screenshots", "", "folder for pictures of the pages")
	program     string // the binary under test
)

func TestMain(m *testing.M) {
	flag.Parse()
	folder, err := os.MkdirTemp("", "bonafide-browser-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "bonafide")
	build := exec.Command("go", "build", "-o", program, "./cmd/bonafide")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// server is one running process.
type server struct {
	t    *testing.T
	url  string
	data string
	out  bytes.Buffer
}

// launch starts a server with the demo on the account "shop" and waits until it is ready.
func launch(t *testing.T, flags ...string) *server {
	t.Helper()
	models, err := filepath.Abs(filepath.Join(root, "bin", "models"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(models); err != nil {
		t.Skip("the models are not there: run `make models`")
	}
	if _, err := web.File("capture/dist/bonafide-capture.js"); err != nil {
		t.Skip("the capture component was not built: run `make web`")
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := port.Addr().String()
	port.Close()
	s := &server{t: t, url: "http://" + strings.Replace(address, "127.0.0.1", "localhost", 1), data: t.TempDir()}
	command := exec.Command(program, append([]string{"serve", "--listen", address, "--data", s.data, "--models", models,
		"--first-account", "shop", "--demo", "shop"}, flags...)...)
	var log bytes.Buffer
	command.Stdout, command.Stderr = &s.out, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = command.Wait(); close(exited) }()
	t.Cleanup(func() { _ = command.Process.Kill(); <-exited })
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if reply, err := http.Get(s.url + "/readyz"); err == nil {
			reply.Body.Close()
			if reply.StatusCode == http.StatusOK {
				return s
			}
		}
	}
	t.Fatalf("the server was not ready within a minute:\n%s", log.String())
	return nil
}

// tab is one page of one browser.
type tab struct {
	t      *testing.T
	ctx    context.Context
	server *server

	mu       sync.Mutex
	faults   []string
	requests []string
}

// options are how a browser is.
type options struct {
	// camera is the file that the camera plays; "": there is no camera.
	camera string
	// denied refuses the camera.
	denied bool
	// width and height are those of the window, 1280 by 900 otherwise.
	width, height int
	dark          bool
}

// browse opens a browser of its own with an empty profile.
func (s *server) browse(o options) *tab {
	t := s.t
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: run `make test`, which installs it")
	}
	if o.width == 0 {
		o.width, o.height = 1280, 900
	}
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(o.width, o.height),
		chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("no-default-browser-check", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-US"),
	}
	if o.camera != "" {
		flags = append(flags, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-file-for-fake-video-capture", o.camera))
	}
	if o.camera != "" && !o.denied {
		flags = append(flags, chromedp.Flag("use-fake-ui-for-media-stream", true))
	}
	if o.denied {
		flags = append(flags, chromedp.Flag("deny-permission-prompts", true))
	}
	allocated, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, server: s}
	b.resize(o.width, o.height, o.dark)
	if err := chromedp.Listen(ctx, b.recordEvent); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, cdplog.Enable, cdp.Empty{})
	t.Cleanup(b.cleanRun)
	return b
}

// resize makes the window so large, and the system light or dark.
func (b *tab) resize(width, height int, dark bool) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(int64(width), int64(height)))
	scheme := map[bool]string{false: "light", true: "dark"}[dark]
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// looks are the windows in which every page is looked at. axe's rules, which take a while, check it once light
// and once dark.
var looks = []struct {
	name          string
	width, height int
	dark, axe     bool
}{
	{"320-light", 320, 640, false, true}, {"320-dark", 320, 640, true, false}, {"390-light", 390, 844, false, false},
	{"390-dark", 390, 844, true, false}, {"1280-light", 1280, 900, false, false}, {"1280-dark", 1280, 900, true, true},
}

// call sends the browser a command.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// recordEvent notes what the page complains of and what it asks for.
func (b *tab) recordEvent(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *cdplog.EventEntryAdded:
		// That a request failed is what some cases are about.
		if e.Entry.Level == cdplog.EntryLevelError && e.Entry.Source != cdplog.EntrySourceNetwork {
			b.faults = append(b.faults, string(e.Entry.Source)+": "+e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// cleanRun holds for every page: no fault in its scripts, nothing that its policy forbids, nobody else asked.
func (b *tab) cleanRun() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("the page complains: %s", fault)
	}
	for _, request := range b.requests {
		if u, err := url.Parse(request); err != nil || u.Scheme != "data" && u.Scheme != "blob" && !strings.HasPrefix(request, b.server.url) {
			b.t.Errorf("the page asks %s", request)
		}
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(path string) { b.t.Helper(); b.do(chromedp.Navigate(b.server.url + path)) }

// eval evaluates JavaScript, waiting for a promise, in which c is the capture component and shadow its inside.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	value, err := evaluate[T](b, script)
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

func evaluate[T any](b *tab, script string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](
		`(async () => { const c = document.querySelector("bonafide-capture"); const shadow = c?.shadowRoot; `+script+` })()`, chromedp.EvalAwaitPromise))
}

// until waits for a condition in JavaScript.
func (b *tab) until(wait time.Duration, condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		// An error is a page that is just being replaced by the next.
		if came, err := evaluate[bool](b, "return !!("+condition+")"); err == nil && came {
			return
		}
	}
	b.picture("failed")
	b.t.Fatalf("within %v the page did not come to: %s\nthe page says:\n%s", wait, condition,
		eval[string](b, "return document.body.innerText + '\\n' + (shadow?.querySelector('.frame')?.innerText ?? '')"))
}

// press clicks the first button of the component, whatever it is called.
func (b *tab) press(nth int) {
	b.t.Helper()
	b.until(10*time.Second, fmt.Sprintf("shadow?.querySelectorAll('button').length > %d", nth))
	eval[bool](b, fmt.Sprintf("shadow.querySelectorAll('button')[%d].click(); return true", nth))
}

// picture keeps a picture of the page where one is wanted.
func (b *tab) picture(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// accessible holds the page against axe's rules: nothing serious or critical.
func (b *tab) accessible(what string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join(root, "web", "capture", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatalf("axe-core is not there, run `make web`: %v", err)
	}
	b.do(chromedp.Evaluate[chromedp.Void](string(axe) + ";true"))
	type report struct {
		Checked int
		Faults  []string
	}
	found := eval[report](b, `
		const { violations, passes } = await axe.run(document, { resultTypes: ["violations"] });
		return { checked: passes.length, faults: violations.filter(v => ["serious", "critical"].includes(v.impact))
			.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; ")) }`)
	if found.Checked < 5 {
		b.t.Errorf("%s: axe only checked %d rules", what, found.Checked)
	}
	for _, fault := range found.Faults {
		b.t.Errorf("%s: axe: %s", what, fault)
	}
}

// fits says that nothing sticks out of the window sideways.
func (b *tab) fits(what string) {
	b.t.Helper()
	if wide := eval[int](b, "return document.documentElement.scrollWidth - window.innerWidth"); wide > 0 {
		b.t.Errorf("%s: the page is %d pixels wider than the window", what, wide)
	}
}
