package infer

import (
	"sync"

	"github.com/bonafide-id/bonafide/liveness"
)

// PixelFormat says how a model wants its pixels: planes in the order red, green, blue, or the other way round. Each value v of
// 0..255 is (v - Mean) / Deviation, with Mean and Deviation in the same order.
type PixelFormat struct {
	BGR             bool
	Mean, Deviation [3]float32
}

// inputs are []float32 for Look to write over: a recording would leave 50 MB of them to the garbage collector.
var inputs sync.Pool

// RunPictures runs the model on pictures, each as an input of 1 x 3 x height x width.
func (m *Model) RunPictures(c PixelFormat, pictures ...*liveness.Picture) ([]Tensor, error) {
	tensors := make([]Tensor, len(pictures))
	for i, p := range pictures {
		size := 3 * p.Width * p.Height
		input, _ := inputs.Get().(*[]float32)
		if input == nil || cap(*input) < size {
			made := make([]float32, size)
			input = &made
		}
		defer inputs.Put(input)
		tensors[i] = c.tensor(p, (*input)[:size])
	}
	return m.Run(tensors...)
}

// tensor writes a picture into data.
func (c PixelFormat) tensor(p *liveness.Picture, data []float32) Tensor {
	size := p.Width * p.Height
	for plane := range 3 {
		var table [256]float32
		for v := range table {
			table[v] = (float32(v) - c.Mean[plane]) / c.Deviation[plane]
		}
		channel := plane
		if c.BGR {
			channel = 2 - plane
		}
		values, pixels := data[plane*size:(plane+1)*size], p.Pixels[:3*size]
		for i, at := 0, channel; i < len(values) && at < len(pixels); i, at = i+1, at+3 {
			values[i] = table[pixels[at]]
		}
	}
	return Tensor{Shape: []int64{1, 3, int64(p.Height), int64(p.Width)}, Data: data}
}

// Grey makes a 1 x 1 x height x width input of a picture's luma (ITU-R BT.601), v / deviation of 0..255.
func Grey(p *liveness.Picture, deviation float32) Tensor {
	data := make([]float32, p.Width*p.Height)
	for i := range data {
		r, g, b := float32(p.Pixels[3*i]), float32(p.Pixels[3*i+1]), float32(p.Pixels[3*i+2])
		data[i] = (0.299*r + 0.587*g + 0.114*b) / deviation
	}
	return Tensor{Shape: []int64{1, 1, int64(p.Height), int64(p.Width)}, Data: data}
}
