package pad

import (
	"testing"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// BenchmarkScore times PAD on one face, with its crops:
//
//	go test -bench Score ./internal/pad
func BenchmarkScore(b *testing.B) {
	library, err := infer.Open(infer.Config{Folder: "../../bin/models"})
	if err != nil {
		b.Skip("the models are not there: make models: ", err)
	}
	scorer, err := New(library)
	if err != nil {
		b.Fatal(err)
	}
	picture := liveness.NewPicture(640, 480)
	for i := range picture.Pixels {
		picture.Pixels[i] = byte(i * 2654435761 >> 13)
	}
	face := liveness.Face{Box: liveness.Box{X: 250, Y: 120, Width: 150, Height: 200}}
	for b.Loop() {
		if _, err := scorer.Score(picture, face); err != nil {
			b.Fatal(err)
		}
	}
}
