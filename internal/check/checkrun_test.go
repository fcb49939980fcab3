package check

import (
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestTheFirstGateWithAReasonEndsTheCheck(t *testing.T) {
	run := newCheckRun(0.5, nil)
	evidence := liveness.AtLeast("evidence", 0, 1, "", "")
	failed := liveness.AtLeast("face_size", 100, 150, "px", liveness.FaceTooSmall)
	never := liveness.AtLeast("yaw", 50, 0, "deg", liveness.FaceAngle)
	if run.addGates(evidence, failed, never) {
		t.Error("the check went on")
	}
	if run.verdict.Reason != liveness.FaceTooSmall || len(run.verdict.Gates) != 2 {
		t.Errorf("reason %q after %d gates", run.verdict.Reason, len(run.verdict.Gates))
	}
	if v := run.conclude(0.99); v.Outcome != liveness.Undecided || v.Score == nil {
		t.Errorf("a score after a reason: %+v", v)
	}
}

func TestOutcomeAtTheThreshold(t *testing.T) {
	for score, want := range map[liveness.Score]liveness.Outcome{0.5: liveness.Live, 0.49999: liveness.Attack, 1: liveness.Live, 0: liveness.Attack} {
		if v := newCheckRun(0.5, nil).conclude(score); v.Outcome != want {
			t.Errorf("score %v at threshold 0.5 is %s, want %s", score, v.Outcome, want)
		}
	}
}

func TestLargestFaceMakesEvidenceOfTheOtherFaults(t *testing.T) {
	gates := func() []liveness.Gate {
		return []liveness.Gate{
			liveness.AtMost("main_faces", 3, 1, "", liveness.TooManyFaces),
			liveness.AtLeast("face_size", 30, 48, "px", liveness.FaceTooSmall),
			liveness.AtLeast("brightness", 3, 25, "", liveness.PoorIllumination),
		}
	}
	for i, want := range []liveness.Reason{"", liveness.FaceTooSmall, liveness.PoorIllumination} {
		if got := (PictureOptions{LargestFace: true}).ignoreFaceGates(gates())[i].Reason; got != want {
			t.Errorf("gate %d has the reason %q, want %q", i, got, want)
		}
	}
	if got := (PictureOptions{}).ignoreFaceGates(gates())[0].Reason; got != liveness.TooManyFaces {
		t.Errorf("without LargestFace the reason is %q", got)
	}
}

func TestValidPhrase(t *testing.T) {
	for phrase, valid := range map[string]bool{"597692": true, "0": true, "": false, "59a": false, "５９": false, "123456789012345678901234567890123": false} {
		if err := ValidatePhrase(phrase); (err == nil) != valid {
			t.Errorf("%q: %v", phrase, err)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 5}, 5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v", c.values, got)
		}
	}
}
