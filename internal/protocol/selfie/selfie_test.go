package selfie

import (
	"strconv"
	"testing"
)

func FuzzThreshold(f *testing.F) {
	for _, seed := range []string{"0.6", " 1 ", "1e-3", "0x1p-2", "NaN", "-0", "1_0", "", "1.0000001", "١"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseThreshold(text)
		if (got == nil) != (err != nil) {
			t.Fatalf("%q: %v, %v", text, got, err)
		}
		if err == nil && !(*got >= 0 && *got <= 1) {
			t.Errorf("%q is %v", text, *got)
		}
		if p, plain := strconv.ParseFloat(text, 64); plain == nil && p > 1 && err == nil {
			t.Errorf("%q passes for %v", text, *got)
		}
	})
}
