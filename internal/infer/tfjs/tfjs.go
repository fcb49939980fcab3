// Package tfjs converts TensorFlow.js graph models, which some npm packages ship, to ONNX. It does not convert operations beyond
// those of small convolutional networks, and names the missing one.
package tfjs

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bonafide-id/bonafide/internal/infer/onnx"
)

// document is the part of a model.json that counts.
type document struct {
	Signature struct {
		Outputs map[string]struct {
			Name string `json:"name"`
		} `json:"outputs"`
	} `json:"signature"`
	Topology struct {
		Nodes []node `json:"node"`
	} `json:"modelTopology"`
	Weights []struct {
		Weights []entry `json:"weights"`
	} `json:"weightsManifest"`
}

type node struct {
	Name       string               `json:"name"`
	Op         string               `json:"op"`
	Inputs     []string             `json:"input"`
	Attributes map[string]attribute `json:"attr"`
}

type attribute struct {
	Text  []byte `json:"s"` // base64 in the file
	Shape struct {
		Dims []struct {
			Size string `json:"size"`
		} `json:"dim"`
	} `json:"shape"`
	List struct {
		Ints  []string `json:"i"`
		Texts [][]byte `json:"s"`
	} `json:"list"`
}

type entry struct {
	Name         string `json:"name"`
	Shape        []int  `json:"shape"`
	Type         string `json:"dtype"`
	Quantization struct {
		Type string `json:"dtype"`
	} `json:"quantization"`
}

// tensor is a constant, in TensorFlow's order of axes.
type tensor struct {
	shape  []int
	values []float32
	whole  []int64 // instead of values where the type is int32
}

// Convert returns the ONNX model (opset 13) of a graph model. Its arguments are model.json and the single file that the first
// group of its weights manifest names. The input becomes 1 x channels x height x width. outputs are names of the model's
// signature; their values come in TensorFlow's order, flattened. The same input gives the same bytes.
func Convert(graph, weights []byte, outputs []string) ([]byte, error) {
	var d document
	if err := json.Unmarshal(graph, &d); err != nil {
		return nil, fmt.Errorf("the graph is not a TensorFlow.js model: %w", err)
	}
	if len(d.Weights) != 1 {
		return nil, fmt.Errorf("the graph names %d groups of weights, not one", len(d.Weights))
	}
	constants, err := readConstants(d.Weights[0].Weights, weights)
	if err != nil {
		return nil, err
	}
	c := converter{nodes: map[string]node{}, constants: constants, done: map[string]bool{}}
	for _, n := range d.Topology.Nodes {
		c.nodes[n.Name] = n
	}
	for _, name := range outputs {
		signature, ok := d.Signature.Outputs[name]
		if !ok {
			return nil, fmt.Errorf("the model has no output %s", name)
		}
		source := nodeName(signature.Name)
		if err := c.emit(source, 0); err != nil {
			return nil, err
		}
		c.node("Identity", []string{source}, name)
		c.outputs = append(c.outputs, name)
	}
	return c.model(), nil
}

// readConstants cuts the file of weights into constants.
func readConstants(entries []entry, data []byte) (map[string]tensor, error) {
	constants := map[string]tensor{}
	for _, e := range entries {
		kind := e.Quantization.Type
		if kind == "" {
			kind = e.Type
		}
		width := map[string]int{"float16": 2, "float32": 4, "int32": 4}[kind]
		if width == 0 {
			return nil, fmt.Errorf("weights %s are of the unknown type %s", e.Name, kind)
		}
		count := 1
		for _, n := range e.Shape {
			if n < 0 || n > len(data) || count*n > len(data) {
				return nil, fmt.Errorf("weights %s are larger than the file", e.Name)
			}
			count *= n
		}
		if count*width > len(data) {
			return nil, fmt.Errorf("the file of weights ends before %s", e.Name)
		}
		constants[e.Name] = decode(kind, e.Shape, data[:count*width])
		data = data[count*width:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("the file of weights has %d bytes too many", len(data))
	}
	return constants, nil
}

func decode(kind string, shape []int, data []byte) tensor {
	t := tensor{shape: shape}
	switch kind {
	case "float16":
		for i := 0; i < len(data); i += 2 {
			t.values = append(t.values, parseFloat16(binary.LittleEndian.Uint16(data[i:])))
		}
	case "float32":
		for i := 0; i < len(data); i += 4 {
			t.values = append(t.values, math.Float32frombits(binary.LittleEndian.Uint32(data[i:])))
		}
	default:
		for i := 0; i < len(data); i += 4 {
			t.whole = append(t.whole, int64(int32(binary.LittleEndian.Uint32(data[i:]))))
		}
	}
	return t
}

// parseFloat16 returns an IEEE 754 binary16 number.
func parseFloat16(bits uint16) float32 {
	sign, exponent, fraction := float64(1), int(bits>>10&31), float64(bits&1023)
	if bits>>15 == 1 {
		sign = -1
	}
	switch {
	case exponent == 0:
		return float32(sign * math.Ldexp(fraction, -24))
	case exponent == 31 && fraction == 0:
		return float32(math.Inf(int(sign)))
	case exponent == 31:
		return float32(math.NaN())
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}

// nodeName returns the node that an input names: without the number of its output and the mark of a control edge.
func nodeName(input string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(input, "^"), ":")
	return name
}

// maxDepth bounds the recursion.
const maxDepth = 1000

// emit writes a node after all that it needs.
func (c *converter) emit(name string, depth int) error {
	if depth > maxDepth {
		return errors.New("the graph is too deep")
	}
	if written, begun := c.done[name]; written {
		return nil
	} else if begun {
		return fmt.Errorf("the graph has a cycle at %s", name)
	}
	c.done[name] = false
	n, ok := c.nodes[name]
	if !ok {
		return fmt.Errorf("the graph has no node %s", name)
	}
	for _, input := range n.Inputs {
		if _, constant := c.constants[nodeName(input)]; constant {
			continue
		}
		if err := c.emit(nodeName(input), depth+1); err != nil {
			return err
		}
	}
	if err := c.translate(n); err != nil {
		return fmt.Errorf("node %s (%s): %w", n.Name, n.Op, err)
	}
	c.done[name] = true
	return nil
}

// translate writes one node in ONNX's words.
func (c *converter) translate(n node) error {
	switch n.Op {
	case "Placeholder":
		return c.input(n)
	case "Conv2D", "_FusedConv2D", "DepthwiseConv2dNative":
		return c.convolution(n)
	case "MaxPool":
		return c.pool(n)
	case "Prelu":
		return c.prelu(n.Name, n.Inputs)
	case "Pad":
		return c.pad(n)
	case "Reshape":
		return c.flatten(n)
	case "AddV2":
		return c.sameOperation("Add", n, 2)
	case "Relu", "Sigmoid", "Identity":
		return c.sameOperation(n.Op, n, 1)
	default:
		return errors.New("this operation is not known")
	}
}

// sameOperation returns an operation that is the same in any order of axes.
func (c *converter) sameOperation(op string, n node, inputs int) error {
	if len(n.Inputs) != inputs {
		return fmt.Errorf("%d inputs, not %d", len(n.Inputs), inputs)
	}
	var names []string
	for i := range n.Inputs {
		name, err := c.computedInput(n.Inputs[i:])
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	c.node(op, names, n.Name)
	return nil
}

func (c *converter) input(n node) error {
	var dims []int64
	for _, d := range n.Attributes["shape"].Shape.Dims {
		size, err := strconv.ParseInt(d.Size, 10, 32)
		if err != nil {
			return err
		}
		dims = append(dims, size)
	}
	if len(dims) != 4 || len(c.inputs) > 0 {
		return errors.New("one input of four axes is expected")
	}
	c.inputs = append(c.inputs, value{n.Name, []int64{1, dims[3], dims[1], dims[2]}})
	return nil
}

// constant returns an input that must be a constant of floats with so many axes.
func (c *converter) constant(n []string, i, axes int) (tensor, error) {
	if i >= len(n) {
		return tensor{}, fmt.Errorf("input %d is missing", i)
	}
	t, ok := c.constants[nodeName(n[i])]
	if !ok || len(t.shape) != axes || t.whole != nil {
		return tensor{}, fmt.Errorf("input %s is not a constant of floats with %d axes", n[i], axes)
	}
	return t, nil
}

// computedInput returns the first input, which must not be a constant.
func (c *converter) computedInput(inputs []string) (string, error) {
	if len(inputs) == 0 {
		return "", errors.New("there is no input")
	}
	name := nodeName(inputs[0])
	if _, constant := c.constants[name]; constant {
		return "", errors.New("a constant is not expected here")
	}
	return name, nil
}

// convolution writes Conv, and PRelu where that is fused with it. The filters go from height, width, in, out to out, in, height,
// width. Those of a depthwise one go from height, width, channels, 1 to channels, 1, height, width.
func (c *converter) convolution(n node) error {
	source, err := c.computedInput(n.Inputs)
	if err != nil {
		return err
	}
	filters, err := c.constant(n.Inputs, 1, 4)
	if err != nil {
		return err
	}
	group, order := 1, []int{3, 2, 0, 1}
	if n.Op == "DepthwiseConv2dNative" {
		if filters.shape[3] != 1 {
			return errors.New("more than one filter a channel")
		}
		group, order = filters.shape[2], []int{2, 3, 0, 1}
	}
	window, err := c.window(n, "strides")
	if err != nil {
		return err
	}
	inputs := []string{source, c.initial(n.Name+"/filters", filters.permute(order))}
	fused := n.Attributes["fused_ops"].List.Texts
	if len(fused) > 0 {
		bias, err := c.constant(n.Inputs, 2, 1)
		if err != nil {
			return err
		}
		inputs = append(inputs, c.initial(n.Name+"/bias", bias))
	}
	attributes := append(window, onnx.IntsAttribute("kernel_shape", filters.shape[0], filters.shape[1]), onnx.IntAttribute("group", group))
	switch {
	case len(fused) == 2 && string(fused[1]) == "Prelu" && len(n.Inputs) == 4:
		c.node("Conv", inputs, n.Name+"/conv", attributes...)
		return c.prelu(n.Name, []string{n.Name + "/conv", n.Inputs[3]})
	case len(fused) < 2:
		c.node("Conv", inputs, n.Name, attributes...)
		return nil
	default:
		return fmt.Errorf("the fused operation %s is not known", fused[len(fused)-1])
	}
}

// window returns the strides of a convolution or a pool, and how its border is filled.
func (c *converter) window(n node, key string) ([]onnx.Attribute, error) {
	padding := map[string]string{"SAME": "SAME_UPPER", "VALID": "VALID"}[string(n.Attributes["padding"].Text)]
	if padding == "" {
		return nil, errors.New("padding that is neither SAME nor VALID")
	}
	strides, err := n.square(key)
	if err != nil {
		return nil, err
	}
	return []onnx.Attribute{onnx.StringAttribute("auto_pad", padding), onnx.IntsAttribute(key, strides...)}, nil
}

// square returns the middle two of an attribute's four numbers.
func (n node) square(key string) ([]int, error) {
	list := n.Attributes[key].List.Ints
	if len(list) != 4 {
		return nil, fmt.Errorf("%s has %d numbers, not 4", key, len(list))
	}
	var out []int
	for _, s := range list[1:3] {
		v, err := strconv.Atoi(s)
		if err != nil || v < 1 || v > 64 {
			return nil, fmt.Errorf("%s is %q", key, s)
		}
		out = append(out, v)
	}
	return out, nil
}

func (c *converter) pool(n node) error {
	window, err := c.window(n, "strides")
	if err != nil {
		return err
	}
	size, err := n.square("ksize")
	if err != nil {
		return err
	}
	source, err := c.computedInput(n.Inputs)
	if err != nil {
		return err
	}
	c.node("MaxPool", []string{source}, n.Name, append(window, onnx.IntsAttribute("kernel_shape", size...))...)
	return nil
}

// prelu takes the slopes of 1, 1, channels as channels, 1, 1.
func (c *converter) prelu(name string, inputs []string) error {
	source, err := c.computedInput(inputs)
	if err != nil {
		return err
	}
	slopes, err := c.constant(inputs, 1, 3)
	if err != nil {
		return err
	}
	c.node("PRelu", []string{source, c.initial(name+"/slopes", slopes.permute([]int{2, 0, 1}))}, name)
	return nil
}

// pad takes before and after for each axis; ONNX wants all befores, then all afters.
func (c *converter) pad(n node) error {
	source, err := c.computedInput(n.Inputs)
	if err != nil {
		return err
	}
	if len(n.Inputs) != 2 || len(c.constants[nodeName(n.Inputs[1])].whole) != 8 {
		return errors.New("whole numbers for four axes are expected")
	}
	amounts := c.constants[nodeName(n.Inputs[1])]
	var pads tensor
	pads.shape = []int{8}
	for side := range 2 {
		for _, axis := range []int{0, 3, 1, 2} {
			pads.whole = append(pads.whole, amounts.whole[2*axis+side])
		}
	}
	c.node("Pad", []string{source, c.initial(n.Name+"/pads", pads)}, n.Name)
	return nil
}

// flatten returns a reshaping of an output; TensorFlow's order is restored first.
func (c *converter) flatten(n node) error {
	source, err := c.computedInput(n.Inputs)
	if err != nil {
		return err
	}
	c.node("Transpose", []string{source}, n.Name+"/order", onnx.IntsAttribute("perm", 0, 2, 3, 1))
	c.node("Flatten", []string{n.Name + "/order"}, n.Name)
	return nil
}

// permute returns the tensor with its axes in another order.
func (t tensor) permute(order []int) tensor {
	steps := make([]int, len(t.shape))
	step := 1
	for i := len(t.shape) - 1; i >= 0; i-- {
		steps[i] = step
		step *= t.shape[i]
	}
	out := tensor{values: make([]float32, 0, len(t.values))}
	for _, axis := range order {
		out.shape = append(out.shape, t.shape[axis])
	}
	var walk func(depth, at int)
	walk = func(depth, at int) {
		if depth == len(order) {
			out.values = append(out.values, t.values[at])
			return
		}
		for i := range out.shape[depth] {
			walk(depth+1, at+i*steps[order[depth]])
		}
	}
	if !slices.Contains(out.shape, 0) {
		walk(0, 0)
	}
	return out
}
