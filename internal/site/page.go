package site

import (
	"bytes"
	"fmt"
	"html/template"
	"path"
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/alecthomas/chroma/v2/styles"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// page is one page of the site.
type page struct {
	// Path is where it is served, such as "/docs/lipsecure".
	Path  string
	Title string
	// Short is the title as the menu shows it.
	Short string
	// Sections are its headings of the second rank.
	Sections []section
	Body     template.HTML
	// Viewer says that the page is the viewer of the API's description.
	Viewer bool

	// source is its file in the repository, such as "docs/lipsecure.md".
	source   string
	markdown []byte
}

type section struct{ ID, Title string }

func newPage(source, path string, markdown []byte) *page {
	p := &page{Path: path, Title: title(markdown), source: source, markdown: markdown}
	p.Short = strings.TrimPrefix(p.Title, "Model card: ")
	if protocol, found := strings.CutSuffix(p.Title, " protocol"); found {
		protocol = strings.TrimPrefix(protocol, "The ")
		p.Short = strings.ToUpper(protocol[:1]) + protocol[1:]
	}
	return p
}

// newMarkdown returns what turns the pages' Markdown into HTML. HTML inside Markdown is left out.
func newMarkdown() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(codeBlocks{}, 100))),
	)
}

// render fills in Sections and Body. Links lead where address says.
func (p *page) render(markdown goldmark.Markdown, address func(from *page, link string) string) error {
	tree := markdown.Parser().Parse(text.NewReader(p.markdown))
	if list := contents(tree); list != nil {
		tree.RemoveChild(tree, list) // the menu shows the sections
	}
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			n.Destination = []byte(address(p, string(n.Destination)))
		case *ast.Image: // it stands beside the page's Markdown
			n.Destination = []byte(path.Join(path.Dir(p.Path), string(n.Destination)))
		case *ast.Heading:
			if id, found := n.AttributeString("id"); found && n.Level == 2 {
				p.Sections = append(p.Sections, section{string(id.([]byte)), plainText(n, p.markdown)})
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := markdown.Renderer().Render(&body, p.markdown, tree); err != nil {
		return fmt.Errorf("%s cannot be rendered: %w", p.source, err)
	}
	p.Body = template.HTML(body.String()) //nolint:gosec // our own Markdown, without HTML
	return nil
}

// contents returns the list before the first section in which every entry links to a section; nil where there is none.
func contents(tree ast.Node) ast.Node {
	for n := tree.FirstChild(); n != nil; n = n.NextSibling() {
		if heading, ok := n.(*ast.Heading); ok && heading.Level > 1 {
			return nil
		}
		if n.Kind() == ast.KindList && onlyAnchors(n) {
			return n
		}
	}
	return nil
}

func onlyAnchors(list ast.Node) bool {
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		block := item.FirstChild()
		if block == nil {
			return false
		}
		link, ok := block.FirstChild().(*ast.Link)
		if !ok || link.NextSibling() != nil || !bytes.HasPrefix(link.Destination, []byte("#")) {
			return false
		}
	}
	return true
}

// plainText returns the text of a node without its marks.
func plainText(n ast.Node, source []byte) string {
	var words strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if t, ok := child.(*ast.Text); ok {
			words.Write(t.Segment.Value(source))
		} else {
			words.WriteString(plainText(child, source))
		}
	}
	return words.String()
}

// codeBlocks renders fenced code with its colours, and with its name where it is marked file=NAME.
type codeBlocks struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (c codeBlocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, c.render)
}

var formatter = html.New(html.WithClasses(true))

func (codeBlocks) render(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.FencedCodeBlock)
	lexer := lexers.Get(string(block.Language(source)))
	if lexer == nil {
		lexer = lexers.Fallback
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, string(block.Lines().Value(source)))
	if err != nil {
		return ast.WalkStop, err
	}
	w.WriteString("<figure class=\"code\">") //nolint:errcheck // a buffer; its flush tells
	if name := highlight(block, source, "file"); name != "" {
		fmt.Fprintf(w, "<figcaption>%s</figcaption>", template.HTMLEscapeString(name))
	}
	err = formatter.Format(w, styles.Fallback, tokens)
	w.WriteString("</figure>\n") //nolint:errcheck // as above
	return ast.WalkSkipChildren, err
}

// highlight returns the value of name=VALUE after the block's language.
func highlight(block *ast.FencedCodeBlock, source []byte, name string) string {
	if block.Info == nil {
		return ""
	}
	for _, word := range strings.Fields(string(block.Info.Segment.Value(source))) {
		if value, found := strings.CutPrefix(word, name+"="); found {
			return value
		}
	}
	return ""
}
