package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// blocked is a number of channels that ONNX Runtime's blocked layouts, of 8 or 16 channels, divide.
const blocked = 16

// RewritePRelu returns the model with every PRelu of fixed slopes a, one a channel, written as a·x + relu((1-a)·x). That is two
// convolutions of one pixel and a sum. ONNX Runtime 1.30 has no blocked kernel for PRelu, so it leaves its blocked layout and
// comes back at each one. Its kernel does one number at a time. In the face mesh, that is more than half of the time. The outputs
// change by rounding alone. Any other PRelu stays as it is.
func RewritePRelu(model []byte) ([]byte, error) {
	parts, err := parseFields(model)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, f := range parts {
		if f.number != ModelGraph {
			out = append(out, f.encoded...)
			continue
		}
		graph, err := replacePRelu(f.content)
		if err != nil {
			return nil, err
		}
		out = AppendBytes(out, ModelGraph, graph)
	}
	return out, nil
}

func replacePRelu(graph []byte) ([]byte, error) {
	parts, err := parseFields(graph)
	if err != nil {
		return nil, err
	}
	slopes, err := findSlopes(parts)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, f := range parts {
		if f.number == GraphNode {
			n, err := readNode(f.content)
			if err != nil {
				return nil, err
			}
			if a := slopes[n.second()]; n.operator == "PRelu" && a != nil {
				out = append(out, prelu(n.inputs[0], n.output, a)...)
				continue
			}
		}
		out = append(out, f.encoded...)
	}
	return out, nil
}

// prelu returns the nodes and constants, as fields of a graph, that take the place of a PRelu.
func prelu(input, output string, slopes []float32) []byte {
	rest, steep := make([]float32, len(slopes)), false
	for i, a := range slopes {
		rest[i] = 1 - a
		steep = steep || a > 1
	}
	var b []byte
	scaled := func(input, output string, by []float32) {
		b = AppendBytes(b, GraphInitializer, FloatTensor(output+"/weights", []int{len(by), 1, 1, 1}, by))
		b = AppendBytes(b, GraphNode, Node("Conv", []string{input, output + "/weights"}, output, IntAttribute("group", len(by)), IntsAttribute("kernel_shape", 1, 1)))
	}
	positive := output + "/positive"
	if steep { // relu((1-a)·x) is (1-a)·relu(x) only where a is at most 1
		b = AppendBytes(b, GraphNode, Node("Relu", []string{input}, output+"/relu"))
		scaled(output+"/relu", positive, rest)
	} else {
		scaled(input, output+"/rest", rest)
		b = AppendBytes(b, GraphNode, Node("Relu", []string{output + "/rest"}, positive))
	}
	scaled(input, output+"/sloped", slopes)
	return AppendBytes(b, GraphNode, Node("Add", []string{output + "/sloped", positive}, output))
}

// node is what a NodeProto says of its place in the graph.
type node struct {
	operator string
	inputs   []string
	output   string // the first
}

func (n node) second() string {
	if len(n.inputs) < 2 {
		return ""
	}
	return n.inputs[1]
}

func readNode(b []byte) (n node, err error) {
	parts, err := parseFields(b)
	for _, f := range parts {
		switch {
		case f.number == nodeInput:
			n.inputs = append(n.inputs, string(f.content))
		case f.number == nodeOutput && n.output == "":
			n.output = string(f.content)
		case f.number == nodeOperator:
			n.operator = string(f.content)
		}
	}
	return n, err
}

// findSlopes returns the constants of a graph, by name, that can be the slopes of blocked channels.
func findSlopes(graph []field) (map[string][]float32, error) {
	slopes := map[string][]float32{}
	for _, f := range graph {
		if f.number != GraphInitializer {
			continue
		}
		name, values, err := readSlopes(f.content)
		if err != nil {
			return nil, err
		}
		if values != nil {
			slopes[name] = values
		}
	}
	// A constant that is shared by two places may have a second name.
	for _, f := range graph {
		if f.number != GraphNode {
			continue
		}
		n, err := readNode(f.content)
		if err != nil {
			return nil, err
		}
		if n.operator == "Identity" && len(n.inputs) == 1 && slopes[n.inputs[0]] != nil {
			slopes[n.output] = slopes[n.inputs[0]]
		}
	}
	return slopes, nil
}

// readSlopes returns the numbers of a TensorProto of channels x 1 x 1 floats, and nil of another.
func readSlopes(b []byte) (name string, values []float32, err error) {
	parts, err := parseFields(b)
	if err != nil {
		return "", nil, err
	}
	var dims []uint64
	var raw []byte
	kind := uint64(0)
	for _, f := range parts {
		switch f.number {
		case tensorDims:
			dims = append(dims, dimensions(f)...)
		case tensorType:
			kind = f.value
		case tensorFloats, tensorRaw:
			raw = f.content
		case tensorName:
			name = string(f.content)
		}
	}
	if kind != TypeFloat || len(dims) != 3 || dims[0]%blocked != 0 || dims[1] != 1 || dims[2] != 1 || uint64(len(raw)) != 4*dims[0] {
		return name, nil, nil
	}
	for i := 0; i < len(raw); i += 4 {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
	}
	return name, values, nil
}

// dimensions returns written one a field, or packed.
func dimensions(f field) []uint64 {
	if f.content == nil {
		return []uint64{f.value}
	}
	var list []uint64
	for rest := f.content; len(rest) > 0; {
		v, size := protowire.ConsumeVarint(rest)
		if size < 0 {
			return nil
		}
		list, rest = append(list, v), rest[size:]
	}
	return list
}
