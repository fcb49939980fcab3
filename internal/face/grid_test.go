package face

import (
	"math"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

var speakers = []string{"s1", "s2", "s4", "s5", "s23", "s26", "s30", "s32"}

// TestLikeness compares samePerson with embeddings of eight speakers, several frames of two recordings each.
func TestLikeness(t *testing.T) {
	f := openFinder(t)
	var who []int
	var embeddings [][]float32
	for s, name := range speakers {
		for clip := range 2 {
			list := speakerPictures(t, name, clip)
			for i := 0; i < len(list); i += 25 {
				faces, err := f.Find(list[i])
				if err != nil || len(faces) == 0 {
					t.Fatalf("%s: no face (%v)", name, err)
				}
				raw, err := f.rawEmbedding(pyramidOf(list[i]), faces[0].Landmarks)
				if err != nil {
					t.Fatal(err)
				}
				who, embeddings = append(who, s), append(embeddings, normalise(raw))
			}
		}
	}
	least, most, same, different := 1.0, -1.0, 0, 0
	for i := range embeddings {
		for j := range i {
			c := similarity(embeddings[i], embeddings[j])
			if who[i] == who[j] {
				least, same = min(least, c), same+1
			} else {
				most, different = max(most, c), different+1
			}
		}
	}
	t.Logf("one person: at least %.2f in %d pairs; two: at most %.2f in %d pairs", least, same, most, different)
	if least < samePerson || most >= samePerson {
		t.Errorf("samePerson %v does not lie between %.2f and %.2f", samePerson, most, least)
	}
}

// BenchmarkJitter measures how much the landmarks of eight speakers tremble. It is the root mean square distance of a point from
// the middle of its neighbours in time, over the pupil distance. The mouth moves, so that part of its figure is speech.
func BenchmarkJitter(b *testing.B) {
	f := openFinder(b)
	var clips [][]*liveness.Picture
	for _, name := range speakers {
		clips = append(clips, speakerPictures(b, name, 0))
	}
	for name, fresh := range map[string]bool{"detected": true, "followed": false} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var mouth, rigid, n float64
				for _, clip := range clips {
					var points []liveness.Landmarks
					track := f.Follow()
					for i, p := range clip {
						if fresh {
							track = f.Follow()
						}
						face, ok, err := track.Next(p, time.Duration(i)*40*time.Millisecond)
						if err != nil || !ok {
							b.Fatal(ok, err)
						}
						points = append(points, face.Landmarks)
					}
					for i := 1; i+1 < len(points); i++ {
						mouth += off(points[i-1:i+2], 48, 68)
						rigid += off(points[i-1:i+2], 27, 48)
						n++
					}
				}
				b.ReportMetric(100*math.Sqrt(mouth/n), "%mouth")
				b.ReportMetric(100*math.Sqrt(rigid/n), "%rigid")
			}
		})
	}
}

// off returns the mean square of the middle frame's points' distance from the middle of those before and after, over the
// pupil distance.
func off(frames []liveness.Landmarks, from, to int) float64 {
	var sum float64
	size := distance(eyes(frames[1]))
	for k := from; k < to; k++ {
		middle := liveness.Point{X: (frames[0][k].X + frames[2][k].X) / 2, Y: (frames[0][k].Y + frames[2][k].Y) / 2}
		d := distance(middle, frames[1][k]) / size
		sum += d * d / float64(to-from)
	}
	return sum
}
