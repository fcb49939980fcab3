package face

import (
	"slices"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestFollowsOnePerson(t *testing.T) {
	f := openFinder(t)
	for _, name := range []string{"s2", "s4", "s5", "s26"} {
		// A cut between two recordings of one person, and two empty frames.
		list := slices.Concat(speakerPictures(t, name, 0), speakerPictures(t, name, 1))
		list[30], list[31] = liveness.NewPicture(360, 288), liveness.NewPicture(360, 288)
		seen := follow(t, f, list)
		if len(seen.Changed) != 0 || seen.Crowded != 0 {
			t.Errorf("%s: one person, seen %+v", name, seen)
		}
		if missed := seen.Frames - seen.Found; missed > 10 {
			t.Errorf("%s: no face in %d of %d frames", name, missed, seen.Frames)
		}
	}
}

func TestNoticesAnotherPerson(t *testing.T) {
	f := openFinder(t)
	for _, pair := range [][2]string{{"s1", "s32"}, {"s4", "s5"}, {"s26", "s30"}, {"s2", "s23"}} {
		first := speakerPictures(t, pair[0], 0)
		seen := follow(t, f, slices.Concat(first, speakerPictures(t, pair[1], 0)))
		cut := time.Duration(len(first)) * 40 * time.Millisecond
		if len(seen.Changed) != 1 || seen.Changed[0] < cut || seen.Changed[0] > cut+time.Second {
			t.Errorf("%s then %s at %v: seen %+v", pair[0], pair[1], cut, seen)
		}
	}
}

func TestSeesNobodyInAnEmptyRecording(t *testing.T) {
	grey := liveness.NewPicture(640, 480)
	for i := range grey.Pixels {
		grey.Pixels[i] = byte(i * 7)
	}
	seen := follow(t, openFinder(t), slices.Repeat([]*liveness.Picture{grey}, 25))
	if seen.Frames != 25 || seen.Found != 0 {
		t.Errorf("seen %+v", seen)
	}
}
