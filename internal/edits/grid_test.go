package edits_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/edits"
	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	root = "../.."
	grid = root + "/../shared/data/lips/grid"
)

func TestMain(m *testing.M) {
	media.RunIfDecoderProcess()
	os.Exit(m.Run())
}

// rig makes edited recordings of GRID speakers and measures them as the server does.
type rig struct {
	t       *testing.T
	decoder *media.Decoder
	finder  *face.Finder
	traces  string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if _, err := os.Stat(grid); err != nil {
		t.Skipf("the makers' data is not here: %v", err)
	}
	models := root + "/bin/models"
	if err := infer.Verify(models); err != nil {
		t.Skipf("the models are not all there: %v", err)
	}
	library, err := infer.Open(infer.Config{Folder: models})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, traces: t.TempDir()}
	if r.finder, err = face.New(library); err != nil {
		t.Fatal(err)
	}
	if r.decoder, err = media.NewDecoder(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// landmarks has the generator know the faces of some recordings.
func (r *rig) landmarks(clips ...string) {
	r.t.Helper()
	command := exec.Command("go", "run", "./training/edits/measure", "--root", "../shared/data/lips/grid", "--out", r.traces)
	command.Dir, command.Stdin = root, strings.NewReader(strings.Join(clips, "\n")+"\n")
	if out, err := command.CombinedOutput(); err != nil {
		r.t.Fatalf("measure: %v\n%s", err, out)
	}
}

// measure makes a recording and returns its gates by name and how many looks showed another person.
func (r *rig) measure(kind, people, phrase string, more ...string) (gates map[string]liveness.Gate, others int) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "recording.mp4")
	arguments := append([]string{"training/edits/attacks.py", "--grid", "../shared/data/lips/grid", "--kind", kind, "--people", people,
		"--phrase", phrase, "--out", file}, more...)
	command := exec.Command("/usr/bin/python3", arguments...)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("No module named")) {
			r.t.Skipf("python3-numpy is not here: %s", out)
		}
		r.t.Fatalf("attacks.py: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	trace, track := &edits.Trace{}, r.finder.Follow()
	_, err = r.decoder.DecodeFrames(context.Background(), data, media.VideoLimits{CPUTime: 10 * time.Minute}, func(f media.Frame) error {
		found, ok, err := track.Next(f.Picture, f.At)
		if ok {
			trace.Add(f.Picture, found, f.At)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	gates = map[string]liveness.Gate{}
	for _, g := range trace.Gates(edits.DefaultLimits) {
		gates[g.Name] = g
	}
	r.t.Logf("%s %s: movement %.3f, jaw %.2f, jump %.2f, held %.2f s, %d looks at another person", kind, people,
		gates["face_movement"].Measure, gates["jaw_agreement"].Measure, gates["jump"].Measure, gates["held_frames"].Measure, track.Seen().Others)
	return gates, track.Seen().Others
}

// fails checks that of the gates with a reason exactly the named ones do not pass.
func fails(t *testing.T, kind string, gates map[string]liveness.Gate, names ...string) {
	t.Helper()
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	for name, g := range gates {
		if g.Reason != "" && g.Passed == want[name] {
			t.Errorf("%s: gate %+v", kind, g)
		}
	}
}

func TestUncutSentencesPass(t *testing.T) {
	r := newRig(t)
	for _, condition := range []string{"plain", "kbit150", "fps15"} {
		gates, others := r.measure("uncut", "s5", "", "--condition", condition)
		fails(t, condition, gates)
		if others > 1 {
			t.Errorf("%s: %d looks at another person", condition, others)
		}
	}
}

func TestJoinsAreSeen(t *testing.T) {
	r := newRig(t)
	for _, kind := range []string{"cut", "dissolve3", "doubled"} {
		gates, _ := r.measure(kind, "s2", "5976")
		if gates["jump"].Passed {
			t.Errorf("%s: %+v", kind, gates["jump"])
		}
		if !gates["face_movement"].Passed {
			t.Errorf("%s: a living face does not move: %+v", kind, gates["face_movement"])
		}
	}
}

func TestPeopleWhoTakeTurnsAreSeen(t *testing.T) {
	r := newRig(t)
	for _, kind := range []string{"turns-digit", "turns-half"} {
		if _, others := r.measure(kind, "s2,s5", "5976"); others < 2 {
			t.Errorf("%s: %d looks at another person", kind, others)
		}
	}
	if _, others := r.measure("cut", "s2", "5976"); others > 1 {
		t.Errorf("parts of one person: %d looks at another person", others)
	}
}

func TestStillFacesWithAMouthAreSeen(t *testing.T) {
	r := newRig(t)
	r.landmarks(r.speakers("s2", "s5")...)
	for _, c := range [][3]string{{"still-own-mouth", "s2", "plain"}, {"photo-other-mouth", "s2,s5", "kbit300"}, {"photo-swaying", "s5,s2", "plain"}} {
		gates, _ := r.measure(c[0], c[1], "59", "--traces", r.traces, "--encoding", c[2])
		if gates["face_movement"].Passed {
			t.Errorf("%s: %+v", c[0], gates["face_movement"])
		}
	}
}

// speakers returns one recording of each speaker for the digits 5 and 9.
func (r *rig) speakers(speakers ...string) (files []string) {
	r.t.Helper()
	table, err := os.ReadFile(grid + "/tokens.tsv")
	if err != nil {
		r.t.Fatal(err)
	}
	have := map[string]bool{}
	for _, line := range strings.Split(string(table), "\n") {
		columns := strings.Split(strings.TrimSpace(line), "\t")
		if len(columns) < 10 || columns[3] != "5" && columns[3] != "9" || have[columns[0]+columns[3]] {
			continue
		}
		for _, s := range speakers {
			if columns[0] == s {
				have[s+columns[3]] = true
				files = append(files, columns[9])
			}
		}
	}
	return files
}
