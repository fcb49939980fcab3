package site

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func built(t testing.TB) *Site {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(s *Site, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// links are what a page loads or leads to.
var links = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

func TestEveryLinkOfTheSiteLeadsSomewhere(t *testing.T) {
	s := built(t)
	pages := 0
	for path, f := range s.files {
		if !strings.HasPrefix(f.contentType, "text/html") || path == notFound {
			continue
		}
		pages++
		for _, found := range links.FindAllStringSubmatch(string(f.content), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.HasPrefix(target, repository) {
				continue
			}
			if target == "" {
				target = path
			}
			if strings.HasPrefix(target, "/docs/viewer/") {
				continue // there when make has fetched it
			}
			reply := get(s, target)
			if reply.Code != 200 {
				t.Errorf("%s leads to %s: status %d", path, found[1], reply.Code)
			} else if anchor != "" && !strings.Contains(reply.Body.String(), ` id="`+anchor+`"`) {
				t.Errorf("%s leads to %s, which has no such section", path, found[1])
			}
		}
	}
	if pages < 15 {
		t.Errorf("the site has only %d pages", pages)
	}
}

// A page loads nothing from elsewhere and has neither script nor style in it, which the policy would block.
func TestPagesKeepToThePolicy(t *testing.T) {
	s := built(t)
	foreign := regexp.MustCompile(`(?:src|<link[^>]* href)="(?:https?:)?//|<script>|<style|\sstyle="|\son[a-z]+="`)
	for path, f := range s.files {
		if !strings.HasPrefix(f.contentType, "text/html") {
			continue
		}
		if found := foreign.Find(f.content); found != nil {
			t.Errorf("%s has %s", path, found)
		}
		if got := get(s, "/docs/../"+path+"/").Header().Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || strings.Contains(got, "unsafe") {
			t.Errorf("%s: policy %q", path, got)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := built(t)
	for _, path := range []string{"/docs/none", "/docs/../go.mod", "/docs/lipsecure.md", "/docs/assets/", "/docs//", "/"} {
		if reply := get(s, path); reply.Code != 404 || !strings.Contains(reply.Body.String(), "There is no such page") {
			t.Errorf("%s: status %d", path, reply.Code)
		}
	}
}

func TestAPageThatIsKnownIsNotSentAgain(t *testing.T) {
	s := built(t)
	first := get(s, "/docs/lipsecure")
	again := get(s, "/docs/lipsecure", "If-None-Match", first.Header().Get("ETag"))
	if first.Code != 200 || again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("status %d, then %d with %d bytes", first.Code, again.Code, again.Body.Len())
	}
}

// Each protocol's page has the parts of the published text, and its examples in five languages.
func TestProtocolsHaveTheirParts(t *testing.T) {
	b, err := readBook()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lipsecure", "selfie-liveness", "face-liveness"} {
		p := b.bySource["docs/"+name+".md"]
		var sections []string
		for _, s := range p.Sections {
			sections = append(sections, s.Title)
		}
		const want = "Introduction, Authentication, Design, Endpoints, Examples, Scoring, Errors, Release notes"
		if got := strings.Join(sections, ", "); got != want {
			t.Errorf("%s has the sections %s", name, got)
		}
		_, examples, _ := strings.Cut(string(p.Body), `id="examples"`)
		examples, _, _ = strings.Cut(examples, "<h2")
		var languages []string
		for _, h := range regexp.MustCompile(`<h3 id="[a-z]+">(.*?)</h3>`).FindAllStringSubmatch(examples, -1) {
			languages = append(languages, h[1])
		}
		if got := strings.Join(languages, ", "); got != "cURL, Python, Node, Java, Go" {
			t.Errorf("%s has examples in %s", name, got)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}
