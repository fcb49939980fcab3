package tfjs

import "github.com/bonafide-id/bonafide/internal/infer/onnx"

// The version of ONNX's format that is written, and that of its operators.
const formatVersion, operatorsVersion = 8, 13

// converter gathers the parts of the ONNX graph.
type converter struct {
	nodes     map[string]node
	constants map[string]tensor
	done      map[string]bool

	inputs   []value
	outputs  []string
	written  []byte // the nodes, in order
	initials []byte
}

// value is a named tensor of a known shape.
type value struct {
	name string
	dims []int64
}

// node writes a node with one output, which has its name.
func (c *converter) node(op string, inputs []string, output string, attributes ...onnx.Attribute) {
	c.written = onnx.AppendBytes(c.written, onnx.GraphNode, onnx.Node(op, inputs, output, attributes...))
}

// initial writes a constant and returns its name.
func (c *converter) initial(name string, t tensor) string {
	written := onnx.FloatTensor(name, t.shape, t.values)
	if t.whole != nil {
		written = onnx.Int64Tensor(name, t.shape, t.whole)
	}
	c.initials = onnx.AppendBytes(c.initials, onnx.GraphInitializer, written)
	return name
}

// info returns a ValueInfoProto of floats; a value without dims has two; the second is unknown.
func info(v value) []byte {
	dims := v.dims
	var shape []byte
	if dims == nil {
		shape = onnx.AppendBytes(onnx.AppendBytes(nil, 1, onnx.AppendVarint(nil, 1, 1)), 1, onnx.AppendBytes(nil, 2, []byte("n")))
	}
	for _, n := range dims {
		shape = onnx.AppendBytes(shape, 1, onnx.AppendVarint(nil, 1, n))
	}
	kind := onnx.AppendBytes(nil, 1, onnx.AppendBytes(onnx.AppendVarint(nil, 1, onnx.TypeFloat), 2, shape))
	return onnx.AppendBytes(onnx.AppendBytes(nil, 1, []byte(v.name)), 2, kind)
}

func (c *converter) model() []byte {
	graph := append([]byte{}, c.written...)
	graph = append(onnx.AppendBytes(graph, onnx.GraphName, []byte("graph")), c.initials...)
	for _, v := range c.inputs {
		graph = onnx.AppendBytes(graph, onnx.GraphInput, info(v))
	}
	for _, name := range c.outputs {
		graph = onnx.AppendBytes(graph, onnx.GraphOutput, info(value{name: name}))
	}
	b := onnx.AppendBytes(onnx.AppendVarint(nil, 1, formatVersion), onnx.ModelGraph, graph)
	return onnx.AppendBytes(b, 8, onnx.AppendVarint(onnx.AppendBytes(nil, 1, nil), 2, operatorsVersion))
}
