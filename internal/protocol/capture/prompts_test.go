package capture

import (
	"testing"
	"time"
)

func FuzzPrompts(f *testing.F) {
	for _, seed := range []string{"[0,700,1400.5,2100,2800,3500]", "[1e308,-1e308,0,0,0,0]", "[null,1,2,3,4,5]", "[]", "{}", "[[[[[[]]]]]]", `["1",2,3,4,5,6]`} {
		f.Add(seed, 6)
	}
	f.Fuzz(func(t *testing.T, text string, digits int) {
		prompted, err := parsePrompts(text, digits)
		if err != nil {
			return
		}
		if len(prompted) != digits || digits < 1 {
			t.Fatalf("%q: %d times for %d digits", text, len(prompted), digits)
		}
		for _, at := range prompted {
			if at.Abs() > maxPrompt*time.Millisecond {
				t.Errorf("%q: %v", text, at)
			}
		}
	})
}
