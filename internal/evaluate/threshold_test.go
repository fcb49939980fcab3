package evaluate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func chooseThreshold(t *testing.T, table string, files map[string]string, limit Limit) (Choice, error) {
	t.Helper()
	report, err := PAD(t.Context(), Options{File: writeTable(t, table, files)}, 0.5, parsePicture)
	if err != nil {
		t.Fatal(err)
	}
	return report.Choose(limit)
}

func TestThresholdOfAKnownCase(t *testing.T) {
	// Bona fide .9 .8 .5 .4; prints .6 .3 .1, replays .45 .2.
	for _, c := range []struct {
		limit     Limit
		threshold float64
		species   map[string]int // errors of each
		bpcer     int
	}{
		// No attack passes above .6, and up to .8 that costs the two bona fide pictures below.
		{Limit{APCER, 0, false}, 0.7, map[string]int{"print": 0, "replay": 0}, 2},
		// One of three prints may pass: above .45 up to .5, at the cost of .4.
		{Limit{APCER, 0.4, false}, 0.48, map[string]int{"print": 1, "replay": 0}, 1},
		// One of two replays may, too: above .3 up to .4, at no cost.
		{Limit{APCER, 0.5, false}, 0.35, map[string]int{"print": 1, "replay": 1}, 0},
		{Limit{BPCER, 0, false}, 0.35, map[string]int{"print": 1, "replay": 1}, 0},
		{Limit{BPCER, 0.25, false}, 0.48, map[string]int{"print": 1, "replay": 0}, 1},
		{Limit{BPCER, 0.5, false}, 0.7, map[string]int{"print": 0, "replay": 0}, 2},
		// All bona fide pictures except one gain nothing more.
		{Limit{BPCER, 0.75, false}, 0.7, map[string]int{"print": 0, "replay": 0}, 2},
	} {
		got, err := chooseThreshold(t, padSet, padFiles, c.limit)
		if err != nil {
			t.Errorf("%+v: %v", c.limit, err)
			continue
		}
		if !near(got.Threshold, c.threshold, 0.01) || got.All.Operating.BPCER.Count != c.bpcer {
			t.Errorf("%+v: threshold %v, BPCER %+v", c.limit, got.Threshold, *got.All.Operating.BPCER)
		}
		for _, s := range got.All.Species {
			if s.APCER.Count != c.species[s.Name] {
				t.Errorf("%+v: APCER of %s is %+v", c.limit, s.Name, *s.APCER)
			}
		}
	}
}

// Of random sets, no other threshold keeps the limit at a lower cost.
func TestThresholdAgainstBruteForce(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	for round := range 60 {
		table, files := "path,label,species\n", map[string]string{}
		for i := range 4 + random.IntN(30) {
			label := []string{"bona_fide,", "attack,print", "attack,replay"}[random.IntN(3)]
			if i < 2 {
				label = []string{"bona_fide,", "attack,print"}[i]
			}
			table += fmt.Sprintf("%d,%s\n", i, label)
			files[fmt.Sprint(i)] = fmt.Sprintf("live %.2f", float64(random.IntN(30))/29)
		}
		limit := Limit{[]ErrorRate{APCER, BPCER}[round%2], float64(random.IntN(5)) / 10, round%4 > 1}
		report, err := PAD(t.Context(), Options{File: writeTable(t, table, files)}, 0.5, parsePicture)
		if err != nil {
			t.Fatal(err)
		}
		got, err := report.Choose(limit)
		lowest := -1
		for thousandth := range 1001 {
			if kept, cost := costAt(report, limit, float64(thousandth)/1000); kept && (lowest < 0 || cost < lowest) {
				lowest = cost
			}
		}
		if (err != nil) != (lowest < 0) {
			t.Fatalf("%+v: error %v, lowest cost %d", limit, err, lowest)
		}
		if err != nil {
			continue
		}
		if kept, cost := costAt(report, limit, got.Threshold); !kept || cost != lowest {
			t.Fatalf("%+v: %v keeps it: %v, at a cost of %d, and the lowest is %d", limit, got.Threshold, kept, cost, lowest)
		}
	}
}

// costAt reports whether a threshold keeps the limit, and how many errors of the other kind it makes.
func costAt(r PADReport, l Limit, threshold float64) (kept bool, cost int) {
	wrong, of := map[string]int{}, map[string]int{}
	attacksWrong := 0
	for _, p := range r.labels.pictures {
		of[p.species]++
		if p.bonaFideAt(threshold) == p.attack {
			wrong[p.species]++
			if p.attack {
				attacksWrong++
			}
		}
	}
	if l.Rate == BPCER {
		return l.valueOf(rate(wrong[""], of[""])) <= l.AtMost, attacksWrong
	}
	for species, n := range of {
		if species != "" && l.valueOf(rate(wrong[species], n)) > l.AtMost {
			return false, 0
		}
	}
	return true, wrong[""]
}

func TestConservativeThreshold(t *testing.T) {
	// A hundred prints score 0 to .99, a hundred bona fide pictures 1.
	table, files := "path,label,species,person\n", map[string]string{}
	for i := range 100 {
		table += fmt.Sprintf("a%d,attack,print,p%d\nb%d,bona_fide,,p%d\n", i, i%50, i, i%50)
		files[fmt.Sprintf("a%d", i)] = fmt.Sprintf("attack %.2f", float64(i)/100)
		files[fmt.Sprintf("b%d", i)] = "live 1"
	}
	got, err := chooseThreshold(t, table, files, Limit{APCER, 0.1, true})
	if err != nil || got.Threshold <= 0.99 {
		t.Errorf("threshold %v, error %v", got.Threshold, err) // accepting attacks gains nothing
	}
	// Fifty people without an error bound it at 6%, however many pictures they have.
	if _, err = chooseThreshold(t, table, files, Limit{APCER, 0.05, true}); err == nil || !strings.Contains(err.Error(), "60 pictures") ||
		!strings.Contains(err.Error(), "APCER of print is 0/100") || !strings.Contains(err.Error(), "6.00%") {
		t.Errorf("error %v", err)
	}
}

func TestNoThreshold(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		limit Limit
		want  string
	}{
		"an attack scores 1": {map[string]string{"a": "live 0.9", "b": "live 1"}, Limit{APCER, 0.5, false}, "APCER of print is 1/1 = 100.00%"},
		"too few pictures":   {map[string]string{"a": "live 0.9", "b": "attack 0.1"}, Limit{BPCER, 0.05, true}, "60 pictures"},
		"no bona fide":       {map[string]string{"a": "face_not_found", "b": "live 1"}, Limit{APCER, 0.5, false}, "needs both"},
		"no rate":            {map[string]string{"a": "live 0.9", "b": "live 1"}, Limit{APCER, 5, false}, "APCER is 5"},
		"not a number":       {map[string]string{"a": "live 0.9", "b": "live 1"}, Limit{BPCER, nan(), false}, "BPCER is NaN"},
	} {
		if got, err := chooseThreshold(t, twoPictures, c.files, c.limit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: threshold %v, error %v", name, got.Threshold, err)
		}
	}
}

func TestRoundestThresholdLiesInItsStep(t *testing.T) {
	for _, c := range []struct{ low, high, want float64 }{
		{0.3, 0.8, 0.6}, {0.3, 0.4, 0.35}, {0.9998, 0.99982, 0.99981}, {math.Inf(-1), 0.2, 0.1}, {0.01, 1, 0.5},
		{0.5, 0.5000000000000001, 0.5000000000000001}, {0.45, 0.5, 0.48},
	} {
		if got := (step{low: c.low, high: c.high}).roundestThreshold(); !near(got, c.want, 1e-15) || !(got > c.low && got <= c.high) {
			t.Errorf("above %v up to %v: %v, want %v", c.low, c.high, got, c.want)
		}
	}
}

func TestChoiceReads(t *testing.T) {
	choice, err := chooseThreshold(t, padSet, padFiles, Limit{APCER, 0.4, false})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := choice.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "threshold.txt", text.String())
	asJSON, err := json.Marshal(choice)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Limit     Limit
		Threshold float64
		All       PADGroup
	}
	if err := json.Unmarshal(asJSON, &back); err != nil || back.Limit != choice.Limit || back.Threshold != choice.Threshold ||
		back.All.Operating.BPCER.Count != 1 {
		t.Errorf("%s, error %v", asJSON, err)
	}
}
