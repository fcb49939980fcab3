package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unwanted are patterns of names that the glossary replaces. The first that matches is reported with its advice.
var unwanted = []struct {
	pattern *regexp.Regexp
	advice  string
}{
	{regexp.MustCompile(`^(?:[Mm]ost|[Ll]east|[Ff]ewest|[Ff]urthest)(?:[A-Z]|$)`), "a limit is max… or min…"},
	{regexp.MustCompile(`(?:^|[^t])(?:Most|Least)$`), "a limit is max… or min…"},
	{regexp.MustCompile(`^(?i:take)(?:[A-Z]|$)`), "say what it does: find, reserve, copy, install"},
	{regexp.MustCompile(`^(?i:insist|mend|wear|meet|bring|forget|anew|dearer|patiently|quieter)(?:[A-Z]|$)`), "use the glossary's word: retry, fix, apply, compare, upload, delete, restart"},
	{regexp.MustCompile(`^(?:Together|Anew|Again|Otherwise|Named|Judge[ds]?|Doubts|Kept|Hearing|Keep|Refuse|Whose)$`), "name the act with its object, such as CombineScores, RecordCheck, WriteError"},
	{regexp.MustCompile(`[Rr]ecital|^[Cc]lips?$|[a-z]Clips?$|^[Dd]resses|[a-z]Dresses`), "one term for one thing: recording, augmented copy"},
	{regexp.MustCompile(`^(?:Place|Room|Cover|Colours|Steps|Frozen|Grant)$`), "use the glossary's word: StoreLocation, upload memory, Result, PixelFormat, Migrations, LockedStore"},
}

// Every exported name, and every package-level constant and function, follows the glossary.
func TestNamesFollowTheGlossary(t *testing.T) {
	checked := 0
	for _, p := range packages(t) {
		if strings.HasSuffix(p.ImportPath, "/cmd/bonafide") {
			continue // its fields are the names of flags
		}
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			parsed, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range declared(parsed) {
				checked++
				if advice := adviceFor(name.Name); advice != "" {
					t.Errorf("%s: %s: %s", fset.Position(name.Pos()), name.Name, advice)
				}
			}
		}
	}
	if checked < 1000 {
		t.Fatalf("only %d names were checked: the test looks in the wrong folder", checked)
	}
}

// adviceFor returns what to write in place of the name; "" if it follows the glossary.
func adviceFor(name string) string {
	for _, u := range unwanted {
		if u.pattern.MatchString(name) {
			return u.advice
		}
	}
	return ""
}

// declared returns the names that a file declares at package level, with the fields and methods of its types.
func declared(file *ast.File) (names []*ast.Ident) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					names = append(names, s.Names...)
				case *ast.TypeSpec:
					names = append(names, s.Name)
					ast.Inspect(s.Type, func(n ast.Node) bool {
						if f, ok := n.(*ast.Field); ok {
							names = append(names, f.Names...)
						}
						return true
					})
				}
			}
		}
	}
	return names
}

func TestAdviceForNames(t *testing.T) {
	for name, unwanted := range map[string]bool{
		"mostFrames": true, "leastLuma": true, "MostMemory": true, "Take": true, "takeAny": true, "Insist": true, "Together": true,
		"Kept": true, "recitals": true, "Clip": true, "takes": false, "Mostly": false, "maxFrames": false, "Loader": false,
		"Eclipse": false, "addresses": false, "AtMost": false, "Placeholder": false, "CombineScores": false, "meeting": false, "RecordingInfo": false,
	} {
		if got := adviceFor(name) != ""; got != unwanted {
			t.Errorf("%s: unwanted is %v", name, got)
		}
	}
}
