package site

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/bonafide-id/bonafide/docs"
)

var pictures = flag.String("pictures", "", "folder to write pictures of the pages to, to be looked at")

// browser opens tabs of a headless Chromium on the site.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string

	mu     sync.Mutex
	faults []string
}

// newBrowser starts Chromium. Whatever it complains of, and whatever it asks of others, is a fault.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("Chromium is not installed: apt-get install chromium")
	}
	server := httptest.NewServer(built(t))
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	allocator, stopAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stopAllocator)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // it takes seconds on an idle machine
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, url: server.URL}
	if err := chromedp.Listen(ctx, b.recordEvent); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, fault := range b.faults {
			t.Error(fault)
		}
	})
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	return b
}

func (b *browser) recordEvent(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		if url := event.Request.URL; !strings.HasPrefix(url, b.url) && !strings.HasPrefix(url, "data:") {
			b.faults = append(b.faults, "a request to "+url)
		}
	case *log.EventEntryAdded: // among them, what the policy blocked
		b.faults = append(b.faults, fmt.Sprintf("%s: %s", event.Entry.URL, event.Entry.Text))
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, event.ExceptionDetails.Text)
	}
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// says evaluates an expression in the page and holds its value, as text, against what is wanted.
func (b *browser) says(expression, want string) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatal(err)
	}
	if got != want {
		b.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// press presses keys on what has the focus.
func (b *browser) press(keys string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(keys))
}

func TestTabsByKeyboard(t *testing.T) {
	b := newBrowser(t)
	b.run(chromedp.Navigate(b.url+"/docs/lipsecure"), chromedp.WaitVisible(`[role=tab]`))
	const focused, shown = `document.activeElement.textContent`, `[...document.querySelectorAll("[role=tabpanel]")].filter((p) => p.checkVisibility()).map((p) => p.querySelector("figcaption").textContent)`
	b.says(`[...document.querySelectorAll("[role=tab]")].map((t) => t.textContent)`, "cURL,Python,Node,Java,Go")
	b.says(shown, "lipsecure.sh")
	b.run(chromedp.Focus(`[role=tab][aria-selected=true]`))
	for _, step := range []struct{ keys, language, file string }{
		{right, "Python", "lipsecure.py"}, {right, "Node", "lipsecure.mjs"}, {end, "Go", "lipsecure.go"},
		{right, "cURL", "lipsecure.sh"}, {left, "Go", "lipsecure.go"}, {home, "cURL", "lipsecure.sh"}, {left + left, "Java", "LipSecure.java"},
	} {
		b.press(step.keys)
		b.says(focused, step.language)
		b.says(shown, step.file)
	}
	b.press("\t") // past the other tabs
	b.says(`document.activeElement.closest("[role=tabpanel]")?.id ?? document.activeElement.outerHTML`, "panel-java")
	b.run(chromedp.Navigate(b.url+"/docs/face-liveness"), chromedp.WaitVisible(`[role=tab]`))
	b.says(shown, "Face.java") // the language stays chosen
	b.run(chromedp.Navigate(b.url+"/docs/selfie-liveness#go"), chromedp.WaitVisible(`[role=tab]`))
	b.says(shown, "selfie.go")
}

const right, left, home, end = kb.ArrowRight, kb.ArrowLeft, kb.Home, kb.End

// Every page fits a phone and a desktop, without a complaint of the browser.
func TestPagesFit(t *testing.T) {
	b := newBrowser(t)
	for path := range b.pages() {
		b.run(chromedp.Navigate(b.url + path))
		b.says(`document.querySelectorAll("h1").length`, "1")
		for _, width := range []int64{390, 1280} {
			b.resize(width, "light") // the colours do not move anything
			b.says(fmt.Sprintf(`document.documentElement.scrollWidth <= %d`, width), "true")
			b.pictures(path, width)
		}
	}
}

// resize sets the width of the window and the colour scheme.
func (b *browser) resize(width int64, scheme string) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 1400, DeviceScaleFactor: 1, Mobile: width < 500})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// pages returns the paths of all pages.
func (b *browser) pages() map[string]bool {
	paths := map[string]bool{}
	for path, f := range built(b.t).files {
		if strings.HasPrefix(f.contentType, "text/html") && path != notFound {
			paths[path] = true
		}
	}
	return paths
}

// pictures writes what the page looks like in light and in dark, where the flag asks for it.
func (b *browser) pictures(path string, width int64) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		b.resize(width, scheme)
		content, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		name := fmt.Sprintf("%s-%d-%s.png", strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"), width, scheme)
		if err := os.WriteFile(filepath.Join(*pictures, name), content, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// The viewer shows every endpoint under the strict policy.
func TestTheViewerShowsTheAPI(t *testing.T) {
	if get(built(t), "/docs/viewer/swagger-ui-bundle.js").Code != 200 {
		t.Skip("the viewer is not there: run `make build`")
	}
	b := newBrowser(t)
	b.run(chromedp.Navigate(b.url+"/docs/api"), chromedp.WaitVisible(`#operations-LipSecure-challenge`))
	described := bytes.Count(docs.OpenAPI, []byte("\n      operationId: "))
	b.says(`document.querySelectorAll(".opblock").length`, strconv.Itoa(described))
	b.run(chromedp.Click(`#operations-LipSecure-challenge button`), chromedp.WaitVisible(`#operations-LipSecure-challenge .responses-table`))
	for _, width := range []int64{390, 1280} {
		b.resize(width, "light")
		b.says(fmt.Sprintf(`document.documentElement.scrollWidth <= %d`, width), "true")
		b.pictures("viewer", width)
	}
}
