package tfjs

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	ort "github.com/yalue/onnxruntime_go"
)

// array is a tensor in TensorFlow's order: height, width, channels.
type array struct {
	h, w, c int
	v       []float32
}

func newArray(h, w, c int) array { return array{h, w, c, make([]float32, h*w*c)} }

func (a array) at(y, x, c int) *float32 { return &a.v[(y*a.w+x)*a.c+c] }

// filters are height, width, in, out (or height, width, channels, 1).
type filters struct {
	h, w, in, out int
	v             []float32
}

func (f filters) at(y, x, i, o int) float32 { return f.v[((y*f.w+x)*f.in+i)*f.out+o] }

// before returns how much of what TensorFlow's SAME adds to a side goes before it: the smaller half.
func before(size, kernel, stride int) int {
	return max((size+stride-1)/stride*stride-stride+kernel-size, 0) / 2
}

// slide calls once for each output and each input under the window.
func slide(a array, kernel, stride int, same bool, visit func(y, x, ky, kx, fromY, fromX int)) (h, w int) {
	top, left := 0, 0
	h, w = (a.h-kernel)/stride+1, (a.w-kernel)/stride+1
	if same {
		h, w = (a.h+stride-1)/stride, (a.w+stride-1)/stride
		top, left = before(a.h, kernel, stride), before(a.w, kernel, stride)
	}
	for y := range h {
		for x := range w {
			for ky := range kernel {
				for kx := range kernel {
					fromY, fromX := y*stride+ky-top, x*stride+kx-left
					if fromY >= 0 && fromY < a.h && fromX >= 0 && fromX < a.w {
						visit(y, x, ky, kx, fromY, fromX)
					}
				}
			}
		}
	}
	return h, w
}

func convolve(a array, f filters, stride int, same, depthwise bool) array {
	out := newArray(a.h, a.w, max(f.out, 1))
	if depthwise {
		out = newArray(a.h, a.w, a.c)
	}
	wide := out
	h, w := slide(a, f.h, stride, same, func(y, x, ky, kx, fromY, fromX int) {
		for i := range a.c {
			v := *a.at(fromY, fromX, i)
			if depthwise {
				*wide.at(y, x, i) += v * f.at(ky, kx, i, 0)
				continue
			}
			for o := range f.out {
				*wide.at(y, x, o) += v * f.at(ky, kx, i, o)
			}
		}
	})
	return topLeft(wide, h, w)
}

func topLeft(a array, h, w int) array {
	out := newArray(h, w, a.c)
	for y := range h {
		for x := range w {
			for c := range a.c {
				*out.at(y, x, c) = *a.at(y, x, c)
			}
		}
	}
	return out
}

func poolMax(a array, kernel, stride int, same bool) array {
	out := newArray(a.h, a.w, a.c)
	for i := range out.v {
		out.v[i] = float32(math.Inf(-1))
	}
	h, w := slide(a, kernel, stride, same, func(y, x, _, _, fromY, fromX int) {
		for c := range a.c {
			*out.at(y, x, c) = max(*out.at(y, x, c), *a.at(fromY, fromX, c))
		}
	})
	return topLeft(out, h, w)
}

// mapValues changes every value by its channel.
func mapValues(a array, change func(v float32, c int) float32) array {
	out := newArray(a.h, a.w, a.c)
	for i, v := range a.v {
		out.v[i] = change(v, i%a.c)
	}
	return out
}

func pad(a array, top, bottom, left, right, front, back int) array {
	out := newArray(a.h+top+bottom, a.w+left+right, a.c+front+back)
	for y := range a.h {
		for x := range a.w {
			for c := range a.c {
				*out.at(y+top, x+left, c+front) = *a.at(y, x, c)
			}
		}
	}
	return out
}

// builder writes a graph model.
type builder struct {
	nodes   []map[string]any
	entries []map[string]any
	weights []byte
	random  *rand.Rand
}

func newBuilder() *builder { return &builder{random: rand.New(rand.NewPCG(1, 2))} }

func (b *builder) node(name, op string, inputs []string, attributes map[string]any) {
	b.nodes = append(b.nodes, map[string]any{"name": name, "op": op, "input": inputs, "attr": attributes})
}

// floats adds a random constant of type float32.
func (b *builder) floats(name string, shape ...int) []float32 {
	n := 1
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = b.random.Float32()*2 - 1
		b.weights = binary.LittleEndian.AppendUint32(b.weights, math.Float32bits(values[i]))
	}
	b.entries = append(b.entries, map[string]any{"name": name, "shape": shape, "dtype": "float32"})
	b.node(name, "Const", nil, nil)
	return values
}

// halves adds a constant that is stored in 16 bits: eighths of -1 to 1, which those hold exactly.
func (b *builder) halves(name string, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		k := i%16 - 8
		values[i] = float32(k) / 8
		bits := uint16(0)
		if k != 0 {
			fraction, exponent := math.Frexp(math.Abs(float64(values[i])))
			bits = uint16(exponent+14)<<10 | uint16(fraction*2048)&1023
		}
		if k < 0 {
			bits |= 1 << 15
		}
		b.weights = binary.LittleEndian.AppendUint16(b.weights, bits)
	}
	b.entries = append(b.entries, map[string]any{"name": name, "shape": []int{n}, "dtype": "float32", "quantization": map[string]any{"dtype": "float16"}})
	return values
}

func (b *builder) ints(name string, shape []int, values ...int32) {
	for _, v := range values {
		b.weights = binary.LittleEndian.AppendUint32(b.weights, uint32(v))
	}
	b.entries = append(b.entries, map[string]any{"name": name, "shape": shape, "dtype": "int32"})
}

func (b *builder) graph(t testing.TB, outputs map[string]string) []byte {
	t.Helper()
	signature := map[string]any{}
	for name, node := range outputs {
		signature[name] = map[string]any{"name": node + ":0"}
	}
	data, err := json.Marshal(map[string]any{
		"signature":       map[string]any{"outputs": signature},
		"modelTopology":   map[string]any{"node": b.nodes},
		"weightsManifest": []any{map[string]any{"paths": []string{"x.bin"}, "weights": b.entries}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func word(s string) map[string]any {
	return map[string]any{"s": base64.StdEncoding.EncodeToString([]byte(s))}
}

func list(values ...int) map[string]any {
	var texts []string
	for _, v := range values {
		texts = append(texts, strconv.Itoa(v))
	}
	return map[string]any{"list": map[string]any{"i": texts}}
}

func words(values ...string) map[string]any {
	var encoded []string
	for _, v := range values {
		encoded = append(encoded, base64.StdEncoding.EncodeToString([]byte(v)))
	}
	return map[string]any{"list": map[string]any{"s": encoded}}
}

func window(stride int, padding string) map[string]any {
	return map[string]any{"strides": list(1, stride, stride, 1), "padding": word(padding)}
}

func placeholder(h, w, c int) map[string]any {
	var dims []map[string]string
	for _, n := range []int{-1, h, w, c} {
		dims = append(dims, map[string]string{"size": strconv.Itoa(n)})
	}
	return map[string]any{"shape": map[string]any{"shape": map[string]any{"dim": dims}}}
}

// network returns a graph with every operation that is known, its weights, and what it makes of an input.
func network(t testing.TB) (graph, weights []byte, input array, want []float32) {
	t.Helper()
	b := newBuilder()
	input = newArray(9, 7, 3)
	for i := range input.v {
		input.v[i] = b.random.Float32()*2 - 1
	}
	b.node("in", "Placeholder", nil, placeholder(9, 7, 3))

	first := filters{3, 3, 3, 4, b.floats("f1", 3, 3, 3, 4)}
	bias, slopes := b.halves("b1", 4), b.floats("s1", 1, 1, 4)
	attributes := window(2, "SAME")
	attributes["fused_ops"] = words("BiasAdd", "Prelu")
	b.node("conv1", "_FusedConv2D", []string{"in", "f1", "b1", "s1"}, attributes)
	prelu := func(slopes []float32) func(float32, int) float32 {
		return func(v float32, c int) float32 {
			if v < 0 {
				return v * slopes[c]
			}
			return v
		}
	}
	x := convolve(input, first, 2, true, false)
	x = mapValues(mapValues(x, func(v float32, c int) float32 { return v + bias[c] }), prelu(slopes))

	depth := filters{3, 3, 4, 1, b.floats("f2", 3, 3, 4, 1)}
	b.node("conv2", "DepthwiseConv2dNative", []string{"conv1", "f2"}, window(1, "SAME"))
	y := convolve(x, depth, 1, true, true)

	slopes2 := b.floats("s2", 1, 1, 4)
	b.node("prelu", "Prelu", []string{"conv2", "s2"}, nil)
	y = mapValues(y, prelu(slopes2))

	b.node("sum", "AddV2", []string{"prelu", "conv1:0"}, nil)
	for i := range y.v {
		y.v[i] += x.v[i]
	}

	pool := window(2, "SAME")
	pool["ksize"] = list(1, 2, 2, 1)
	b.node("pool", "MaxPool", []string{"sum"}, pool)
	y = poolMax(y, 2, 2, true)

	b.ints("amounts", []int{4, 2}, 0, 0, 1, 2, 0, 1, 1, 0)
	b.node("pad", "Pad", []string{"pool", "amounts"}, nil)
	y = pad(y, 1, 2, 0, 1, 1, 0)

	last := filters{3, 3, 5, 2, b.floats("f3", 3, 3, 5, 2)}
	b.node("conv3", "Conv2D", []string{"pad", "f3"}, window(1, "VALID"))
	y = convolve(y, last, 1, false, false)

	b.node("relu", "Relu", []string{"conv3"}, nil)
	y = mapValues(y, func(v float32, _ int) float32 { return max(v, 0) })

	b.node("sigmoid", "Sigmoid", []string{"relu"}, nil)
	y = mapValues(y, func(v float32, _ int) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) })

	b.ints("shape", []int{2}, 1, -1)
	b.node("flat", "Reshape", []string{"sigmoid", "shape"}, nil)
	b.node("out", "Identity", []string{"flat"}, nil)
	return b.graph(t, map[string]string{"answer": "out"}), b.weights, input, y.v
}

// run runs a model of one input on ONNX Runtime.
func run(t *testing.T, model []byte, input array, name string, outputs int) []float32 {
	t.Helper()
	folder := os.Getenv("BONAFIDE_MODELS")
	if folder == "" {
		folder = "../../../bin/models"
	}
	library := filepath.Join(folder, "libonnxruntime-"+runtime.GOARCH+".so")
	if _, err := os.Stat(library); err != nil {
		t.Skipf("ONNX Runtime is not there: %v", err)
	}
	if !ort.IsInitialized() {
		ort.SetSharedLibraryPath(library)
		if err := ort.InitializeEnvironment(); err != nil {
			t.Fatal(err)
		}
	}
	planes := make([]float32, 0, len(input.v))
	for c := range input.c {
		for i := range input.h * input.w {
			planes = append(planes, input.v[i*input.c+c])
		}
	}
	in, err := ort.NewTensor(ort.NewShape(1, int64(input.c), int64(input.h), int64(input.w)), planes)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Destroy()
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(model, []string{"in"}, []string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Destroy()
	made := []ort.Value{nil}
	if err := session.Run([]ort.Value{in}, made); err != nil {
		t.Fatal(err)
	}
	defer made[0].Destroy()
	got := made[0].(*ort.Tensor[float32]).GetData()
	if len(got) != outputs {
		t.Fatalf("%d numbers, not %d", len(got), outputs)
	}
	return append([]float32(nil), got...)
}

func TestConvertedModelComputesTheSame(t *testing.T) {
	graph, weights, input, want := network(t)
	model, err := Convert(graph, weights, []string{"answer"})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range run(t, model, input, "answer", len(want)) {
		if math.Abs(float64(v-want[i])) > 1e-5 {
			t.Errorf("number %d is %v, not %v", i, v, want[i])
		}
	}
}

func TestConversionIsRepeatable(t *testing.T) {
	graph, weights, _, _ := network(t)
	a, err := Convert(graph, weights, []string{"answer"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Convert(graph, weights, []string{"answer"})
	if err != nil || string(a) != string(b) {
		t.Errorf("two conversions differ (%v)", err)
	}
}

func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x3555: 0.33325195, 0x0001: 5.9604645e-08, 0x03ff: 6.0975552e-05, 0x7bff: 65504,
		0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)),
	} {
		if got := parseFloat16(bits); got != want {
			t.Errorf("%04x is %v, not %v", bits, got, want)
		}
	}
	if got := parseFloat16(0x7e00); got == got {
		t.Errorf("7e00 is %v, not NaN", got)
	}
}

func TestFaultsAreToldAndNeverPanic(t *testing.T) {
	plain, weights, _, _ := network(t)
	graph := string(plain)
	for name, c := range map[string]struct {
		graph   string
		weights []byte
		output  string
		want    string
	}{
		"no JSON":             {"{", weights, "answer", "not a TensorFlow.js model"},
		"no weights' group":   {strings.Replace(graph, `"weightsManifest":[`, `"weightsManifest":[{},`, 1), weights, "answer", "2 groups"},
		"no such output":      {graph, weights, "other", "no output other"},
		"output of nowhere":   {strings.Replace(graph, `"out:0"`, `"nowhere:0"`, 1), weights, "answer", "no node nowhere"},
		"short weights":       {graph, weights[:len(weights)-1], "answer", "ends before"},
		"long weights":        {graph, append(weights[:len(weights):len(weights)], 0), "answer", "1 bytes too many"},
		"huge weights":        {strings.Replace(graph, `"shape":[3,3,3,4]`, `"shape":[2000000000,2000000000,3,4]`, 1), weights, "answer", "larger than the file"},
		"negative weights":    {strings.Replace(graph, `"shape":[3,3,3,4]`, `"shape":[-3,-3,3,4]`, 1), weights, "answer", "larger than the file"},
		"unknown type":        {strings.Replace(graph, `"float16"`, `"uint8"`, 1), weights, "answer", "unknown type uint8"},
		"whole filters":       {strings.Replace(graph, `{"dtype":"float32","name":"f2"`, `{"dtype":"int32","name":"f2"`, 1), weights, "answer", "not a constant of floats"},
		"filters of 3 axes":   {strings.Replace(graph, `"shape":[3,3,4,1]`, `"shape":[9,4,1]`, 1), weights, "answer", "not a constant of floats with 4 axes"},
		"two for each":        {strings.Replace(graph, `"shape":[3,3,4,1]`, `"shape":[3,3,2,2]`, 1), weights, "answer", "more than one filter"},
		"unknown operation":   {strings.Replace(graph, `"op":"Sigmoid"`, `"op":"Softplus"`, 1), weights, "answer", "not known"},
		"unknown fusion":      {strings.Replace(graph, base64.StdEncoding.EncodeToString([]byte("Prelu")), base64.StdEncoding.EncodeToString([]byte("Swish")), 1), weights, "answer", "Swish is not known"},
		"explicit padding":    {strings.ReplaceAll(graph, base64.StdEncoding.EncodeToString([]byte("SAME")), base64.StdEncoding.EncodeToString([]byte("EXPLICIT"))), weights, "answer", "neither SAME nor VALID"},
		"no strides":          {strings.ReplaceAll(graph, `"strides"`, `"steps"`), weights, "answer", "strides has 0 numbers"},
		"strides of nothing":  {strings.ReplaceAll(graph, `["1","2","2","1"]`, `["1","0","0","1"]`), weights, "answer", "is \"0\""},
		"input of two axes":   {strings.Replace(graph, `{"size":"-1"},{"size":"9"},`, "", 1), weights, "answer", "four axes"},
		"nothing to add":      {strings.Replace(graph, `["prelu","conv1:0"]`, `["prelu"]`, 1), weights, "answer", "1 inputs, not 2"},
		"constant to add":     {strings.Replace(graph, `["prelu","conv1:0"]`, `["prelu","f1"]`, 1), weights, "answer", "constant is not expected"},
		"constant convolved":  {strings.Replace(graph, `["pad","f3"]`, `["f1","f3"]`, 1), weights, "answer", "constant is not expected"},
		"nothing convolved":   {strings.Replace(graph, `["pad","f3"]`, `[]`, 1), weights, "answer", "no input"},
		"nothing pooled":      {strings.Replace(graph, `["sum"]`, `[]`, 1), weights, "answer", "no input"},
		"nothing padded":      {strings.Replace(graph, `["pool","amounts"]`, `["pool"]`, 1), weights, "answer", "four axes"},
		"padded by floats":    {strings.Replace(graph, `["pool","amounts"]`, `["pool","f1"]`, 1), weights, "answer", "four axes"},
		"slopes of nothing":   {strings.Replace(graph, `["conv2","s2"]`, `["conv2"]`, 1), weights, "answer", "input 1 is missing"},
		"round in circles":    {strings.Replace(graph, `["in","f1","b1","s1"]`, `["pool","f1","b1","s1"]`, 1), weights, "answer", "has a cycle"},
		"a control edge":      {strings.Replace(graph, `["relu"]`, `["^relu"]`, 1), weights, "answer", ""},
		"texts of no base 64": {strings.Replace(graph, base64.StdEncoding.EncodeToString([]byte("VALID")), "?", 1), weights, "answer", "not a TensorFlow.js model"},
	} {
		_, err := Convert([]byte(c.graph), c.weights, []string{c.output})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not one of %q", name, err, c.want)
		}
	}
}

func TestGraphsDeeperThanAnyAreRefused(t *testing.T) {
	b := newBuilder()
	b.node("n0", "Placeholder", nil, placeholder(1, 1, 1))
	for i := range 2000 {
		b.node("n"+strconv.Itoa(i+1), "Relu", []string{"n" + strconv.Itoa(i)}, nil)
	}
	if _, err := Convert(b.graph(t, map[string]string{"out": "n2000"}), nil, []string{"out"}); err == nil || !strings.Contains(err.Error(), "too deep") {
		t.Error(err)
	}
}

func FuzzConvert(f *testing.F) {
	graph, weights, _, _ := network(f)
	f.Add(graph, weights)
	f.Add([]byte(`{"weightsManifest":[{}]}`), []byte{})
	f.Fuzz(func(t *testing.T, graph, weights []byte) {
		_, _ = Convert(graph, weights, []string{"answer"}) // must only not panic
	})
}
