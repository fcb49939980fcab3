package face

import "testing"

func TestOthersAreCountedTogether(t *testing.T) {
	a, b, c, d := []float32{1, 0, 0, 0}, []float32{0, 1, 0, 0}, []float32{0, 0, 1, 0}, []float32{0, 0, 0, 1}
	nearB := normalise([]float32{0.3, 1, 0, 0})
	for name, test := range map[string]struct {
		looks [][]float32
		want  int
	}{
		"nobody":                   {nil, 0},
		"one person":               {[][]float32{a, a, a}, 0},
		"two take turns":           {[][]float32{a, b, a, nearB, a, b, a}, 3},
		"half and half":            {[][]float32{a, a, a, b, b, nearB}, 3},
		"spoiled frames are alone": {[][]float32{a, b, a, c, a, d, a}, 1},
	} {
		if got := others(test.looks); got != test.want {
			t.Errorf("%s: %d others, want %d", name, got, test.want)
		}
	}
}
