package media

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestMain(m *testing.M) {
	RunIfDecoderProcess()
	os.Exit(m.Run())
}

var sharedDecoder = sync.OnceValues(func() (*Decoder, error) { return NewDecoder(context.Background()) })

func testDecoder(t testing.TB) *Decoder {
	t.Helper()
	d, err := sharedDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// record makes a recording with ffmpeg; the last argument names a file, of which only the ending counts.
func record(t testing.TB, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), args[len(args)-1])
	args = append([]string{"-v", "error", "-nostdin", "-threads", "1"}, append(args[:len(args)-1:len(args)-1], file)...)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// flag returns a source of video for ffmpeg: red on the left, blue on the right, a green bar along the top.
func flag(size, rate string) []string {
	graph := "color=red:s=" + size + ":r=" + rate + ":d=1,drawbox=x=iw/2:w=iw/2:h=ih:c=blue:t=fill,drawbox=w=iw:h=ih/4:c=lime:t=fill"
	return []string{"-f", "lavfi", "-i", graph}
}

var tone = []string{"-f", "lavfi", "-i", "sine=frequency=440:duration=1"}

func join(parts ...[]string) (all []string) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// colour names the strongest channel of the pixel at the given fractions of a picture: 'r', 'g' or 'b'.
func colour(p *liveness.Picture, x, y float64) byte {
	at := 3 * (int(y*float64(p.Height))*p.Width + int(x*float64(p.Width)))
	best := 0
	for i := range 3 {
		if p.Pixels[at+i] > p.Pixels[at+best] {
			best = i
		}
	}
	return "rgb"[best]
}

// isFlag reports whether a picture shows the flag upright.
func isFlag(p *liveness.Picture) bool {
	return colour(p, 0.25, 0.1) == 'g' && colour(p, 0.75, 0.1) == 'g' && colour(p, 0.25, 0.7) == 'r' && colour(p, 0.75, 0.7) == 'b'
}
