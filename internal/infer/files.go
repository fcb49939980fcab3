package infer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bonafide-id/bonafide/models"
)

// State is how a file of the manifest was found.
type State string

const (
	Embedded State = "embedded" // part of this program
	Present  State = "present"
	Missing  State = "missing"
	Altered  State = "altered" // not the bytes that the manifest names
)

// Row is one line of the list of models.
type Row struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Task    string `json:"task"`
	Licence string `json:"licence"`
	Terms   string `json:"terms"`
	Source  string `json:"source"`
	State   State  `json:"state"`
	SHA256  string `json:"sha256"`
}

// List describes the shared library for this machine and every model of the manifest, as they are found in folder.
func List(folder string) ([]Row, error) {
	manifest, err := models.Read()
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, e := range requiredEntries(manifest) {
		rows = append(rows, Row{ID: e.ID, Version: e.Version, Task: e.Task, Licence: e.Licence, Terms: e.Terms,
			Source: e.Source.String(), State: state(folder, e), SHA256: e.SHA256})
	}
	return rows, nil
}

// Verify reads every file that this machine needs and returns the faults, joined, one sentence each; nil if there are none.
func Verify(folder string) error {
	manifest, err := models.Read()
	if err != nil {
		return err
	}
	return verify(folder, manifest)
}

func verify(folder string, manifest models.Manifest) error {
	var faults []error
	for _, e := range requiredEntries(manifest) {
		faults = append(faults, check(folder, e))
	}
	return errors.Join(faults...)
}

// requiredEntries returns what this machine needs: its own shared library and all models.
func requiredEntries(manifest models.Manifest) []models.Entry {
	var entries []models.Entry
	for _, e := range manifest.Runtime {
		if e.Arch == runtime.GOARCH {
			entries = append(entries, e)
		}
	}
	return append(entries, manifest.Models...)
}

func state(folder string, e models.Entry) State {
	err := check(folder, e)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Missing
	case err != nil:
		return Altered
	case e.Embedded():
		return Embedded
	default:
		return Present
	}
}

// readChecked returns a file's bytes after they were checked, so that what runs is what was checked.
func readChecked(folder string, e models.Entry) ([]byte, error) {
	if e.Embedded() {
		data, err := models.File(e.File)
		if err != nil {
			return nil, err
		}
		return data, compare(e, e.File, sha256.Sum256(data))
	}
	path := filepath.Join(folder, e.File)
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable(e, path, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, e.Bytes+1))
	if err != nil {
		return nil, unreadable(e, path, err)
	}
	return data, compare(e, path, sha256.Sum256(data))
}

// check returns read without keeping the bytes.
func check(folder string, e models.Entry) error {
	if e.Embedded() {
		_, err := readChecked(folder, e)
		return err
	}
	path := filepath.Join(folder, e.File)
	file, err := os.Open(path)
	if err != nil {
		return unreadable(e, path, err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(file, e.Bytes+1)); err != nil {
		return unreadable(e, path, err)
	}
	return compare(e, path, [sha256.Size]byte(hash.Sum(nil)))
}

func compare(e models.Entry, path string, sum [sha256.Size]byte) error {
	got := hex.EncodeToString(sum[:])
	if got == e.SHA256 {
		return nil
	}
	if e.Embedded() {
		return fmt.Errorf("%s: the embedded %s has sha256 %s, the manifest says %s: build from a clean checkout", e.ID, path, got, e.SHA256)
	}
	return fmt.Errorf("%s: %s has sha256 %s, the manifest says %s: delete it and run `%s`", e.ID, path, got, e.SHA256, fetchCommand(path))
}

func unreadable(e models.Entry, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &missingError{e.ID, path}
	}
	return fmt.Errorf("%s: %w", e.ID, err)
}

// fetchCommand returns what gets the file at the path. The folder beside the program needs no naming.
func fetchCommand(path string) string {
	const fetch = "bonafide models fetch"
	folder := filepath.Dir(path)
	if program, err := os.Executable(); err == nil && folder == filepath.Join(filepath.Dir(program), "models") {
		return fetch
	}
	if strings.ContainsAny(folder, " '\"$`\\") {
		folder = "'" + strings.ReplaceAll(folder, "'", `'\''`) + "'"
	}
	return fetch + " --models " + folder
}

// missingError is a file that is not there.
type missingError struct{ id, path string }

func (e *missingError) Error() string {
	return fmt.Sprintf("%s: %s is missing: run `%s`", e.id, e.path, fetchCommand(e.path))
}

func (e *missingError) Is(target error) bool { return target == fs.ErrNotExist }
