package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
	"github.com/bonafide-id/bonafide/models"
)

func TestResearchWeightsAreWarnedOfOnce(t *testing.T) {
	manifest, err := models.Read()
	if err != nil {
		t.Fatal(err)
	}
	var all, free, own []liveness.ModelRef
	for _, e := range manifest.Models {
		all = append(all, liveness.ModelRef{ID: e.ID, SHA256: e.SHA256})
		own = append(own, liveness.ModelRef{ID: e.ID, SHA256: "own"})
		if e.Terms != models.ResearchData {
			free = append(free, all[len(all)-1])
		}
	}
	for _, c := range []struct {
		name  string
		used  []liveness.ModelRef
		lines int
	}{{"all", append(all, all...), 1}, {"free", free, 0}, {"own", own, 0}} {
		var out bytes.Buffer
		if err := warnOfResearchWeights(slog.New(slog.NewTextHandler(&out, nil)), c.used); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "\n"); got != c.lines || c.lines > 0 && !strings.Contains(out.String(), "free-weights-only") {
			t.Errorf("%s weights: %d warnings, want %d: %s", c.name, got, c.lines, &out)
		}
	}
}
