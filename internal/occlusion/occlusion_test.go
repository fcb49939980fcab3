package occlusion

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The model sees faces as it was trained to.
func TestPositionsAreThoseOfTraining(t *testing.T) {
	source, err := os.ReadFile("../../training/occlusion/train.py")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(source), "PLACES = np.float32([")
	trained, _, found := strings.Cut(rest, "])")
	var want []string
	for _, p := range places {
		want = append(want, fmt.Sprintf("(%v, %v)", p.X, p.Y))
	}
	if !found || trained != strings.Join(want, ", ") {
		t.Errorf("train.py has %s, the net %s", trained, strings.Join(want, ", "))
	}
	if !strings.Contains(string(source), fmt.Sprintf("INPUT, STORED, WHERE = %d,", inputSize)) {
		t.Error("train.py has another INPUT")
	}
}
