package face

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/liveness"
)

// noise returns made of waves of several lengths, in which the detector sees faces now and then.
func noise(seed uint64) *liveness.Picture {
	random := rand.New(rand.NewPCG(seed, 0))
	sum := make([]float64, 3*560*480)
	for range 1 + random.IntN(5) {
		step := 1 << random.IntN(7)
		coarse := liveness.NewPicture(560/step+2, 480/step+2)
		for i := range coarse.Pixels {
			coarse.Pixels[i] = byte(min(max(127+50*random.NormFloat64(), 0), 255))
		}
		fine := coarse.Crop(liveness.Box{X: 0.5, Y: 0.5, Width: 560 / float64(step), Height: 480 / float64(step)}, 560, 480)
		for i, v := range fine.Pixels {
			sum[i] += float64(v) - 127
		}
	}
	var squares float64
	for _, v := range sum {
		squares += v * v
	}
	gain := 50 / math.Sqrt(squares/float64(len(sum)))
	p := liveness.NewPicture(560, 480)
	for i, v := range sum {
		p.Pixels[i] = byte(min(max(127+gain*v, 0), 255))
	}
	return p
}

func TestNoiseIsNoFace(t *testing.T) {
	f := openFinder(t)
	seen := 0
	for seed := range uint64(60) {
		p := noise(seed)
		faces, err := f.Find(p)
		if err != nil || len(faces) != 0 {
			t.Errorf("noise %d: %d faces, %v", seed, len(faces), err)
		}
		boxes, err := f.detect(pyramidOf(p), pictureBox(pyramidOf(p)), faceThreshold)
		if err != nil {
			t.Fatal(err)
		}
		seen += len(boxes)
	}
	if seen == 0 {
		t.Error("the detector sees nothing in the noise: this tests nothing")
	}
}

func TestMirroredLook(t *testing.T) {
	f := openFinder(t)
	p := sample(t, "sample3.jpg").Crop(liveness.Box{X: 1050, Y: 100, Width: 400, Height: 300}, 640, 480)
	back := liveness.NewPicture(p.Width, p.Height)
	for i := range p.Width * p.Height {
		x, y := i%p.Width, i/p.Width
		copy(back.Pixels[3*(y*p.Width+p.Width-1-x):][:3], p.Pixels[3*i:3*i+3])
	}
	r := region{centre: liveness.Point{X: 200, Y: 230}, side: 150, angle: 0.3} // beside the face, where the mesh is in doubt
	got, err := f.runMirrored(pyramidOf(p), r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.runMesh(pyramidOf(back), region{centre: liveness.Point{X: 640 - r.centre.X, Y: r.centre.Y}, side: r.side, angle: -r.angle})
	if err != nil || odds(got)-odds(m.face) > 0.5 || odds(m.face)-odds(got) > 0.5 {
		t.Errorf("mirrored %v, of the mirrored picture %v (%v)", got, m.face, err)
	}
}

var findsOf = flag.String("finds", "", "print what speaks for each find of the detector in the pictures that this file lists, as CSV")

// TestPrintFinds prints what training/faces/evidence.py fits plausible to.
func TestPrintFinds(t *testing.T) {
	if *findsOf == "" {
		t.Skip("for training/faces/evidence.py: give -finds")
	}
	f := openFinder(t)
	list, err := os.Open(*findsOf)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	fmt.Println("find,path,look,angle,x,y,width,height,confidence,first,mesh,mirrored,length")
	for lines := bufio.NewScanner(list); lines.Scan(); {
		data, err := os.ReadFile(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		still, err := media.Decode(data, media.PictureLimits{})
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		p := pyramidOf(still.Picture)
		for i, regions := range [][]liveness.Box{{pictureBox(p)}, {enlargedBox(pictureBox(p), 2)}, tiles(p, 2)} {
			var found []detected
			for _, region := range regions {
				part, err := f.detect(p, region, faceThreshold)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, part...)
			}
			f.print(t, p, lines.Text(), i, suppressOverlaps(found))
		}
		for i, angle := range turns {
			found, err := f.detectTurned(p, angle)
			if err != nil {
				t.Fatal(err)
			}
			f.print(t, p, lines.Text(), 3+i, found)
		}
	}
}

func (f *Finder) print(t *testing.T, p *pyramid, path string, look int, found []detected) {
	t.Helper()
	for _, d := range found[:min(len(found), maxDescribed)] {
		m, err := f.refineMesh(p, regionOf(d))
		if err != nil {
			t.Fatal(err)
		}
		mirrored, err := f.runMirrored(p, regionOf(d))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := f.rawEmbedding(p, m.landmarks)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("find,%s,%d,%.3f,%.0f,%.0f,%.0f,%.0f,%.6f,%.6f,%.6f,%.6f,%.4f\n", path, look, d.angle, d.box.X, d.box.Y, d.box.Width, d.box.Height,
			d.confidence, m.first, m.face, mirrored, vectorLength(raw))
	}
}
