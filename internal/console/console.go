// Package console serves the operator console at /console: checks with their gates, charts, a threshold explorer, keys and usage.
// It changes nothing. It shows; it changes nothing. There is one password, and sessions live in this process: on several
// replicas, reach the console on one of them.
package console

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/web"
)

// Root is where the console is.
const Root = "/console"

// Paths are the paths that the console serves, as patterns of the router.
var Paths = []string{Root, Root + "/*"}

// Accounts is what the console shows.
type Accounts interface {
	Names(ctx context.Context) ([]string, error)
	Checks(ctx context.Context, name string, f account.Filter) ([]account.CheckRecord, error)
	ListKeys(ctx context.Context) ([]account.Key, error)
	Usage(ctx context.Context, name string, from, to time.Time) ([]account.Usage, error)
}

// Console is the pages. Build it with New.
type Console struct {
	accounts Accounts
	log      *slog.Logger
	sessions *sessions
	now      func() time.Time
	mux      *http.ServeMux
}

//go:embed pages
var files embed.FS

var pages = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"login", "overview", "checks", "thresholds", "keys", "error"} {
		all[name] = template.Must(template.New("layout.html").Funcs(helpers).ParseFS(files, "pages/layout.html", "pages/"+name+".html"))
	}
	return all
}()

// policy lets a page load what this server serves, and post to nobody else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; " +
	"form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// New returns the console behind the password. A nil now is time.Now.
func New(a Accounts, password string, log *slog.Logger, now func() time.Time) (*Console, error) {
	if now == nil {
		now = time.Now
	}
	s, err := newSessions(password, now)
	if err != nil {
		return nil, err
	}
	c := &Console{accounts: a, log: log, sessions: s, now: now, mux: http.NewServeMux()}
	c.asset("console.css", "text/css; charset=utf-8", func() ([]byte, error) { return files.ReadFile("pages/console.css") })
	c.asset("charts.js", "text/javascript; charset=utf-8", func() ([]byte, error) { return web.File("console/dist/charts.js") })
	c.mux.HandleFunc("GET /console/login", c.loginPage)
	c.mux.Handle("POST /console/login", c.throttle(http.HandlerFunc(c.login)))
	c.mux.HandleFunc("POST /console/logout", c.logout)
	c.page("GET /console", "overview", c.overview)
	c.page("GET /console/checks", "checks", c.checks)
	c.page("GET /console/thresholds", "thresholds", c.thresholds)
	c.page("GET /console/keys", "keys", c.keys)
	c.mux.HandleFunc("/console/", func(w http.ResponseWriter, _ *http.Request) {
		c.writePage(w, http.StatusNotFound, "error", view{Title: "Not found", Data: "There is nothing at this address."})
	})
	return c, nil
}

// ServeHTTP implements http.Handler. What another site's page makes a browser post is refused.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	// A form's origin is sent to this server only: with no-referrer it would be null.
	h.Set("Referrer-Policy", "same-origin")
	http.NewCrossOriginProtection().Handler(c.mux).ServeHTTP(w, r)
}

func (c *Console) asset(name, kind string, read func() ([]byte, error)) {
	c.mux.HandleFunc("GET /console/"+name, func(w http.ResponseWriter, _ *http.Request) {
		content, err := read()
		if err != nil {
			c.log.Warn("the console's charts are not served", "error", err.Error())
			http.Error(w, "The console was not built into this server: build it with make.", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Write(content) //nolint:errcheck // the client is gone then
	})
}

// view is what the layout shows.
type view struct {
	Title string
	// Here is the path of the page; "" before the login.
	Here string
	// Accounts are the names to choose from, Chosen what is chosen.
	Accounts []string
	Chosen   choice
	Data     any
}

// page returns one that only who has logged in sees.
func (c *Console) page(pattern, name string, data func(r *http.Request, ch choice) (title string, data any, err error)) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !c.sessions.valid(r) {
			http.Redirect(w, r, Root+"/login", http.StatusSeeOther)
			return
		}
		ch := choiceOf(r)
		names, err := c.accounts.Names(r.Context())
		var title string
		var content any
		if err == nil {
			title, content, err = data(r, ch)
		}
		if errors.Is(err, account.ErrNotFound) {
			c.writePage(w, http.StatusNotFound, "error", view{Title: "Not found", Here: r.URL.Path, Data: "There is no such account."})
			return
		}
		if err != nil {
			c.log.Error("the console cannot show a page", "page", name, "error", err.Error())
			c.writePage(w, http.StatusInternalServerError, "error", view{Title: "Internal error", Here: r.URL.Path, Data: "The page cannot be shown. The log has the cause."})
			return
		}
		c.writePage(w, http.StatusOK, name, view{title, r.URL.Path, names, ch, content})
	})
}

func (c *Console) writePage(w http.ResponseWriter, status int, name string, v view) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := pages[name].Execute(w, v); err != nil {
		c.log.Warn("a page of the console was not written whole", "page", name, "error", err.Error())
	}
}
