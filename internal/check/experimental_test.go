package check

import (
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// By default the signs of editing never refuse a recording: a failed gate stays in the verdict, without a reason.
func TestSignsOfEditingAreReportedUnlessRefused(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		gates := []liveness.Gate{liveness.AtMost("jump", 2, 1, "", liveness.EditedRecording)}
		run := newCheckRun(0.5, nil)
		goesOn := run.addGates(experimental(refuse, gates...)...)
		if goesOn == refuse || len(run.verdict.Gates) != 1 || run.verdict.Gates[0].Passed || (run.verdict.Reason != "") != refuse {
			t.Errorf("refuse %t: goes on %t, %+v", refuse, goesOn, run.verdict)
		}
		if gates[0].Reason != liveness.EditedRecording {
			t.Errorf("refuse %t: the analysis' own gate was changed", refuse)
		}
	}
}
