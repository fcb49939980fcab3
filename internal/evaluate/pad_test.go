package evaluate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// padSet is small enough to count by hand. At 0.5 one of three answered prints and none of two replays pass. One of four answered
// bona fide pictures is turned away. One attack of six and two bona fide pictures of six get no response.
const padSet = `path,label,species,person,set
b1,bona_fide,,anna,office
b2,bona_fide,,anna,office
b3,bona_fide,,berta,office
b4,bona_fide,,carl,street
b5,bona_fide,,carl,street
b6,bona_fide,,,street
p1,attack,print,anna,office
p2,attack,print,berta,office
p3,attack,print,dora,street
p4,attack,print,dora,street
r1,attack,replay,anna,office
r2,attack,replay,berta,street
`

var padFiles = map[string]string{
	"b1": "live 0.9", "b2": "live 0.8", "b3": "attack 0.4", "b4": "live 0.5", "b5": "face_not_found", "b6": "undecided 0.7",
	"p1": "attack 0.1", "p2": "live 0.6", "p3": "attack 0.3", "p4": "image_not_readable",
	"r1": "attack 0.2", "r2": "attack 0.45",
}

func TestPADReport(t *testing.T) {
	file := writeTable(t, padSet, padFiles)
	scores := filepath.Join(t.TempDir(), "scores.csv")
	report, err := PAD(t.Context(), Options{File: file, Scores: scores, Workers: 3}, 0.5, parsePicture)
	if err != nil {
		t.Fatal(err)
	}
	all := report.All
	for name, c := range map[string]struct {
		got       *Rate
		count, of int
	}{
		"APCER":         {all.Operating.APCER, 1, 5},
		"highest APCER": {all.Operating.HighestAPCER, 1, 3},
		"BPCER":         {all.Operating.BPCER, 1, 4},
		"APNRR":         {all.APNRR, 1, 6},
		"BPNRR":         {all.BPNRR, 2, 6},
		"APCER print":   {all.Species[0].APCER, 1, 3},
		"APNRR print":   {all.Species[0].APNRR, 1, 4},
		"APCER replay":  {all.Species[1].APCER, 0, 2},
		// At 0.4 the replay of 0.45 passes too, and the bona fide 0.4 is accepted again.
		"APCER at 0.4":         {all.Thresholds[3].APCER, 2, 5},
		"highest APCER at 0.4": {all.Thresholds[3].HighestAPCER, 1, 2},
		"BPCER at 0.4":         {all.Thresholds[3].BPCER, 0, 4},
	} {
		if c.got == nil || c.got.Count != c.count || c.got.Of != c.of {
			t.Errorf("%s is %+v, want %d/%d", name, c.got, c.count, c.of)
		}
	}
	if all.Operating.Worst != "print" || all.Thresholds[3].Worst != "replay" {
		t.Errorf("worst species %q, at 0.4 %q", all.Operating.Worst, all.Thresholds[3].Worst)
	}
	// Bona fide .9 .8 .5 .4 against attacks .6 .45 .3 .2 .1: 17 of 20 pairs are in order.
	if !near(all.AUC.Value, 17./20, 1e-12) || all.People != 5 {
		t.Errorf("AUC %g, %d people", all.AUC.Value, all.People)
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
	compareGolden(t, "pad.txt", text.String())
	compareGolden(t, "pad.json", string(asJSON)+"\n")
	compareGolden(t, "pad_scores.csv", string(written))
	var back PADReport
	if err := json.Unmarshal(asJSON, &back); err != nil || back.All.Operating.APCER.Count != 1 {
		t.Errorf("read back %+v, error %v", back, err)
	}
}

func TestPADReportOfBonaFideAlone(t *testing.T) {
	file := writeTable(t, "path,label,species\na,bona_fide,\nb,bona_fide,\n", map[string]string{"a": "live 0.9", "b": "attack 0.1"})
	report, err := PAD(t.Context(), Options{File: file}, 0.5, parsePicture)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "pad_bona_fide.txt", text.String())
	if g := report.All; g.AUC != nil || g.Operating.APCER != nil || g.Operating.HTER != nil || g.BPNRR.Count != 0 {
		t.Errorf("group %+v", g)
	}
}

// The threshold of the report classifies, whatever threshold the check applied for its own outcome.
func TestPADThresholdClassifies(t *testing.T) {
	file := writeTable(t, twoPictures, map[string]string{"a": "live 0.6", "b": "live 0.55"})
	for threshold, want := range map[float64][2]int{0.5: {1, 0}, 0.55: {1, 0}, 0.58: {0, 0}, 0.6: {0, 0}, 0.61: {0, 1}} {
		report, err := PAD(t.Context(), Options{File: file}, threshold, parsePicture)
		if err != nil {
			t.Fatal(err)
		}
		if o := report.All.Operating; o.APCER.Count != want[0] || o.BPCER.Count != want[1] {
			t.Errorf("at %g: APCER %+v, BPCER %+v", threshold, *o.APCER, *o.BPCER)
		}
	}
}
