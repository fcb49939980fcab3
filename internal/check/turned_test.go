package check

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"github.com/bonafide-id/bonafide/liveness"
)

// cameras says how many of 200 pictures are of each set: bona fide and attacks, webcams, phones and press photographs,
// whole pictures and faces alone.
var cameras = []struct {
	set   string
	share float64
}{
	{"replayattack", 0.3}, {"nuaa", 0.2}, {"livenessnet", 0.2}, {"lfw", 0.125}, {"pourfard", 0.1}, {"kevind", 0.05}, {"rienheuver", 0.025},
}

// ofAllCameras returns n pictures, evenly out of each set's list.
func ofAllCameras(t *testing.T, n int) []string {
	t.Helper()
	const folder = "../../../shared/data/pad"
	file, err := os.Open(folder + "/labels.csv")
	if err != nil {
		t.Skip("needs ../shared/data/pad beside the checkout")
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	path, set := slices.Index(rows[0], "path"), slices.Index(rows[0], "set")
	of := map[string][]string{}
	for _, row := range rows[1:] {
		of[row[set]] = append(of[row[set]], filepath.Join(folder, row[path]))
	}
	var chosen []string
	for _, c := range cameras {
		share := int(math.Round(c.share * float64(n)))
		for i := range share {
			chosen = append(chosen, of[c.set][i*len(of[c.set])/share])
		}
	}
	return chosen
}

// webcamPictures returns n pictures, evenly out of the list of the webcams.
func webcamPictures(t *testing.T, n int) []string {
	t.Helper()
	const folder = "../../../shared/data/webcams"
	file, err := os.Open(folder + "/labels.csv")
	if err != nil {
		t.Skip("needs ../shared/data/webcams beside the checkout")
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var chosen []string
	for i := range n {
		chosen = append(chosen, filepath.Join(folder, rows[1+i*(len(rows)-1)/n][0]))
	}
	return chosen
}

// turnedPNG returns a file's picture after quarter turns clockwise, losslessly.
func turnedPNG(t *testing.T, path string, quarters int) []byte {
	t.Helper()
	source, err := vips.NewImageFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if err := source.AutoRotate(); err != nil {
		t.Fatal(err)
	}
	if err := source.Rotate([]vips.Angle{vips.Angle0, vips.Angle90, vips.Angle180, vips.Angle270}[quarters]); err != nil {
		t.Fatal(err)
	}
	data, err := asPNG(source)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSidewaysPicturesScoreAsUpright: without EXIF, too. It takes as many pictures as BONAFIDE_SAME says (200 for the full figure).
func TestSidewaysPicturesScoreAsUpright(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("BONAFIDE_SAME"))
	if n == 0 {
		n = 12
	}
	paths := append(ofAllCameras(t, n*3/4), webcamPictures(t, n/4)...)
	c := pictures(t)
	first, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	judge(t, c, first) // starts libvips as the server does
	of, moved, flipped := [4]int{}, [4]int{}, [4]int{}
	for _, path := range paths {
		plain, err := c.CheckPicture(t.Context(), turnedPNG(t, path, 0), PictureOptions{Threshold: 0.5, LargestFace: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(plain.Faces) == 0 {
			continue
		}
		for quarters := 1; quarters < 4; quarters++ {
			now, err := c.CheckPicture(t.Context(), turnedPNG(t, path, quarters), PictureOptions{Threshold: 0.5, LargestFace: true})
			if err != nil {
				t.Fatal(err)
			}
			of[quarters]++
			if now.Outcome != plain.Outcome {
				flipped[quarters]++
			}
			if !(math.Abs(scoreOf(now)-scoreOf(plain)) < 0.02) {
				moved[quarters]++
				t.Logf("%s turned by %d: %s %s %.3f, upright %s %s %.3f roll %.0f", path, 90*quarters, now.Outcome, now.Reason, scoreOf(now), plain.Outcome, plain.Reason, scoreOf(plain), plain.Faces[0].Pose.Roll)
				continue
			}
			want := plain.Faces[0].Rotate(quarters, float64(plain.Width), float64(plain.Height))
			if len(now.Faces) == 0 || !isNear(now.Faces[0], want) {
				t.Errorf("%s turned by %d: the face is not where it was sent", path, 90*quarters)
			}
		}
	}
	for quarters := 1; quarters < 4; quarters++ {
		t.Logf("turned by %d: of %d pictures, %d move by 0.02 or more, %d flip", 90*quarters, of[quarters], moved[quarters], flipped[quarters])
		if of[quarters] == 0 || moved[quarters] > 0 || flipped[quarters] > 0 {
			t.Errorf("turned by %d: of %d pictures %d move and %d flip", 90*quarters, of[quarters], moved[quarters], flipped[quarters])
		}
	}
}

// scoreOf returns -1 where there is none.
func scoreOf(v liveness.Verdict) float64 {
	if v.Score == nil {
		return -1
	}
	return float64(*v.Score)
}

func isNear(a, b liveness.Face) bool {
	const most = 0.01 // px
	for i := range a.Landmarks {
		if math.Abs(a.Landmarks[i].X-b.Landmarks[i].X) > most || math.Abs(a.Landmarks[i].Y-b.Landmarks[i].Y) > most {
			return false
		}
	}
	return math.Abs(a.Box.X-b.Box.X) < most && math.Abs(a.Box.Y-b.Box.Y) < most && math.Abs(math.Remainder(a.Pose.Roll-b.Pose.Roll, 360)) < most
}
