package face

import (
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

// coverWithBoard lays a plain board over a part of a face, in shares of its box.
func coverWithBoard(p *liveness.Picture, face liveness.Box, left, top, right, bottom float64) *liveness.Picture {
	out := liveness.NewPicture(p.Width, p.Height)
	copy(out.Pixels, p.Pixels)
	for i := range p.Width * p.Height {
		x, y := (float64(i%p.Width)-face.X)/face.Width, (float64(i/p.Width)-face.Y)/face.Height
		if x >= left && x < right && y >= top && y < bottom {
			copy(out.Pixels[3*i:], []byte{190, 170, 120})
		}
	}
	return out
}

// Where a board hides so much that the detector and the mesh are not sure, some faces are found all the same, where they are.
func TestCoveredFaces(t *testing.T) {
	f := openFinder(t)
	hidden, found := 0, 0
	for _, one := range portraits(t, f, 2.1, 600) {
		faces, err := f.Find(one.picture)
		if err != nil || len(faces) == 0 {
			continue
		}
		box := faces[0].Box
		p := coverWithBoard(one.picture, box, -.2, .45, 1.2, 1.1)
		if sure, err := f.searchIn(pyramidOf(p), []liveness.Box{pictureBox(pyramidOf(p)), enlargedBox(pictureBox(pyramidOf(p)), 2)}, nil); err != nil || len(sure) > 0 {
			continue
		}
		hidden++
		if covered, err := f.Find(p); err != nil {
			t.Fatal(err)
		} else if len(covered) > 0 && overlap(covered[0].Box, box) > sameFace {
			found++
		}
	}
	if found < 3 {
		t.Errorf("%d of %d covered faces found", found, hidden)
	}
}

// Boards alone are not occluded faces.
func TestBoardsAreNotFaces(t *testing.T) {
	f := openFinder(t)
	for _, grey := range []byte{20, 128, 240} {
		p := liveness.NewPicture(600, 600)
		for i := range p.Pixels {
			p.Pixels[i] = grey
		}
		p = coverWithBoard(p, liveness.Box{X: 200, Y: 150, Width: 200, Height: 270}, -.2, .45, 1.2, 1.1)
		if faces, err := f.Find(p); err != nil || len(faces) > 0 {
			t.Errorf("grey %d: %d faces, %v", grey, len(faces), err)
		}
	}
}
