// Command prose writes texts as Markdown for a prose linter: the help of every command, docs/openapi.yaml and Go comments. It
// does not check anything itself.
//
//	prose PROGRAM FOLDER GO-FILE ...
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "prose: give the program, a folder to write to, and Go files")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(1)
	}
}

func run(program, folder string, sources []string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var help strings.Builder
	if err := commands(program, nil, &help); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "help.md"), []byte(help.String()), 0o644); err != nil {
		return err
	}
	content, err := os.ReadFile("docs/openapi.yaml")
	if err != nil {
		return err
	}
	var root any
	if err := yaml.UnmarshalWithOptions(content, &root, yaml.UseOrderedMap()); err != nil {
		return err
	}
	var texts strings.Builder
	describe(root, &texts)
	if err := os.WriteFile(filepath.Join(folder, "openapi.md"), []byte(texts.String()), 0o644); err != nil {
		return err
	}
	for _, name := range sources {
		if err := comments(name, filepath.Join(folder, "go", name+".md")); err != nil {
			return err
		}
	}
	return nil
}

// comments writes the comments of a Go file as Markdown. Each line keeps its line number, so a linter's line is that of the Go
// file. Code in comments, which is indented, stays out.
func comments(name, to string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	lines := strings.Split(string(content), "\n")
	for i, line := range lines {
		text, ok := strings.CutPrefix(strings.TrimLeft(line, "\t"), "// ")
		if lines[i] = ""; ok && !strings.HasPrefix(text, "\t") {
			lines[i] = text
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, []byte(strings.Join(lines, "\n")), 0o644)
}

var (
	// A flag or argument with its help, which may go on in further lines.
	flagHelp = regexp.MustCompile(`^\s+(?:-\S.*?|[<\[].*?)\s{2,}(\S.*)$`)
	// The name of a sub-command that the help lists.
	subcommand = regexp.MustCompile(`^  ([a-z]+(?: [a-z]+)*)(?: [<\[-].*)?$`)
	variable   = regexp.MustCompile(`\(\$\w+\)`)
)

// commands writes the help of a command and of those below it, each sentence of the help as a paragraph.
func commands(program string, path []string, out *strings.Builder) error {
	text, err := exec.Command(program, append(path, "--help")...).Output()
	if err != nil {
		return fmt.Errorf("%s %s --help: %w", program, strings.Join(path, " "), err)
	}
	fmt.Fprintf(out, "# %s\n\n", strings.Join(append([]string{"bonafide"}, path...), " "))
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			fmt.Fprintf(out, "%s\n\n", variable.ReplaceAllString(strings.Join(paragraph, " "), ""))
		}
		paragraph = nil
	}
	listed, below := false, []string{}
	for _, line := range strings.Split(string(text), "\n") {
		listed = listed || strings.HasPrefix(line, "Commands:")
		name := subcommand.FindStringSubmatch(line)
		found := flagHelp.FindStringSubmatch(line)
		switch {
		case listed && name != nil:
			flush()
			below = append(below, name[1])
		case strings.TrimSpace(line) == "", strings.HasPrefix(line, "Usage:"), !strings.HasPrefix(line, " ") && strings.HasSuffix(line, ":"):
			flush()
		case found != nil:
			flush()
			paragraph = []string{found[1]}
		default:
			paragraph = append(paragraph, strings.TrimSpace(line))
		}
	}
	flush()
	for _, name := range below {
		if len(path) > 0 {
			break // the program's own help lists the commands of all levels
		}
		if err := commands(program, strings.Fields(name), out); err != nil {
			return err
		}
	}
	return nil
}

// describe writes the summaries and descriptions in a value of the API description, each as a paragraph.
func describe(value any, out *strings.Builder) {
	switch value := value.(type) {
	case yaml.MapSlice:
		for _, item := range value {
			text, ok := item.Value.(string)
			if ok && (item.Key == "summary" || item.Key == "description") {
				fmt.Fprintf(out, "%s\n\n", strings.TrimSpace(text))
			}
			describe(item.Value, out)
		}
	case []any:
		for _, item := range value {
			describe(item, out)
		}
	}
}
