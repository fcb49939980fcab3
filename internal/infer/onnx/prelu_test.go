package onnx

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	ort "github.com/yalue/onnxruntime_go"
)

const (
	channels = 32
	side     = 5
)

// network returns three PRelus one after the other. One has slopes under 1, one has some over 1 and a constant with a second name. The
// last has a single slope for all channels.
func network(gentle, steep []float32, single float32) []byte {
	value := func(name string) []byte {
		var shape []byte
		for _, n := range []int64{1, channels, side, side} {
			shape = AppendBytes(shape, 1, AppendVarint(nil, 1, n))
		}
		return AppendBytes(AppendBytes(nil, 1, []byte(name)), 2, AppendBytes(nil, 1, AppendBytes(AppendVarint(nil, 1, TypeFloat), 2, shape)))
	}
	var graph []byte
	for _, n := range [][]byte{
		Node("PRelu", []string{"in", "gentle"}, "a"),
		Node("Identity", []string{"steep"}, "alias"),
		Node("PRelu", []string{"a", "alias"}, "b"),
		Node("PRelu", []string{"b", "single"}, "out"),
	} {
		graph = AppendBytes(graph, GraphNode, n)
	}
	graph = AppendBytes(graph, GraphName, []byte("test"))
	for name, values := range map[string][]float32{"gentle": gentle, "steep": steep, "single": {single}} {
		graph = AppendBytes(graph, GraphInitializer, FloatTensor(name, []int{len(values), 1, 1}, values))
	}
	graph = AppendBytes(AppendBytes(graph, GraphInput, value("in")), GraphOutput, value("out"))
	return AppendBytes(AppendBytes(AppendVarint(nil, 1, 8), ModelGraph, graph), 8, AppendVarint(AppendBytes(nil, 1, nil), 2, 13))
}

func slopes() (gentle, steep []float32) {
	for i := range channels {
		gentle = append(gentle, float32(i)/channels-0.4)
		steep = append(steep, 1.6-float32(i)/10)
	}
	return gentle, steep
}

func TestFasterPReluComputesTheSame(t *testing.T) {
	gentle, steep := slopes()
	model := network(gentle, steep, 0.25)
	faster, err := RewritePRelu(model)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := operators(t, faster), []string{"Conv", "Relu", "Conv", "Add", "Identity", "Relu", "Conv", "Conv", "Add", "PRelu"}; !slices.Equal(got, want) {
		t.Errorf("the operators are %v, not %v", got, want)
	}
	input := make([]float32, channels*side*side)
	for i := range input {
		input[i] = float32(math.Sin(float64(i))) * 10
	}
	prelu := func(v, slope float32) float32 {
		if v < 0 {
			return slope * v
		}
		return v
	}
	for i, got := range run(t, faster, input) {
		channel := i / (side * side)
		want := prelu(prelu(prelu(input[i], gentle[channel]), steep[channel]), 0.25)
		if math.Abs(float64(got-want)) > 1e-5 {
			t.Fatalf("channel %d: %v became %v, not %v", channel, input[i], got, want)
		}
	}
}

func operators(t *testing.T, model []byte) (list []string) {
	t.Helper()
	parts, err := parseFields(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range parts {
		if f.number != ModelGraph {
			continue
		}
		graph, err := parseFields(f.content)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range graph {
			if f.number == GraphNode {
				n, err := readNode(f.content)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, n.operator)
			}
		}
	}
	return list
}

func run(t *testing.T, model []byte, input []float32) []float32 {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../../bin/models"
	}
	library := filepath.Join(folder, "libonnxruntime-"+runtime.GOARCH+".so")
	if _, err := os.Stat(library); err != nil {
		t.Skip("ONNX Runtime is not there: run `make models`")
	}
	if !ort.IsInitialized() {
		ort.SetSharedLibraryPath(library)
		if err := ort.InitializeEnvironment(); err != nil {
			t.Fatal(err)
		}
	}
	in, err := ort.NewTensor(ort.NewShape(1, channels, side, side), input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Destroy()
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(model, []string{"in"}, []string{"out"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Destroy()
	made := []ort.Value{nil}
	if err := session.Run([]ort.Value{in}, made); err != nil {
		t.Fatal(err)
	}
	defer made[0].Destroy()
	return slices.Clone(made[0].(*ort.Tensor[float32]).GetData())
}

func FuzzFasterPRelu(f *testing.F) {
	gentle, steep := slopes()
	f.Add(network(gentle, steep, 0.5))
	f.Add([]byte{0x3a, 0x02, 0x0a, 0x00})
	f.Fuzz(func(t *testing.T, model []byte) {
		_, _ = RewritePRelu(model) // must only not panic
	})
}
