// Program skips runs go test and fails if a test was skipped that skips.txt does not name: what was skipped was not tested.
// It takes the arguments of go test, and prints what go test would print, then one line of counts.
//
//	go run ./test/skips -timeout 20m ./...
package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

//go:embed skips.txt
var list string

func main() {
	allowed, err := parseList(list)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/skips/skips.txt:", err)
		os.Exit(2)
	}
	code, err := run(append([]string{"test", "-json"}, os.Args[1:]...), allowed, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
	}
	os.Exit(code)
}

// run runs go with the arguments, and returns the exit status: go's, or 1 if a test was skipped that is not allowed.
func run(args []string, allowed map[string]string, out io.Writer) (code int, err error) {
	command := exec.Command("go", args...)
	command.Stderr = os.Stderr
	events, err := command.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := command.Start(); err != nil {
		return 1, err
	}
	r := &report{out: out, allowed: allowed, outputs: map[string]*strings.Builder{}}
	read := r.read(events)
	ended := command.Wait()
	good := r.close()
	var exit *exec.ExitError
	switch {
	case errors.As(ended, &exit):
		return max(exit.ExitCode(), 1), read // a signal has no exit status
	case ended != nil || read != nil:
		return 1, errors.Join(ended, read)
	case !good:
		return 1, nil
	}
	return 0, nil
}

// parseList reads lines "PACKAGE TEST REASON…". Empty lines and those that begin with # are comments. The package is
// without the module's path; the test is a name as go test prints it.
func parseList(text string) (reasons map[string]string, err error) {
	reasons = map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 3 {
			return nil, fmt.Errorf("%q: write the package, the test and the reason", line)
		}
		reasons[words[0]+" "+words[1]] = strings.Join(words[2:], " ")
	}
	return reasons, nil
}

const module = "github.com/bonafide-id/bonafide/"

// event is a line of go test -json; see `go doc test2json`.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// report collects the results of tests, and prints what go test prints without -json and -v.
type report struct {
	out     io.Writer
	allowed map[string]string
	// outputs has what each test printed and did not end with yet, by package and test.
	outputs                 map[string]*strings.Builder
	passed, failed, skipped int
	// refused has a line for each skipped test that is not allowed.
	refused []string
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.out, "%s", line) // go itself writes lines that are not JSON
			} else {
				r.add(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) add(e event) {
	key := strings.TrimPrefix(e.Package, module) + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.output(key, e)
	case "pass", "fail", "skip":
		if e.Test != "" {
			r.end(key, e.Action)
		}
	}
}

// output keeps what a test prints until it ends, and prints what a package prints, such as its last line.
func (r *report) output(key string, e event) {
	if e.Test == "" {
		if e.Output != "PASS\n" {
			fmt.Fprint(r.out, e.Output)
		}
		return
	}
	if strings.HasPrefix(e.Output, "=== ") {
		return
	}
	if r.outputs[key] == nil {
		r.outputs[key] = &strings.Builder{}
	}
	r.outputs[key].WriteString(e.Output)
}

func (r *report) end(key, action string) {
	text := ""
	if r.outputs[key] != nil {
		text = r.outputs[key].String()
		delete(r.outputs, key)
	}
	switch action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprint(r.out, text)
	case "skip":
		r.skipped++
		if reason, named := r.allowed[key]; named {
			fmt.Fprintf(r.out, "skipped as test/skips/skips.txt says: %s: %s\n", key, reason)
		} else {
			r.refused = append(r.refused, "SKIPPED "+key+"\n"+text)
		}
	}
}

// close prints what is left, and returns false if a test was skipped that is not allowed.
func (r *report) close() (good bool) {
	for _, text := range r.outputs { // of tests that did not end: the process crashed or ran out of time
		fmt.Fprint(r.out, text.String())
	}
	slices.Sort(r.refused)
	for _, line := range r.refused {
		fmt.Fprint(r.out, line)
	}
	if n := len(r.refused); n > 0 {
		fmt.Fprintf(r.out, "%d skipped tests are not in test/skips/skips.txt: install what they lack, or name them there with the reason\n", n)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return len(r.refused) == 0
}
