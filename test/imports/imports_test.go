// Package imports tests which package may import which, and the names that packages export. It does not test behaviour.
package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/bonafide-id/bonafide/"

// layers lists the packages from the lowest layer to the highest. A package may import packages of lower layers only.
var layers = [][]string{
	{"liveness"},
	{"models", "docs", "web"},
	{"internal/infer", "internal/phrase"},
	{"internal/occlusion", "internal/edits"},
	{"internal/media", "internal/face", "internal/quality", "internal/pad", "internal/lips", "internal/sound", "internal/store"},
	{"internal/account", "internal/challenge", "internal/check"},
	{"internal/evaluate", "internal/protocol", "internal/site"},
	{"internal/protocol/lipsecure", "internal/protocol/selfie", "internal/protocol/faceliveness", "internal/protocol/capture"},
	{"internal/demo", "internal/console"},
	{"internal/server"},
	{"internal/config"},
	{"internal/app"},
	{"cmd/bonafide"},
}

// storeUsers are the only packages that may import the store, besides the app, which opens it.
var storeUsers = map[string]bool{"internal/account": true, "internal/challenge": true, "internal/check": true, "internal/app": true}

type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// packages returns all packages of the module, without their tests.
func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// layerOf returns the layer of a package, or of the nearest listed package above its folder; -1 if there is none.
func layerOf(name string) (layer int, entry string) {
	layer = -1
	for i, names := range layers {
		for _, n := range names {
			if (name == n || strings.HasPrefix(name, n+"/")) && len(n) > len(entry) {
				layer, entry = i, n
			}
		}
	}
	return layer, entry
}

func TestImportsGoDown(t *testing.T) {
	checked := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "training/") || strings.HasPrefix(name, "test/") {
			continue // tools and tests may import every package
		}
		from, entry := layerOf(name)
		if from < 0 {
			t.Errorf("%s has no layer: add it to layers, or better to a package that exists", name)
			continue
		}
		checked++
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to, toEntry := layerOf(below)
			if toEntry != entry && to >= from {
				t.Errorf("%s imports %s: a package imports lower layers only", name, below)
			}
			if toEntry == "internal/store" && entry != toEntry && !storeUsers[entry] {
				t.Errorf("%s imports the store: only account, challenge and check may", name)
			}
		}
	}
	if checked < 10 {
		t.Fatalf("only %d packages were checked: the test looks in the wrong folder", checked)
	}
}

func TestPackageNamesSayWhatTheyDo(t *testing.T) {
	for _, p := range packages(t) {
		for _, part := range strings.Split(strings.TrimPrefix(p.ImportPath, module), "/") {
			switch part {
			case "util", "utils", "common", "helper", "helpers", "core", "misc":
				t.Errorf("%s: say what the package is for", p.ImportPath)
			}
		}
	}
}
