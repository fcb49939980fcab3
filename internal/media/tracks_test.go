package media

import (
	"fmt"
	"strings"
	"testing"
)

// The largest track that moves is found. A still picture that an encoder sharpens over a few frames does not move. A slow camera does.
func TestLargestMoving(t *testing.T) {
	type track struct{ width, height, frames int }
	for _, c := range []struct {
		tracks []track
		want   int
	}{
		{[]track{{1920, 1080, 1}, {640, 480, 58}}, 1},
		{[]track{{1920, 1080, 3}, {640, 480, 58}}, 1}, // VP8 of one colour
		{[]track{{1920, 1080, 9}, {640, 480, 125}}, 1},
		{[]track{{1280, 720, 40}, {640, 480, 150}}, 0},
		{[]track{{640, 480, 58}, {1280, 720, 50}}, 1},
		{[]track{{160, 120, 90}, {640, 480, 60}}, 1},
		{[]track{{1920, 1080, 1}, {640, 480, 2}}, 0}, // neither moves
		{[]track{{640, 480, 0}, {640, 480, 3}}, 1},
	} {
		var list strings.Builder
		for i, track := range c.tracks {
			fmt.Fprintf(&list, "#dimensions %d: %dx%d\n", i, track.width, track.height)
		}
		for i, track := range c.tracks {
			list.WriteString(strings.Repeat(fmt.Sprintf("%d, 0, 0, 1, 1, 0x00000000\n", i), track.frames))
		}
		if got := parseLargestMoving(strings.NewReader(list.String())); got != c.want {
			t.Errorf("%v: track %d, want %d", c.tracks, got, c.want)
		}
	}
}
