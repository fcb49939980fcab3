package infer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bonafide-id/bonafide/models"
)

// ownVersion is the version of a model that the operator trained; its hash tells which it is.
const ownVersion = "own"

// File returns a file beside the models trained here (lips.json): the operator's own, or else the program's.
func (l *Library) File(name string) ([]byte, error) {
	if l.own != "" {
		data, err := os.ReadFile(filepath.Join(l.own, name))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return models.File(name)
}

// ownEntry returns the entry of the operator's own file, where there is one in place of the program's.
func (l *Library) ownEntry(e models.Entry) (models.Entry, error) {
	if l.own == "" || !e.Embedded() {
		return e, nil
	}
	data, err := os.ReadFile(filepath.Join(l.own, e.File))
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	} else if err != nil {
		return e, fmt.Errorf("own model %s: %w", e.ID, err)
	}
	sum := sha256.Sum256(data)
	e.Version, e.SHA256, e.Bytes = ownVersion, hex.EncodeToString(sum[:]), int64(len(data))
	return e, nil
}

// weights returns a model's bytes, after they were checked.
func (l *Library) weights(e models.Entry) ([]byte, error) {
	if e.Version != ownVersion {
		return readChecked(l.folder, e)
	}
	path := filepath.Join(l.own, e.File)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return data, compare(e, path, sha256.Sum256(data))
}

// OwnModel loads NAME.onnx of the folder of own models, a model that the manifest does not name. It is nil if there is no such
// file.
func (l *Library) OwnModel(name string) (*Model, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.loaded[name]; m != nil || l.own == "" {
		return m, nil
	}
	entry := models.Entry{ID: name, Version: ownVersion, File: name + ".onnx"}
	data, err := os.ReadFile(filepath.Join(l.own, entry.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("own model %s: %w", name, err)
	}
	sum := sha256.Sum256(data)
	entry.SHA256, entry.Bytes = hex.EncodeToString(sum[:]), int64(len(data))
	m, err := load(entry, data)
	if err != nil {
		return nil, fmt.Errorf("loading own model %s: %w", name, err)
	}
	m.library, l.loaded[name] = l, m
	return m, nil
}
