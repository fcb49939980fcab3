package evaluate

import (
	"context"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

var (
	weights = []liveness.ModelRef{{ID: "net", Version: "2", SHA256: strings.Repeat("ab", 32)}, {ID: "eyes", Version: "1", SHA256: strings.Repeat("c0", 32)}}
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	svg     = regexp.MustCompile(`(?s)<svg.*?</svg>`)
)

// withWeights makes the first picture's check name one model and the others' two.
func withWeights(_ context.Context, data []byte) (liveness.Verdict, error) {
	v := parse(string(data))
	if v.Models = weights; string(data) == padFiles["b1"] {
		v.Models = weights[:1]
	}
	return v, nil
}

func padPage(t *testing.T, table string, files map[string]string) (PADReport, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.html")
	report, err := PAD(t.Context(), Options{File: writeTable(t, table, files), Page: name, Program: "1.2", Began: noon}, 0.5, withWeights)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, string(text))
	return report, string(text)
}

// checkPage holds what any page must: charts that are well formed, no script, nothing that is asked for.
func checkPage(t *testing.T, text string) {
	t.Helper()
	for _, chart := range svg.FindAllString(text, -1) {
		for decoder := xml.NewDecoder(strings.NewReader(chart)); ; {
			if _, err := decoder.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("a chart is not XML: %v\n%s", err, chart)
			}
		}
		for _, wrong := range []string{"NaN", "Inf"} {
			if strings.Contains(chart, wrong) {
				t.Errorf("a chart has %s:\n%s", wrong, chart)
			}
		}
	}
	for _, asked := range []string{"<script", "<link", "<img", "<iframe", "@import", "url(", "src=", "onload", "<?xml"} {
		if strings.Contains(text, asked) {
			t.Errorf("the page has %s", asked)
		}
	}
	for _, address := range regexp.MustCompile(`https?://[^"'\s<]*`).FindAllString(text, -1) {
		if !strings.HasPrefix(address, "http://www.w3.org/") { // the names of SVG
			t.Errorf("the page has the address %s", address)
		}
	}
}

func TestPADPage(t *testing.T) {
	report, text := padPage(t, padSet, padFiles)
	compareGolden(t, "pad.html", svg.ReplaceAllString(text, "<svg/>"))
	if got := report.Models; len(got) != 2 || got[0] != weights[0] || got[1] != weights[1] {
		t.Errorf("models %+v", got)
	}
	charts := svg.FindAllString(text, -1)
	if len(charts) != 3*6 { // of all and of each of two sets: three charts, three histograms
		t.Errorf("%d charts", len(charts))
	}
	for _, name := range []string{">all attacks<", ">print<", ">replay<"} {
		if !strings.Contains(charts[0], name) {
			t.Errorf("the first chart has no %s", name)
		}
	}
	// The bona fide scores .9 .8 .5 .4 are in four bars, each filled once.
	if bars := strings.Count(charts[3], `fill:#AAAAAA`); bars != 4 {
		t.Errorf("%d bars of four scores", bars)
	}
}

func TestPageOfHostileNames(t *testing.T) {
	const name = `<script>alert("1")</script>&amp;]]>`
	table := "path,label,species,set\nb,bona_fide,,\"" + strings.ReplaceAll(name, `"`, `""`) + "\"\na,attack,\"" +
		strings.ReplaceAll(name, `"`, `""`) + "\",s\nc,attack," + strings.Repeat("long ", 1000) + ",s\n"
	_, text := padPage(t, table, map[string]string{"a": "live 0.6", "b": "live 0.7", "c": "attack 0.1"})
	if strings.Contains(text, `alert("1")`) || !strings.Contains(text, "&lt;script&gt;") {
		t.Error("the name is not escaped")
	}
}

// Sets without one kind, or without any response, have a page too.
func TestPagesOfPoorSets(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"bona fide alone": {"a": "live 0.9", "b": "face_not_found"},
		"attacks alone":   {"a": "face_not_found", "b": "attack 0"},
		"no response":     {"a": "face_not_found", "b": "face_not_found"},
		"ends of scores":  {"a": "live 1", "b": "attack 0"},
		"all the same":    {"a": "live 0.5", "b": "live 0.5"},
	} {
		t.Run(name, func(t *testing.T) { padPage(t, twoPictures, files) })
	}
}

func TestPhrasePage(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report.html")
	_, err := Phrase(t.Context(), Options{File: writeTable(t, phraseSet, phraseFiles), Page: name, Program: "1.2", Began: noon}, readSpoken)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, string(text))
	compareGolden(t, "phrase.html", svg.ReplaceAllString(string(text), "<svg/>"))
	charts := svg.FindAllString(string(text), -1)
	if len(charts) != 4+4 {
		t.Fatalf("%d charts", len(charts))
	}
	for chart, names := range map[int][]string{0: {"all", "random", "still", "swapped"}, 1: {"all", "anna", "berta"}} {
		for _, name := range names {
			if !strings.Contains(charts[chart], ">"+name+"<") {
				t.Errorf("chart %d has no %s", chart, name)
			}
		}
	}
	if strings.Contains(charts[0], ">genuine<") {
		t.Error("the kind of the genuine trials is among the impostors'")
	}
}

func TestPageThatCannotBeWrittenStopsTheStart(t *testing.T) {
	_, err := PAD(t.Context(), Options{File: writeTable(t, twoPictures, map[string]string{"a": "live 1", "b": "attack 0"}), Page: t.TempDir()}, 0.5,
		func(context.Context, []byte) (liveness.Verdict, error) {
			t.Error("a picture was checked")
			return liveness.Verdict{}, nil
		})
	if err == nil || !strings.Contains(err.Error(), "report") {
		t.Errorf("error %v", err)
	}
}
