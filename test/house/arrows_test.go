// Package house holds the rules of the tree: which package may import which.
package house

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

// ranks are the floors of the house. A package may import what stands on lower floors, never its own floor or above.
var ranks = [][]string{
	{"liveness"},
	{"models", "docs", "web"},
	{"internal/infer", "internal/phrase"},
	{"internal/occlusion"},
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

// storeUsers are the only packages that may import the store, beside the app, which opens it.
var storeUsers = map[string]bool{"internal/account": true, "internal/challenge": true, "internal/check": true, "internal/app": true}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
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

// floor is the rank of a package or of the nearest package whose folder it lies in.
func floor(name string) (rank int, room string) {
	rank = -1
	for i, names := range ranks {
		for _, n := range names {
			if (name == n || strings.HasPrefix(name, n+"/")) && len(n) > len(room) {
				rank, room = i, n
			}
		}
	}
	return rank, room
}

func TestArrowsRunDown(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "training/") || strings.HasPrefix(name, "test/") {
			continue // tools and tests stand outside the house and may look into every room
		}
		from, room := floor(name)
		if from < 0 {
			t.Errorf("%s has no floor: add it to ranks, or better to a package that is there", name)
			continue
		}
		seen++
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to, toRoom := floor(below)
			if toRoom != room && to >= from {
				t.Errorf("%s imports %s: arrows run down only", name, below)
			}
			if toRoom == "internal/store" && room != toRoom && !storeUsers[room] {
				t.Errorf("%s imports the store: only account, challenge and check may", name)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d packages were looked at: the test looks in the wrong place", seen)
	}
}

func TestNoPackageWithoutAName(t *testing.T) {
	for _, p := range packages(t) {
		for _, part := range strings.Split(strings.TrimPrefix(p.ImportPath, module), "/") {
			switch part {
			case "util", "utils", "common", "helper", "helpers", "core", "misc":
				t.Errorf("%s: say what the package is for", p.ImportPath)
			}
		}
	}
}
