package tfjs

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of ONNX's messages are those of its onnx.proto (IR version 8, opset 13).

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

// field is an encoded AttributeProto.
type field []byte

const (
	typeFloat, typeInt64                       = 1, 7
	attributeInt, attributeText, attributeInts = 2, 3, 7
)

func message(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

func number(b []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

func integer(name string, v int) field {
	return number(number(message(nil, 1, []byte(name)), 3, int64(v)), 20, attributeInt)
}

func text(name, v string) field {
	return number(message(message(nil, 1, []byte(name)), 4, []byte(v)), 20, attributeText)
}

func ints(name string, values ...int) field {
	b := message(nil, 1, []byte(name))
	for _, v := range values {
		b = number(b, 8, int64(v))
	}
	return number(b, 20, attributeInts)
}

// node writes a node with one output, which has its name.
func (c *converter) node(op string, inputs []string, output string, attributes ...field) {
	var b []byte
	for _, input := range inputs {
		b = message(b, 1, []byte(input))
	}
	b = message(message(b, 2, []byte(output)), 4, []byte(op))
	for _, a := range attributes {
		b = message(b, 5, a)
	}
	c.written = message(c.written, 1, b)
}

// initial writes a constant and returns its name.
func (c *converter) initial(name string, t tensor) string {
	var b, raw []byte
	for _, n := range t.shape {
		b = number(b, 1, int64(n))
	}
	kind := int64(typeFloat)
	for _, v := range t.values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	if t.whole != nil {
		kind = typeInt64
		for _, v := range t.whole {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
	}
	b = message(message(number(b, 2, kind), 8, []byte(name)), 9, raw)
	c.initials = message(c.initials, 5, b)
	return name
}

// info is a ValueInfoProto of floats; a value without dims has two, of which the second is not known.
func info(v value) []byte {
	dims := v.dims
	var shape []byte
	if dims == nil {
		shape = message(message(nil, 1, number(nil, 1, 1)), 1, message(nil, 2, []byte("n")))
	}
	for _, n := range dims {
		shape = message(shape, 1, number(nil, 1, n))
	}
	kind := message(nil, 1, message(number(nil, 1, typeFloat), 2, shape))
	return message(message(nil, 1, []byte(v.name)), 2, kind)
}

func (c *converter) model() []byte {
	graph := append([]byte{}, c.written...)
	graph = append(message(graph, 2, []byte("graph")), c.initials...)
	for _, v := range c.inputs {
		graph = message(graph, 11, info(v))
	}
	for _, name := range c.outputs {
		graph = message(graph, 12, info(value{name: name}))
	}
	b := message(number(nil, 1, 8), 7, graph)
	return message(b, 8, number(message(nil, 1, nil), 2, 13))
}
