// Package infer fetches, checks and runs the models of the manifest on ONNX Runtime. It does not interpret their outputs. A model
// is loaded once and run by many goroutines; each run uses one core.
package infer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/bonafide-id/bonafide/internal/infer/onnx"
	"github.com/bonafide-id/bonafide/liveness"
	"github.com/bonafide-id/bonafide/models"
	ort "github.com/yalue/onnxruntime_go"
)

// Config says where the fetched files are.
type Config struct {
	// Folder is the models folder that Fetch fills.
	Folder string
	// FreeWeightsOnly withholds the models that were trained on data that is for research only.
	FreeWeightsOnly bool
	// Own is a folder of models that the operator trained, or empty. Its files, such as lips.onnx and lips.json, replace the
	// program's own of that name.
	Own string
}

// ErrWithheld is the error of a model that Config.FreeWeightsOnly withholds.
var ErrWithheld = errors.New("it was trained on data that is for research only: unset free-weights-only, or train it on data of your own (see its card)")

// Library is the set of models of the manifest, each of them checked. It is safe for concurrent use and lives as long
// as the process.
type Library struct {
	folder   string
	own      string
	entries  map[string]models.Entry
	withheld map[string]bool

	mu     sync.Mutex
	loaded map[string]*Model
}

// Open checks every file of the manifest and loads ONNX Runtime. It fails with a sentence for each file that is missing
// or altered, which says what to do.
func Open(config Config) (*Library, error) {
	manifest, err := models.Read()
	if err != nil {
		return nil, err
	}
	return open(config, manifest)
}

func open(config Config, manifest models.Manifest) (*Library, error) {
	l := &Library{folder: config.Folder, own: config.Own, entries: map[string]models.Entry{}, withheld: map[string]bool{}, loaded: map[string]*Model{}}
	if config.FreeWeightsOnly {
		manifest.Models = slices.DeleteFunc(slices.Clone(manifest.Models), func(e models.Entry) bool {
			l.withheld[e.ID] = e.Terms == models.ResearchData
			return l.withheld[e.ID]
		})
	}
	if err := verify(config.Folder, manifest); err != nil {
		return nil, err
	}
	library, err := runtimeEntry(manifest)
	if err != nil {
		return nil, err
	}
	if err := loadRuntime(filepath.Join(config.Folder, library.File)); err != nil {
		return nil, err
	}
	for _, e := range manifest.Models {
		if e, err = l.ownEntry(e); err != nil {
			return nil, err
		}
		l.entries[e.ID] = e
	}
	return l, nil
}

// Model returns the model with this id of the manifest, loaded at its first use and shared after that. The error of one
// that is withheld is ErrWithheld.
func (l *Library) Model(id string) (*Model, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.loaded[id]; m != nil {
		return m, nil
	}
	if l.withheld[id] {
		return nil, fmt.Errorf("model %s: %w", id, ErrWithheld)
	}
	entry, ok := l.entries[id]
	if !ok {
		return nil, fmt.Errorf("no model %q in models/manifest.json", id)
	}
	data, err := l.weights(entry)
	if err != nil {
		return nil, err
	}
	m, err := load(entry, data)
	if err != nil {
		return nil, fmt.Errorf("loading model %s: %w", id, err)
	}
	m.library = l
	l.loaded[id] = m
	return m, nil
}

// runtimeEntry returns the shared library for this machine.
func runtimeEntry(manifest models.Manifest) (models.Entry, error) {
	if runtime.GOOS == "linux" {
		for _, e := range manifest.Runtime {
			if e.Arch == runtime.GOARCH {
				return e, nil
			}
		}
	}
	return models.Entry{}, fmt.Errorf("there is no ONNX Runtime in models/manifest.json for %s/%s", runtime.GOOS, runtime.GOARCH)
}

// ONNX Runtime keeps one environment a process, so that the first library opened decides which file is loaded.
var environment sync.Mutex

func loadRuntime(path string) error {
	environment.Lock()
	defer environment.Unlock()
	if ort.IsInitialized() {
		return nil
	}
	// Without this, set before they are loaded, its official builds report to their maker. They keep a database in the home
	// folder for that (microsoft/onnxruntime#27379). They also die there of a command line of some hundred words.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return err
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("loading ONNX Runtime from %s: %w", path, err)
	}
	return nil
}

// Model is one loaded model. It is safe for concurrent use: ONNX Runtime runs one session on many threads at a time.
type Model struct {
	library       *Library
	entry         models.Entry
	session       *ort.DynamicAdvancedSession
	inputs, names []string
}

// Tensor is an array of numbers with its shape, in row-major order.
type Tensor struct {
	Shape []int64
	Data  []float32
}

func load(entry models.Entry, data []byte) (*Model, error) {
	data, err := onnx.RewritePRelu(data)
	if err != nil {
		return nil, err
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, err
	}
	options, err := sessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	m := &Model{entry: entry, inputs: names(inputs), names: names(outputs)}
	m.session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, m.inputs, m.names, options)
	return m, err
}

func names(infos []ort.InputOutputInfo) []string {
	var list []string
	for _, info := range infos {
		list = append(list, info.Name)
	}
	return list
}

// sessionOptions keeps a run on the caller's thread and gives its memory back when it ends.
func sessionOptions() (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	for _, set := range []func() error{
		func() error { return options.SetIntraOpNumThreads(1) },
		func() error { return options.SetInterOpNumThreads(1) },
		func() error { return options.SetCpuMemArena(false) },
	} {
		if err := set(); err != nil {
			options.Destroy()
			return nil, err
		}
	}
	return options, nil
}

// Run runs the model on its inputs and returns its outputs, both in the order that the model declares. The outputs belong to the
// caller; the inputs are not kept.
func (m *Model) Run(inputs ...Tensor) ([]Tensor, error) {
	if len(inputs) != len(m.inputs) {
		return nil, fmt.Errorf("model %s takes %d inputs, not %d", m.entry.ID, len(m.inputs), len(inputs))
	}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	given := make([]ort.Value, len(inputs))
	for i, in := range inputs {
		if err := in.check(); err != nil {
			return nil, fmt.Errorf("model %s, input %s: %w", m.entry.ID, m.inputs[i], err)
		}
		pinned.Pin(&in.Data[0])
		value, err := ort.NewTensor(ort.NewShape(in.Shape...), in.Data)
		if err != nil {
			return nil, fmt.Errorf("model %s, input %s: %w", m.entry.ID, m.inputs[i], err)
		}
		defer value.Destroy()
		given[i] = value
	}
	made := make([]ort.Value, len(m.names))
	defer destroy(made)
	if err := m.session.Run(given, made); err != nil {
		return nil, fmt.Errorf("model %s: %w", m.entry.ID, err)
	}
	return m.copyOutputs(made)
}

// copyOutputs moves the outputs into tensors of ours.
func (m *Model) copyOutputs(made []ort.Value) ([]Tensor, error) {
	outputs := make([]Tensor, len(made))
	for i, value := range made {
		tensor, ok := value.(*ort.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("model %s, output %s is not of 32-bit floats", m.entry.ID, m.names[i])
		}
		outputs[i] = Tensor{Shape: tensor.GetShape(), Data: tensor.GetData()}
	}
	return outputs, nil
}

func destroy(values []ort.Value) {
	for _, v := range values {
		if v != nil {
			v.Destroy()
		}
	}
}

func (t Tensor) check() error {
	size := int64(1)
	for _, d := range t.Shape {
		if d <= 0 {
			return fmt.Errorf("shape %v is empty", t.Shape)
		}
		size *= d
	}
	if len(t.Shape) == 0 || size != int64(len(t.Data)) {
		return fmt.Errorf("shape %v does not fit %d numbers", t.Shape, len(t.Data))
	}
	return nil
}

// Ref names the weights, for a verdict.
func (m *Model) Ref() liveness.ModelRef {
	return liveness.ModelRef{ID: m.entry.ID, Version: m.entry.Version, SHA256: m.entry.SHA256}
}

// Parameters returns the JSON file beside the weights, such as the calibration of their outputs.
func (m *Model) Parameters() ([]byte, error) {
	return m.library.File(strings.TrimSuffix(m.entry.File, filepath.Ext(m.entry.File)) + ".json")
}
