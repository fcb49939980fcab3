// Package site serves the documentation at /docs: the Markdown of docs/ and of the models' cards as HTML, and the API description
// with a viewer. It also serves a collection for Postman. It does not check anything. Pages load nothing from elsewhere.
package site

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/alecthomas/chroma/v2/styles"

	"github.com/bonafide-id/bonafide/docs"
	"github.com/bonafide-id/bonafide/models"
)

// Root is where the pages are.
const Root = "/docs"

// Paths are the paths that the site serves, as patterns of the router.
var Paths = []string{Root, Root + "/*", "/openapi.yaml", "/postman.json"}

//go:embed page.html
var pageHTML string

//go:embed assets
var assets embed.FS

// viewer holds Swagger UI once make has fetched it.
//
//go:embed all:viewer
var viewer embed.FS

var layout = template.Must(template.New("page").Parse(pageHTML))

// policy lets a page load what this server serves, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Site serves the documentation. Build it with New.
type Site struct{ files map[string]file }

// file is a reply as it is sent.
type file struct {
	contentType, etag string
	content           []byte
}

// New renders every page. An error is a fault of the pages, which the tests find.
func New() (*Site, error) {
	s := &Site{files: map[string]file{}}
	b, err := readBook()
	if err != nil {
		return nil, err
	}
	for _, p := range b.bySource {
		if err := s.addPage(p.Path, b, p); err != nil {
			return nil, err
		}
	}
	if err := s.addFolder(assets, "assets", Root+"/assets"); err != nil {
		return nil, err
	}
	if err := s.addFolder(models.Cards, "cards", Root+"/models"); err != nil {
		return nil, err
	}
	if err := s.addReference(b); err != nil {
		return nil, err
	}
	colours, err := codeColours()
	if err != nil {
		return nil, err
	}
	s.add(Root+"/assets/code.css", "text/css; charset=utf-8", colours)
	return s, s.addPage(notFound, b, &page{Title: "There is no such page", Body: "<h1>There is no such page</h1>"})
}

// notFound is the key of the page for paths that lead nowhere.
const notFound = "404"

func (s *Site) add(path, contentType string, content []byte) {
	sum := sha256.Sum256(content)
	s.files[path] = file{contentType, `"` + hex.EncodeToString(sum[:8]) + `"`, content}
}

func (s *Site) addPage(path string, b *book, p *page) error {
	var html bytes.Buffer
	err := layout.Execute(&html, struct {
		Page *page
		Home *page
		Menu []chapter
	}{p, b.home, b.menu})
	if err != nil {
		return fmt.Errorf("%s cannot be laid out: %w", p.source, err)
	}
	s.add(path, "text/html; charset=utf-8", html.Bytes())
	return nil
}

// addFolder adds the files of an embedded folder, other than Markdown, below a path.
func (s *Site) addFolder(files embed.FS, folder, below string) error {
	names, err := fs.Glob(files, folder+"/[^.]*")
	if err != nil {
		return err
	}
	for _, name := range names {
		if path.Ext(name) == ".md" {
			continue
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		s.add(below+"/"+path.Base(name), mime.TypeByExtension(path.Ext(name)), content)
	}
	return nil
}

// addReference adds the description of the API with its viewer, and the collection for Postman.
func (s *Site) addReference(b *book) error {
	s.add("/openapi.yaml", "application/yaml", docs.OpenAPI)
	s.add("/postman.json", "application/json", docs.Postman)
	if err := s.addFolder(viewer, "viewer", Root+"/viewer"); err != nil {
		return err
	}
	reference := &page{Path: Root + "/api", Title: "API reference"}
	if _, built := s.files[Root+"/viewer/swagger-ui-bundle.js"]; built {
		reference.Viewer = true
		reference.Body = `<h1>API reference</h1><div id="viewer"><p>The viewer needs JavaScript. What it shows is <a href="/openapi.yaml">the OpenAPI description</a>.</p></div>`
	} else {
		reference.Body = `<h1>API reference</h1><p>This program was built without the viewer: <code>make build</code> fetches it. What it would show is <a href="/openapi.yaml">the OpenAPI description</a>.</p>`
	}
	return s.addPage(reference.Path, b, reference)
}

// codeColours returns the style sheet of the code's colours, for light and for dark.
func codeColours() ([]byte, error) {
	var css bytes.Buffer
	for _, scheme := range []struct{ name, style string }{{"light", "github"}, {"dark", "github-dark"}} {
		fmt.Fprintf(&css, "@media (prefers-color-scheme: %s) {\n", scheme.name)
		if err := formatter.WriteCSS(&css, styles.Get(scheme.style)); err != nil {
			return nil, err
		}
		css.WriteString("}\n")
	}
	return css.Bytes(), nil
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	f, found := s.files[strings.TrimSuffix(r.URL.Path, "/")]
	if !found {
		f = s.files[notFound]
		h.Set("Content-Type", f.contentType)
		w.WriteHeader(http.StatusNotFound)
		w.Write(f.content) //nolint:errcheck // the client is gone then
		return
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache") // ask each time whether the ETag still holds
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
