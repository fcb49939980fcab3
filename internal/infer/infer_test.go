package infer

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bonafide-id/bonafide/models"
)

// modelsFolder returns the models folder of the checkout, filled by `make models`.
func modelsFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../bin/models"
	}
	if err := Verify(folder); err != nil {
		t.Skipf("the models are not all there: %v", err)
	}
	return folder
}

func openLibrary(t testing.TB) *Library {
	t.Helper()
	library, err := Open(Config{Folder: modelsFolder(t)})
	if err != nil {
		t.Fatal(err)
	}
	return library
}

// ONNX Runtime's official builds have telemetry. A process of its own shows that it is off: other tests have loaded the
// library before. The many words are what the telemetry used to die of.
func TestTheRuntimeReportsNothing(t *testing.T) {
	modelsFolder(t)
	home := t.TempDir()
	words := append([]string{"-test.run", "^TestModelIsSharedAndRunsConcurrently$"}, slices.Repeat([]string{strings.Repeat("x", 40)}, 3000)...)
	alone := exec.Command(os.Args[0], words...)
	alone.Env = []string{"HOME=" + home, "TMPDIR=" + home, "BONAFIDE_MODELS=" + os.Getenv("BONAFIDE_MODELS")} // no CI: it turns the telemetry off
	if out, err := alone.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	left, err := os.ReadDir(home)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the home folder: %v, %v", left, err)
	}
}

func TestModelIsSharedAndRunsConcurrently(t *testing.T) {
	library := openLibrary(t)
	first, err := library.Model("face_mesh")
	if err != nil {
		t.Fatal(err)
	}
	second, err := library.Model("face_mesh")
	if err != nil || first != second {
		t.Fatalf("asked twice, the model is not shared (%v)", err)
	}
	input := func(seed int) Tensor {
		data := make([]float32, 3*192*192)
		for i := range data {
			data[i] = float32((i*7+seed*31)%256) / 256
		}
		return Tensor{Shape: []int64{1, 3, 192, 192}, Data: data}
	}
	want := make([][]float32, 4)
	for seed := range want {
		out, err := first.Run(input(seed))
		if err != nil || len(out) != 2 || len(out[0].Data) != 1404 {
			t.Fatalf("run: %v, %d outputs", err, len(out))
		}
		want[seed] = out[0].Data
	}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for round := range 20 {
				seed := (worker + round) % len(want)
				out, err := first.Run(input(seed))
				if err != nil {
					t.Error(err)
					return
				}
				for i, v := range out[0].Data {
					if v != want[seed][i] {
						t.Errorf("concurrent run differs at %d: %v, alone %v", i, v, want[seed][i])
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

func TestRunRefusesWrongInputs(t *testing.T) {
	model, err := openLibrary(t).Model("face_mesh")
	if err != nil {
		t.Fatal(err)
	}
	for name, inputs := range map[string][]Tensor{
		"none":          nil,
		"no shape":      {{Data: make([]float32, 1)}},
		"too few":       {{Shape: []int64{1, 3, 192, 192}, Data: make([]float32, 10)}},
		"negative":      {{Shape: []int64{-1, -3, 192, 192}, Data: make([]float32, 3*192*192)}},
		"another shape": {{Shape: []int64{1, 3, 32, 32}, Data: make([]float32, 3*32*32)}},
	} {
		if _, err := model.Run(inputs...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOwnModelsReplaceTheBuiltInOnes(t *testing.T) {
	own := t.TempDir()
	weights, err := models.File("occlusion.onnx")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(own, "occlusion.onnx"), string(weights)+"\x7a\x00") // an empty field more
	write(t, filepath.Join(own, "occlusion.json"), `{"mine":true}`)
	library, err := Open(Config{Folder: modelsFolder(t), Own: own})
	if err != nil {
		t.Fatal(err)
	}
	mine, err := library.Model("occlusion")
	if err != nil {
		t.Fatal(err)
	}
	builtIn, err := openLibrary(t).Model("occlusion")
	if err != nil {
		t.Fatal(err)
	}
	if mine.Ref() == builtIn.Ref() || mine.Ref().Version != "own" {
		t.Errorf("the verdict would name %+v", mine.Ref())
	}
	if got, err := mine.Parameters(); err != nil || string(got) != `{"mine":true}` {
		t.Errorf("parameters %s, %v", got, err)
	}
	if other, err := library.Model("lips"); err != nil || other.Ref().Version == "own" {
		t.Errorf("a model that the folder does not hold: %v, %v", other, err)
	}
}

func TestResearchWeightsAreWithheld(t *testing.T) {
	manifest, err := models.Read()
	if err != nil {
		t.Fatal(err)
	}
	gone := entry("gone.onnx", "1234") // its file is not needed either
	gone.Terms = models.ResearchData
	for i, e := range manifest.Models {
		if e.ID == "fr_feature" {
			manifest.Models[i].Terms = models.ResearchData
		}
	}
	manifest.Models = append(manifest.Models, gone)
	library, err := open(Config{Folder: modelsFolder(t), FreeWeightsOnly: true}, manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"fr_feature", gone.ID} {
		if _, err := library.Model(id); !errors.Is(err, ErrWithheld) || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: error %v", id, err)
		}
	}
	if _, err := library.Model("fr_detect"); err != nil {
		t.Errorf("a free model: %v", err)
	}
	if _, err := open(Config{Folder: modelsFolder(t)}, manifest); err == nil || !strings.Contains(err.Error(), gone.ID) {
		t.Errorf("without the setting every file is needed: error %v", err)
	}
}

func TestUnknownModel(t *testing.T) {
	if _, err := openLibrary(t).Model("nobody"); err == nil {
		t.Error("no error for a model that is not in the manifest")
	}
}

// entry returns a manifest row for content that comes from package demo@1.
func entry(file, content string) models.Entry {
	sum := sha256.Sum256([]byte(content))
	return models.Entry{ID: file, File: file, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content)),
		Source: models.Source{NPM: "demo@1", Path: "package/model/" + file}}
}

func TestOpenNamesMissingAndAlteredFiles(t *testing.T) {
	folder := t.TempDir()
	manifest := models.Manifest{Models: []models.Entry{entry("gone.onnx", "1234"), entry("changed.onnx", "1234"), entry("longer.onnx", "1234")}}
	write(t, filepath.Join(folder, "changed.onnx"), "1235")
	write(t, filepath.Join(folder, "longer.onnx"), "12345")
	_, err := open(Config{Folder: folder}, manifest)
	if err == nil {
		t.Fatal("opened a folder with faults")
	}
	for _, want := range []string{
		"gone.onnx is missing: run `bonafide models fetch --models " + folder + "`",
		"changed.onnx has sha256", "delete it and run `bonafide models fetch --models " + folder + "`",
		"longer.onnx has sha256",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	states := map[string]State{"gone.onnx": Missing, "changed.onnx": Altered, "longer.onnx": Altered}
	for _, e := range manifest.Models {
		if got := state(folder, e); got != states[e.File] {
			t.Errorf("%s: state %s", e.File, got)
		}
	}
}

func TestTheFolderBesideTheProgramNeedsNoNaming(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(filepath.Dir(program), "models", "a.onnx"): "bonafide models fetch",
		"/srv/models/a.onnx":      "bonafide models fetch --models /srv/models",
		"/srv/my models/a.onnx":   "bonafide models fetch --models '/srv/my models'",
		"/srv/it's models/a.onnx": `bonafide models fetch --models '/srv/it'\''s models'`,
	} {
		if got := fetchCommand(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

type member struct {
	name, content string
	kind          byte
	link          string
}

// packMembers returns a packer that makes a tarball of members.
func packMembers(t *testing.T, members ...member) packer {
	return func(_ context.Context, _, folder string) (string, error) {
		path := filepath.Join(folder, "demo-1.tgz")
		file, err := os.Create(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		zipped := gzip.NewWriter(file)
		archive := tar.NewWriter(zipped)
		for _, m := range members {
			kind := m.kind
			if kind == 0 {
				kind = tar.TypeReg
			}
			header := &tar.Header{Name: m.name, Typeflag: kind, Linkname: m.link, Size: int64(len(m.content)), Mode: 0o777}
			if err := archive.WriteHeader(header); err != nil {
				t.Fatal(err)
			}
			if _, err := archive.Write([]byte(m.content)); err != nil {
				t.Fatal(err)
			}
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		return path, zipped.Close()
	}
}

func quiet(int, int, string) {}

func TestFetchUnpacksOnlyTheNamedFiles(t *testing.T) {
	folder := t.TempDir()
	outside := filepath.Join(filepath.Dir(folder), "evil")
	manifest := models.Manifest{Models: []models.Entry{entry("a.onnx", "weights"), entry("b.onnx", "more")}}
	write(t, filepath.Join(folder, "b.onnx"), "altered")
	err := fetch(t.Context(), folder, manifest, packMembers(t,
		member{name: "../../evil", content: "x"},
		member{name: outside, content: "x"},
		member{name: "package/model/a.onnx", kind: tar.TypeSymlink, link: "/etc/passwd"},
		member{name: "package/model/../model/a.onnx", content: "x"},
		member{name: "package/model/a.onnx", content: "weights"},
		member{name: "package/model/b.onnx", content: "more"},
		member{name: "package/index.js", content: "x"},
	), quiet)
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 2 {
		t.Errorf("the folder has %v, not the two files alone", names)
	}
	for _, e := range manifest.Models {
		if got := state(folder, e); got != Present {
			t.Errorf("%s: %s", e.File, got)
		}
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a file was written outside the folder")
	}
}

func TestFetchRefusesOtherContent(t *testing.T) {
	manifest := models.Manifest{Models: []models.Entry{entry("a.onnx", "weights")}}
	for name, pack := range map[string]packer{
		"altered":   packMembers(t, member{name: "package/model/a.onnx", content: "weighty"}),
		"endless":   packMembers(t, member{name: "package/model/a.onnx", content: strings.Repeat("weights", 1000)}),
		"absent":    packMembers(t, member{name: "package/model/c.onnx", content: "weights"}),
		"directory": packMembers(t, member{name: "package/model/a.onnx", kind: tar.TypeDir}),
		"no package": func(_ context.Context, _, folder string) (string, error) {
			path := filepath.Join(folder, "demo-1.tgz")
			return path, os.WriteFile(path, []byte("not gzip"), 0o600)
		},
	} {
		folder := t.TempDir()
		if err := fetch(t.Context(), folder, manifest, pack, quiet); err == nil {
			t.Errorf("%s: no error", name)
		}
		if left, _ := os.ReadDir(folder); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestFetchLeavesWhatIsThere(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "a.onnx"), "weights")
	manifest := models.Manifest{Models: []models.Entry{entry("a.onnx", "weights")}}
	pack := func(context.Context, string, string) (string, error) {
		t.Error("a package was fetched although nothing is missing")
		return "", os.ErrNotExist
	}
	if err := fetch(t.Context(), folder, manifest, pack, quiet); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRun(b *testing.B) {
	library := openLibrary(b)
	for id, shape := range map[string][]int64{
		"fr_detect": {1, 3, 240, 320}, "face_mesh": {1, 3, 192, 192},
		"fr_feature": {1, 3, 112, 112}, "fr_liveness": {1, 3, 128, 128},
	} {
		b.Run(id, func(b *testing.B) {
			model, err := library.Model(id)
			if err != nil {
				b.Fatal(err)
			}
			size := int64(1)
			for _, d := range shape {
				size *= d
			}
			input := Tensor{Shape: shape, Data: make([]float32, size)}
			for b.Loop() {
				if _, err := model.Run(input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
