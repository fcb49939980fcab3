package quality

import (
	"math"
	"strings"
	"testing"
)

func TestLimitsAreValidated(t *testing.T) {
	if err := DefaultLimits.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	err := Limits{Yaw: -5, Occluded: 7, Glare: math.NaN()}.Validate()
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, want := range []string{"yaw", "occluded", "glare"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not reported: %v", want, err)
		}
	}
}
