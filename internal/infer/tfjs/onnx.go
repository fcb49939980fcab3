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
	c.written = onnx.Message(c.written, onnx.GraphNode, onnx.Node(op, inputs, output, attributes...))
}

// initial writes a constant and returns its name.
func (c *converter) initial(name string, t tensor) string {
	written := onnx.Floats(name, t.shape, t.values)
	if t.whole != nil {
		written = onnx.Whole(name, t.shape, t.whole)
	}
	c.initials = onnx.Message(c.initials, onnx.GraphInitializer, written)
	return name
}

// info is a ValueInfoProto of floats; a value without dims has two, of which the second is not known.
func info(v value) []byte {
	dims := v.dims
	var shape []byte
	if dims == nil {
		shape = onnx.Message(onnx.Message(nil, 1, onnx.Number(nil, 1, 1)), 1, onnx.Message(nil, 2, []byte("n")))
	}
	for _, n := range dims {
		shape = onnx.Message(shape, 1, onnx.Number(nil, 1, n))
	}
	kind := onnx.Message(nil, 1, onnx.Message(onnx.Number(nil, 1, onnx.TypeFloat), 2, shape))
	return onnx.Message(onnx.Message(nil, 1, []byte(v.name)), 2, kind)
}

func (c *converter) model() []byte {
	graph := append([]byte{}, c.written...)
	graph = append(onnx.Message(graph, onnx.GraphName, []byte("graph")), c.initials...)
	for _, v := range c.inputs {
		graph = onnx.Message(graph, onnx.GraphInput, info(v))
	}
	for _, name := range c.outputs {
		graph = onnx.Message(graph, onnx.GraphOutput, info(value{name: name}))
	}
	b := onnx.Message(onnx.Number(nil, 1, formatVersion), onnx.ModelGraph, graph)
	return onnx.Message(b, 8, onnx.Number(onnx.Message(nil, 1, nil), 2, operatorsVersion))
}
