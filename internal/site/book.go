package site

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bonafide-id/bonafide/docs"
	"github.com/bonafide-id/bonafide/models"
)

// book is every page of the site and the menu that leads to them.
type book struct {
	home     *page
	menu     []chapter
	bySource map[string]*page
}

// chapter is a part of the menu.
type chapter struct {
	Title string
	Pages []*page
}

// guides are the pages of docs/ in the menu's order. One that is not named here stands in the chapter of running it.
var guides = []struct {
	chapter string
	names   []string
}{
	{"Protocols", []string{"lipsecure", "selfie-liveness", "face-liveness"}},
	{"Calling it", []string{"clients", "capture"}},
	{runningIt, []string{"configuration", "operations", "postgresql", "security"}},
	{"Measuring it", []string{"attacks", "evaluation"}},
}

const runningIt = "Running it"

// readBook reads and renders all pages.
func readBook() (*book, error) {
	b := &book{bySource: map[string]*page{}}
	var folders [3][]*page
	for i, f := range []struct {
		files               fs.FS
		folder, source, url string
	}{
		{docs.Pages, ".", "docs", Root},
		{docs.Pages, "decisions", "docs/decisions", Root + "/decisions"},
		{models.Cards, "cards", "models/cards", Root + "/models"},
	} {
		pages, err := b.add(f.files, f.folder, f.source, f.url)
		if err != nil {
			return nil, err
		}
		folders[i] = pages
	}
	b.home = b.bySource["docs/index.md"]
	b.home.Path = Root
	b.menu = append(b.chapters(folders[0]), chapter{"Cards of the models", folders[2]}, chapter{"Decisions", folders[1]})
	markdown := newMarkdown()
	for _, p := range b.bySource {
		if err := p.render(markdown, b.address); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// add reads the Markdown files of a folder, which is source in the repository, to be served below url.
func (b *book) add(files fs.FS, folder, source, url string) ([]*page, error) {
	names, err := fs.Glob(files, path.Join(folder, "*.md"))
	if err != nil {
		return nil, err
	}
	var added []*page
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		p := newPage(source+"/"+path.Base(name), url+"/"+strings.TrimSuffix(path.Base(name), ".md"), content)
		b.bySource[p.source] = p
		added = append(added, p)
	}
	return added, nil
}

// chapters puts the pages of docs/ into the menu.
func (b *book) chapters(pages []*page) []chapter {
	left := slices.DeleteFunc(slices.Clone(pages), func(p *page) bool { return p == b.home })
	var menu []chapter
	for _, g := range guides {
		c := chapter{Title: g.chapter}
		for _, name := range g.names {
			if p := b.bySource["docs/"+name+".md"]; p != nil {
				c.Pages = append(c.Pages, p)
				left = slices.DeleteFunc(left, func(other *page) bool { return other == p })
			}
		}
		menu = append(menu, c)
	}
	for i := range menu {
		if menu[i].Title == runningIt {
			menu[i].Pages = append(menu[i].Pages, left...)
		}
	}
	return slices.DeleteFunc(menu, func(c chapter) bool { return len(c.Pages) == 0 })
}

// repository is where a link leads to what the program does not carry.
const repository = "https://github.com/bonafide-id/bonafide/blob/main/"

// address returns where a link of the page leads: to another page of the site, or to the repository.
func (b *book) address(from *page, link string) string {
	target, anchor, _ := strings.Cut(link, "#")
	if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "/") {
		return link
	}
	source := path.Join(path.Dir(from.source), target)
	if anchor != "" {
		anchor = "#" + anchor
	}
	if p := b.bySource[source]; p != nil {
		return p.Path + anchor
	}
	if first := b.firstOf(source); first != nil {
		return first.Path
	}
	return repository + source + anchor
}

// firstOf returns the first page of a folder of the repository; a link to the folder leads there, where the menu shows the rest.
func (b *book) firstOf(folder string) *page {
	for _, c := range b.menu {
		for _, p := range c.Pages {
			if path.Dir(p.source) == folder {
				return p
			}
		}
	}
	return nil
}

// title returns the text of the first line, which is the heading of the page.
func title(markdown []byte) string {
	first, _, _ := bytes.Cut(markdown, []byte("\n"))
	return strings.TrimPrefix(string(first), "# ")
}
