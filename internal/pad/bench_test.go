package pad

import (
	"testing"

	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/liveness"
)

// BenchmarkScore times all networks on one face, and each of them:
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
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if _, err := scorer.Score(picture, face); err != nil {
				b.Fatal(err)
			}
		}
	})
	for i, net := range scorer.recipe.Nets {
		b.Run(net.Model, func(b *testing.B) {
			for b.Loop() {
				if _, err := net.run(scorer.models[i], picture, face.Box); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
