// Package docs compares the pages in docs/ with the program: tables of codes and settings, links, JSON. It does not check their
// prose.
package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/liveness"
)

var update = flag.Bool("update", false, "rewrite the table in docs/configuration.md")

const root = "../.."

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The names are those of the published list; what the person reads comes from package liveness.
func TestUserErrorsOfLipSecure(t *testing.T) {
	names := map[int]string{
		1001: "VIDEO_TOO_SHORT", 1002: "POOR_ILLUMINATION", 1003: "FACE_NOT_FOUND", 1004: "TOO_MANY_FACES",
		1005: "FACE_TOO_SMALL", 1006: "FACE_TOO_CLOSE", 1007: "FACE_ANGLE_TOO_LARGE", 1008: "MOUTH_NOT_VISIBLE",
		1009: "LIPS_NOT_MOVING", 1010: "VIDEO_TOO_BLURRY", 1011: "FRAME_RATE_TOO_LOW", 1012: "FACE_CHANGED",
		1013: "VIDEO_NOT_READABLE", 1014: "VIDEO_TOO_LONG",
	}
	text := page(t, "lipsecure.md")
	rows := regexp.MustCompile(`(?m)^\| (1\d{3}) \| (\w+) \| .* \| (.*) \|$`).FindAllStringSubmatch(text, -1)
	if len(rows) != len(names) {
		t.Errorf("the page has %d codes, the protocol %d", len(rows), len(names))
	}
	sentences := map[string][]string{}
	for _, reason := range liveness.Reasons() {
		code := fmt.Sprint(reason.LipSecure)
		sentences[code] = append(sentences[code], reason.Sentence)
	}
	for i, row := range rows {
		code, name, sentence := row[1], row[2], row[3]
		if code != fmt.Sprint(1001+i) || name != names[1001+i] {
			t.Errorf("row %d is %s %s", i, code, name)
		}
		if len(sentences[code]) == 0 || sentences[code][0] != sentence {
			t.Errorf("%s: the page says %q, the program %q", code, sentence, sentences[code])
		}
	}
}

func TestErrorsOfFaceLiveness(t *testing.T) {
	text := page(t, "face-liveness.md")
	for _, reason := range liveness.Reasons() {
		if reason.FaceLiveness != "" && !strings.Contains(text, "| `"+reason.FaceLiveness+"` |") {
			t.Errorf("the page does not explain %s", reason.FaceLiveness)
		}
	}
}

// TestAdviceInEveryLanguage: English is the server's own sentence.
func TestAdviceInEveryLanguage(t *testing.T) {
	for _, language := range []string{"de", "ar"} {
		words, err := os.ReadFile(filepath.Join(root, "web", "capture", "src", "words", language+".ts"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range liveness.Reasons() {
			if elsewhere := r.Reason == liveness.ImageNotFetched; !elsewhere && !strings.Contains(string(words), "    "+string(r.Reason)+": ") {
				t.Errorf("%s.ts has no advice for %s", language, r.Reason)
			}
		}
	}
}

// settings returns the table of docs/configuration.md as the program declares it.
func settings(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&config.Config{}, kong.DefaultEnvars("BONAFIDE"))
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| setting | environment | default | |\n|---|---|---|---|\n")
	for _, f := range parser.Model.Flags {
		if f.Name == "help" {
			continue
		}
		value := "none"
		if f.Default != "" {
			value = "`" + f.Default + "`"
		} else if f.IsBool() {
			value = "`false`"
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n", f.Name, strings.Join(f.Envs, ", "), value, f.Help)
	}
	return table.String()
}

func TestSettings(t *testing.T) {
	const begin, end = "<!-- settings -->\n", "<!-- end of settings -->"
	text := page(t, "configuration.md")
	before, rest, found := strings.Cut(text, begin)
	table, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatal("the page has no place for the table")
	}
	want := settings(t)
	if *update {
		name := filepath.Join(root, "docs", "configuration.md")
		if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("docs/configuration.md differs from package config; run: go test ./test/docs -update\n--- page\n%s--- program\n%s", table, want)
	}
}

// Every setting of an account is explained, and the limits of faces with their defaults.
func TestSettingsOfAnAccount(t *testing.T) {
	text := page(t, "configuration.md")
	for i, settings := 0, reflect.TypeFor[account.Settings](); i < settings.NumField(); i++ {
		key, _, _ := strings.Cut(settings.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(text, "\n| `"+key+"` | ") {
			t.Errorf("the page does not explain %s", key)
		}
	}
	explained := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\| ([0-9., ]+) \\| ").FindAllStringSubmatch(text, -1) {
		values := strings.Split(row[2], ", ")
		for i, key := range strings.Split(row[1], ", ") {
			explained[strings.Trim(key, "`")] = values[min(i, len(values)-1)]
		}
	}
	defaults := reflect.ValueOf(quality.DefaultLimits)
	for i := range defaults.NumField() {
		key, _, _ := strings.Cut(defaults.Type().Field(i).Tag.Get("json"), ",")
		if want := fmt.Sprint(defaults.Field(i)); explained[key] != want {
			t.Errorf("%s: the page says %q, the program %s", key, explained[key], want)
		}
		delete(explained, key)
	}
	if len(explained) > 0 {
		t.Errorf("the page explains limits that do not exist: %v", explained)
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(names) < 3 {
		t.Fatalf("pages %v, error %v", names, err)
	}
	return names
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	for _, name := range append(append(pages(t), filepath.Join(root, "README.md")), pagesOfClients(t)...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			target, anchor := found[1], strings.TrimPrefix(found[2], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = filepath.Join(filepath.Dir(name), target)
			}
			content, err := os.ReadFile(file)
			if _, missing := os.Stat(file); missing != nil {
				t.Errorf("%s links to %s: %v", name, target, missing)
			} else if anchor != "" && (err != nil || !hasHeading(string(content), anchor)) {
				t.Errorf("%s links to #%s of %s, which has no such heading", name, anchor, file)
			}
		}
	}
}

// pagesOfClients returns the pages in sdk/.
func pagesOfClients(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "sdk", "*", "README.md"))
	if err != nil || len(names) != 4 {
		t.Fatalf("pages %v, error %v", names, err)
	}
	return append(names, filepath.Join(root, "sdk", "README.md"))
}

// The programs that the pages of the clients show are the examples in sdk/, which the test of the clients runs.
func TestExamplesOfTheClients(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```\\w+ file=(\\S+)\n(.*?)^```$")
	shown := 0
	for _, name := range append(pagesOfClients(t), filepath.Join(root, "docs", "clients.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Dir(name)
		if filepath.Base(name) == "clients.md" {
			folder = root
		}
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			shown++
			if program, err := os.ReadFile(filepath.Join(folder, found[1])); err != nil || string(program) != found[2] {
				t.Errorf("%s does not show %s as it is; error %v", name, found[1], err)
			}
		}
	}
	if shown != 8 {
		t.Errorf("%d programs are shown", shown)
	}
}

// hasHeading reports whether a heading of the page has the anchor that repository sites give it.
func hasHeading(text, anchor string) bool {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}

func TestJSONOfThePages(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```json.*?\n(.*?)^```$")
	for _, name := range pages(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			if !json.Valid([]byte(found[1])) {
				t.Errorf("%s: this is not JSON:\n%s", name, found[1])
			}
		}
	}
}

// Every key of the reports of eval is explained.
func TestKeysOfTheReports(t *testing.T) {
	text := page(t, "evaluation.md")
	for _, name := range []string{"pad.json", "phrase.json"} {
		report, err := os.ReadFile(filepath.Join(root, "internal", "evaluate", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(string(report), -1) {
			if key := found[1]; !strings.Contains(text, "`"+key+"`") && !strings.Contains(text, `"`+key+`"`) {
				t.Errorf("%s: %s is not explained", name, key)
			}
		}
	}
}
