// Package onnx writes and changes models in ONNX's protobuf format, as far as this program needs it. It does not run them.
package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields of ONNX's messages are those of its onnx.proto.
const (
	ModelGraph       = 7
	GraphNode        = 1
	GraphName        = 2
	GraphInitializer = 5
	GraphInput       = 11
	GraphOutput      = 12

	nodeInput     = 1
	nodeOutput    = 2
	nodeOperator  = 4
	nodeAttribute = 5

	tensorDims   = 1
	tensorType   = 2
	tensorFloats = 4
	tensorName   = 8
	tensorRaw    = 9

	attributeName = 1
	attributeKind = 20
)

// TypeFloat and TypeInt64 are the types of a tensor's numbers.
const TypeFloat, TypeInt64 = 1, 7

// AppendBytes appends a field that holds a message, a text or bytes.
func AppendBytes(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

// AppendVarint appends a field that holds a whole number.
func AppendVarint(b []byte, number protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(v))
}

// Attribute is an encoded AttributeProto.
type Attribute []byte

// IntAttribute returns an attribute of one whole number.
func IntAttribute(name string, v int) Attribute {
	return AppendVarint(AppendVarint(AppendBytes(nil, attributeName, []byte(name)), 3, int64(v)), attributeKind, 2)
}

// StringAttribute returns an attribute of one string.
func StringAttribute(name, v string) Attribute {
	return AppendVarint(AppendBytes(AppendBytes(nil, attributeName, []byte(name)), 4, []byte(v)), attributeKind, 3)
}

// IntsAttribute returns an attribute of a list of whole numbers.
func IntsAttribute(name string, values ...int) Attribute {
	b := AppendBytes(nil, attributeName, []byte(name))
	for _, v := range values {
		b = AppendVarint(b, 8, int64(v))
	}
	return AppendVarint(b, attributeKind, 7)
}

// Node returns an encoded NodeProto with one output.
func Node(operator string, inputs []string, output string, attributes ...Attribute) []byte {
	var b []byte
	for _, input := range inputs {
		b = AppendBytes(b, nodeInput, []byte(input))
	}
	b = AppendBytes(AppendBytes(b, nodeOutput, []byte(output)), nodeOperator, []byte(operator))
	for _, a := range attributes {
		b = AppendBytes(b, nodeAttribute, a)
	}
	return b
}

// FloatTensor returns an encoded TensorProto of 32-bit floats.
func FloatTensor(name string, shape []int, values []float32) []byte {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return tensor(name, shape, TypeFloat, raw)
}

// Int64Tensor returns an encoded TensorProto of 64-bit whole numbers.
func Int64Tensor(name string, shape []int, values []int64) []byte {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return tensor(name, shape, TypeInt64, raw)
}

func tensor(name string, shape []int, kind int64, raw []byte) []byte {
	var b []byte
	for _, n := range shape {
		b = AppendVarint(b, tensorDims, int64(n))
	}
	return AppendBytes(AppendBytes(AppendVarint(b, tensorType, kind), tensorName, []byte(name)), tensorRaw, raw)
}

// field is one field of a message: content of a message, text or bytes, value of a whole number, and all of it encoded.
type field struct {
	number  protowire.Number
	content []byte
	value   uint64
	encoded []byte
}

// parseFields takes a message apart.
func parseFields(b []byte) ([]field, error) {
	var list []field
	for len(b) > 0 {
		number, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil, fmt.Errorf("not an ONNX model: %w", protowire.ParseError(tag))
		}
		size := protowire.ConsumeFieldValue(number, kind, b[tag:])
		if size < 0 {
			return nil, fmt.Errorf("not an ONNX model: %w", protowire.ParseError(size))
		}
		f := field{number: number, encoded: b[:tag+size]}
		switch kind {
		case protowire.BytesType:
			f.content, _ = protowire.ConsumeBytes(b[tag:])
		case protowire.VarintType:
			f.value, _ = protowire.ConsumeVarint(b[tag:])
		}
		list, b = append(list, f), b[tag+size:]
	}
	return list, nil
}
