package evaluate

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// labelsFile writes a CSV file with the pictures that it names beside it, whose content is their name.
func labelsFile(t *testing.T, text string, pictures ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range pictures {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(folder, "labels.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFacesAreCountedOnce(t *testing.T) {
	name := labelsFile(t, `path,set,x,y,width,height,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,mouth_left_x,mouth_left_y,mouth_right_x,mouth_right_y
a,people,10,10,100,100,40,40,80,40,60,60,45,80,75,80
b,people,0,0,50,50,,,,,,,,,,
b,people,100,0,50,50,,,,,,,,,,
c,things,,,,,,,,,,,,,,
`, "a", "b", "c")
	// The only face of a has all its points 4 pixels, a tenth of the pupil distance, to the right of their labels.
	var shifted liveness.Landmarks
	for i := range shifted {
		shifted[i] = liveness.Point{X: 44, Y: 40}
	}
	for i := 42; i < 48; i++ {
		shifted[i] = liveness.Point{X: 84, Y: 40}
	}
	shifted[30], shifted[48], shifted[54] = liveness.Point{X: 64, Y: 60}, liveness.Point{X: 49, Y: 80}, liveness.Point{X: 79, Y: 80}
	found := map[string][]liveness.Face{
		"a": {{Box: liveness.Box{X: 15, Y: 5, Width: 100, Height: 100}, Landmarks: shifted, PupilDistance: 40}},
		// One of b is found twice, the other not at all.
		"b": {{Box: liveness.Box{X: 0, Y: 0, Width: 50, Height: 50}}, {Box: liveness.Box{X: 5, Y: 5, Width: 50, Height: 50}}},
		"c": {{Box: liveness.Box{X: 1, Y: 1, Width: 9, Height: 9}}},
	}
	report, err := Faces(context.Background(), Options{File: name, Workers: 1}, func(_ context.Context, data []byte) (liveness.Verdict, error) {
		return liveness.Verdict{Faces: found[string(data)]}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := report.All.Recall; r.Count != 2 || r.Of != 3 {
		t.Errorf("recall %d of %d", r.Count, r.Of)
	}
	if p := report.All.Precision; p.Count != 2 || p.Of != 4 {
		t.Errorf("precision %d of %d", p.Count, p.Of)
	}
	if g := report.Groups[1]; g.Name != "things" || g.Recall != nil || g.Precision.Count != 0 || g.Precision.Of != 1 {
		t.Errorf("things: %+v", g)
	}
	if len(report.Points) != 6 {
		t.Fatalf("%d points", len(report.Points))
	}
	for _, p := range report.Points {
		if math.Abs(p.Median-0.1) > 1e-9 || math.Abs(p.Mean-0.1) > 1e-9 || math.Abs(p.P90-0.1) > 1e-9 {
			t.Errorf("%+v", p)
		}
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "66.67%") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func TestFaultsOfLabelledFaces(t *testing.T) {
	name := labelsFile(t, "path,x,y,width,height\na,1,2,3,\na,1,2,x,4\nb,1,2,3,4\n", "a")
	_, err := Faces(context.Background(), Options{File: name}, nil)
	for _, want := range []string{":2: x: 3 of the 4", `:3: width: "x" is not a number`, ":4: path: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestReasonsAreCounted(t *testing.T) {
	name := labelsFile(t, "path,reason,kind\na,face_too_small,right\nb,face_too_small,left\nc,,\nd,,\n", "a", "b", "c", "d")
	reasons := map[string]liveness.Reason{"a": liveness.FaceTooSmall, "b": liveness.FaceNotFound, "c": "", "d": liveness.FaceOccluded}
	report, err := Reasons(context.Background(), Options{File: name, Workers: 1}, func(_ context.Context, data []byte) (liveness.Verdict, error) {
		return liveness.Verdict{Reason: reasons[string(data)]}, nil
	})
	if err != nil || len(report.Reasons) != 4 {
		t.Fatalf("%+v, %v", report, err)
	}
	small, left, right, none := report.Reasons[0], report.Reasons[1], report.Reasons[2], report.Reasons[3]
	if left.Kind != "left" || left.Right.Count != 0 || left.Right.Of != 1 || right.Kind != "right" || right.Right.Count != 1 {
		t.Errorf("%+v, %+v", left, right)
	}
	if small.Right.Count != 1 || small.Right.Of != 2 || small.Others[liveness.FaceNotFound] != 1 || small.Wrong[0] != "b" {
		t.Errorf("%+v", small)
	}
	if none.Reason != "" || none.Right.Count != 1 || none.Others[liveness.FaceOccluded] != 1 {
		t.Errorf("%+v", none)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "face_is_occluded 1") {
		t.Errorf("%v\n%s", err, text.String())
	}
	name = labelsFile(t, "path,reason\na,too_ugly\n", "a")
	if _, err := Reasons(context.Background(), Options{File: name}, nil); err == nil || !strings.Contains(err.Error(), `"too_ugly" is no reason`) {
		t.Error(err)
	}
}
