package evaluate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// spokenFile is a recording of the tests: a line for each phrase, and what it scores.
type spokenFile map[string]liveness.Verdict

func (s spokenFile) Verdict(phrase string) liveness.Verdict {
	if verdict, ok := s[phrase]; ok {
		return verdict
	}
	return s["else"]
}

func readSpoken(_ context.Context, data []byte, _ string) (Recording, error) {
	spoken := spokenFile{}
	for line := range strings.Lines(string(data)) {
		phrase, verdict, _ := strings.Cut(strings.TrimSpace(line), ": ")
		spoken[phrase] = parse(verdict)
	}
	return spoken, nil
}

// phraseSet is small enough to count by hand. Genuine: .995, .97, .3, a user error. Impostors: .985, .2, .1, .6, two
// user errors.
const phraseSet = `path,spoken,claimed,person,kind
a.mp4,1234,1234,anna,genuine
a.mp4,1234,1243,anna,swapped
b.mp4,5678,5678,berta,genuine
b.mp4,5678,9999,berta,random
c.mp4,9876,9876,berta,genuine
a.mp4,1234,9999,anna,random
b.mp4,5678,5687,berta,swapped
d.mp4,1111,1111,,genuine
d.mp4,1111,9999,,random
still.mp4,,1234,anna,still
`

var phraseFiles = map[string]string{
	"a.mp4":     "1234: live 0.995\n1243: live 0.985\nelse: attack 0.1\n",
	"b.mp4":     "5678: live 0.97\n5687: attack 0.6\nelse: attack 0.2\n",
	"c.mp4":     "9876: attack 0.3\n",
	"d.mp4":     "else: too_blurry\n",
	"still.mp4": "else: lips_not_moving\n",
}

func TestPhraseReport(t *testing.T) {
	scores := filepath.Join(t.TempDir(), "scores.csv")
	var reads atomic.Int32
	report, err := Phrase(t.Context(), Options{File: writeTable(t, phraseSet, phraseFiles), Scores: scores, Workers: 2},
		func(ctx context.Context, data []byte, models string) (Recording, error) {
			reads.Add(1)
			return readSpoken(ctx, data, models)
		})
	if err != nil {
		t.Fatal(err)
	}
	if reads.Load() != 5 {
		t.Errorf("%d reads of 5 files", reads.Load())
	}
	for i, want := range []struct{ far, frr int }{{2, 2}, {1, 2}, {1, 3}, {0, 3}} { // 50, 90, 98, 99
		if p := report.All.Thresholds[i]; p.FAR.Count != want.far || p.FAR.Of != 6 || p.FRR.Count != want.frr || p.FRR.Of != 4 {
			t.Errorf("at %g: FAR %+v, FRR %+v, want %+v", p.Threshold, *p.FAR, *p.FRR, want)
		}
	}
	// Of 24 pairs .995 wins 6, .97 wins 5, .3 wins 4, and 0 ties with two user errors.
	if auc := report.All.AUC.Value; !near(auc, 16./24, 1e-12) || report.All.People != 3 {
		t.Errorf("AUC %g, %d people", auc, report.All.People)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(scores)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "phrase.txt", text.String())
	compareGolden(t, "phrase.json", string(asJSON)+"\n")
	compareGolden(t, "phrase_scores.csv", string(written))
}

// A score that comes with a reason is not one: the protocol answers 0.
func TestPhraseReasonOutweighsScore(t *testing.T) {
	high := liveness.Score(0.999)
	report, err := Phrase(t.Context(), Options{File: writeTable(t, "path,spoken,claimed\na,12,12\n", map[string]string{"a": ""})},
		func(context.Context, []byte, string) (Recording, error) {
			return spokenFile{"else": {Score: &high, Reason: liveness.FaceChanged}}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.trials[0]; got.score != 0 || got.reason != liveness.FaceChanged {
		t.Errorf("trial %+v", got)
	}
}

func TestPhraseIsScoredByTheModelsOfTheTable(t *testing.T) {
	name := writeTable(t, "path,spoken,claimed,models\na,12,12,folds/anna\nb,12,12,\n", map[string]string{"a": "a", "b": "b"})
	got := map[string]string{}
	_, err := Phrase(t.Context(), Options{File: name, Workers: 1},
		func(_ context.Context, data []byte, models string) (Recording, error) {
			got[string(data)] = models
			return spokenFile{}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(name), "folds/anna"); got["a"] != want || got["b"] != "" {
		t.Errorf("judged by %q, not by %q and the program's own", got, want)
	}
}

func TestPhraseOrderIsTheFiles(t *testing.T) {
	files, table := map[string]string{}, "path,spoken,claimed\n"
	for i := range 300 {
		name := fmt.Sprintf("%d.mp4", i%50)
		files[name] = "else: live 0.5"
		table += fmt.Sprintf("%s,1,%d\n", name, i)
	}
	report, err := Phrase(t.Context(), Options{File: writeTable(t, table, files), Workers: 8}, readSpoken)
	if err != nil {
		t.Fatal(err)
	}
	for i, trial := range report.trials {
		if trial.claimed != fmt.Sprint(i) || trial.score != 50 {
			t.Fatalf("trial %d is %+v", i, trial)
		}
	}
}
