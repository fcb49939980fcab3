package system

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/internal/pad"
	"github.com/bonafide-id/bonafide/liveness"
)

// command runs the program and returns what it printed and its exit status.
func command(t testing.TB, args ...string) (out, fault string, status int) {
	t.Helper()
	c := exec.Command(program, append(args, "--models", models(t))...)
	var printed, errs bytes.Buffer
	c.Stdout, c.Stderr = &printed, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return printed.String(), errs.String(), c.ProcessState.ExitCode()
}

// labelledFolder returns a set of photographs of real people. One is labelled an attack: the figures mean nothing, the plumbing does.
func labelledFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for i, n := range []int{1, 5, 3} { // sharp ones
		if err := os.WriteFile(filepath.Join(folder, string(rune('1'+i))), photograph(t, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "broken"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	labels := filepath.Join(folder, "labels.csv")
	rows := "path,label,species,person\n1,bona_fide,,a\n2,bona_fide,,b\n3,attack,print,c\nbroken,attack,print,d\n"
	if err := os.WriteFile(labels, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	return labels
}

type padReport struct {
	Program   string
	Threshold float64
	Models    []struct{ ID string }
	All       struct {
		APNRR struct{ Count, Of int } `json:"apnrr"`
		BPNRR struct{ Count, Of int } `json:"bpnrr"`
	}
}

func TestEvaluationOfPictures(t *testing.T) {
	page := filepath.Join(t.TempDir(), "report.html")
	out, fault, status := command(t, "eval", "pad", labelledFolder(t), "--json", "--report", page)
	var report padReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != 0 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, fault)
	}
	if report.All.APNRR.Count != 1 || report.All.APNRR.Of != 2 || report.All.BPNRR.Count != 0 || len(report.Models) < 3 || report.Program == "" {
		t.Errorf("report %s", out)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "APCER print", "image_not_readable", report.Program, ">" + report.Models[0].ID + "<"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

func TestThresholdOfAnOperator(t *testing.T) {
	labels := labelledFolder(t)
	out, fault, status := command(t, "threshold", "--max-bpcer", "0", labels, "--json")
	var choice struct {
		padReport
		Limit struct{ Rate string }
	}
	if err := json.Unmarshal([]byte(out), &choice); err != nil || status != 0 || choice.Limit.Rate != "bpcer" ||
		choice.Threshold < 0 || choice.Threshold > 1 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, fault)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--max-apcer", "0.05", "--conservative"}, 1, "60 pictures"},
		{nil, 2, "--max-apcer"},
		{[]string{"--max-apcer", "0.1", "--max-bpcer", "0.1"}, 2, "--max-bpcer"},
		{[]string{"--max-apcer", "5"}, 2, "less than 1"},
	} {
		if out, fault, status := command(t, append([]string{"threshold", labels}, c.args...)...); status != c.status || !strings.Contains(fault, c.want) || out != "" {
			t.Errorf("%v: status %d, %q, printed %q", c.args, status, fault, out)
		}
	}
}

// The shipped table: at a higher threshold more bona fide people are turned away and fewer attacks pass, in each block.
func TestOperatingPoints(t *testing.T) {
	for _, configuration := range []string{"all weights", "free weights only"} {
		args := []string{"threshold", "--table", "--json"}
		if configuration == "free weights only" {
			args = append(args, "--free-weights-only")
		}
		out, fault, status := command(t, args...)
		var tables []pad.Points
		if err := json.Unmarshal([]byte(out), &tables); err != nil || status != 0 || len(tables) == 0 {
			t.Fatalf("status %d, %v: %s%s", status, err, out, fault)
		}
		for _, table := range tables {
			if table.Configuration != configuration {
				t.Errorf("%v printed the table of %s", args, table.Configuration)
			}
			for i := range table.Thresholds[1:] {
				if table.Thresholds[i+1] <= table.Thresholds[i] || table.BPCER.Rates[i+1] < table.BPCER.Rates[i] || table.BPCER.Pictures == 0 || len(table.APCER) == 0 {
					t.Errorf("%s: after threshold %v: %+v", table.Cameras, table.Thresholds[i], table.BPCER)
				}
				for _, r := range table.APCER {
					if r.Rates[i+1] > r.Rates[i] || r.Low[i] > r.High[i] {
						t.Errorf("%s: %s after threshold %v: %+v", table.Cameras, r.Species, table.Thresholds[i], r)
					}
				}
			}
		}
	}
	if out, _, status := command(t, "threshold", "--table"); status != 0 || !strings.Contains(out, "new cameras") || strings.Count(out, "\n") > 24 {
		t.Errorf("status %d, not one screen: %s", status, out)
	}
	if _, fault, status := command(t, "threshold", "--table", labelledFolder(t)); status != 2 || !strings.Contains(fault, "no file") {
		t.Errorf("a file beside --table: status %d, %s", status, fault)
	}
}

func TestSeveralPicturesOfOnePresentation(t *testing.T) {
	folder := filepath.Dir(labelledFolder(t))
	out, fault, status := command(t, "check", "picture", "--together", "--largest-face", "--json", filepath.Join(folder, "1"), filepath.Join(folder, "2"), filepath.Join(folder, "broken"))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var together struct{ liveness.Verdict }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &together); err != nil || status != 0 || len(lines) != 4 || together.Score == nil {
		t.Errorf("status %d, %v: %s%s", status, err, out, fault)
	}
	out, _, _ = command(t, "check", "picture", "--together", filepath.Join(folder, "broken"))
	if !strings.Contains(out, "together: undecided, image_not_readable") {
		t.Errorf("nothing to go by: %s", out)
	}
}

// An operator who may not use weights that were trained on research data runs without any.
func TestFreeWeightsOnly(t *testing.T) {
	out, _, _ := command(t, "models", "list", "--json")
	var listed []struct{ ID, Terms string }
	if err := json.Unmarshal([]byte(out), &listed); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	terms := map[string]string{}
	for _, m := range listed {
		terms[m.ID] = m.Terms
	}
	used := func(args ...string) (research int) {
		t.Helper()
		out, fault, status := command(t, append([]string{"eval", "pad", labelledFolder(t), "--json"}, args...)...)
		var report padReport
		if err := json.Unmarshal([]byte(out), &report); err != nil || status != 0 || len(report.Models) < 3 {
			t.Fatalf("status %d, %v: %s%s", status, err, out, fault)
		}
		for _, m := range report.Models {
			if terms[m.ID] != "free" {
				research++
			}
		}
		return research
	}
	if n := used(); n == 0 {
		t.Error("no model of this program was trained on research data: the setting does nothing")
	}
	if n := used("--free-weights-only"); n != 0 {
		t.Errorf("%d models that were trained on research data took part", n)
	}
	s := launch(t, t.TempDir(), "--free-weights-only")
	ready := s.must("GET", "/readyz", "", nil, nil)
	if !strings.Contains(string(ready.body), "covered faces") || !strings.Contains(s.logs.String(), "covered faces") {
		t.Errorf("what is not checked is not said: %s\n%s", ready.body, s.logs)
	}
}
