// Command extract writes the aligned mouth pictures of recordings for training, made by the same code as in the server:
//
//	go run ./training/lips/extract --models bin/models --root DATA --out WORK < list
//
// Each line of the list is a recording's path under the root. Its grey pictures, 25 a second, become WORK/<path>.npy, a NumPy
// array of bytes of shape (pictures, 72, 96). They are the 64x48 that the model reads, with half as much again around them. The
// shapes of the lips become WORK/<path>.shape.npy, floats of shape (pictures, 42). Recordings whose pictures are there already
// are left out.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/lips"
	"github.com/bonafide-id/bonafide/internal/media"
)

const width, height = 96, 72

func main() {
	media.RunIfDecoderProcess()
	models := flag.String("models", "bin/models", "folder of the fetched models")
	root := flag.String("root", "", "folder that the list's paths are under")
	out := flag.String("out", "", "folder for the pictures")
	flag.Parse()
	if err := run(*models, *root, *out); err != nil {
		fmt.Fprintln(os.Stderr, "extract:", err)
		os.Exit(1)
	}
}

func run(models, root, out string) error {
	ctx := context.Background()
	decoder, err := media.NewDecoder(ctx)
	if err != nil {
		return err
	}
	library, err := infer.Open(infer.Config{Folder: models})
	if err != nil {
		return err
	}
	finder, err := face.New(library)
	if err != nil {
		return err
	}
	var names []string
	for list := bufio.NewScanner(os.Stdin); list.Scan(); {
		names = append(names, list.Text())
	}
	bar := progressbar.Default(int64(len(names)), "mouth pictures")
	for _, name := range names {
		target := filepath.Join(out, name+".npy")
		if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
			if err := extract(ctx, decoder, finder, filepath.Join(root, name), target); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		_ = bar.Add(1)
	}
	return nil
}

func extract(ctx context.Context, decoder *media.Decoder, finder *face.Finder, source, target string) error {
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	mouth, track := lips.NewMouth(), finder.Follow()
	_, err = decoder.DecodeFrames(ctx, data, media.VideoLimits{}, func(f media.Frame) error {
		seen, ok, err := track.Next(f.Picture, f.At)
		if err != nil || !ok {
			return err
		}
		return mouth.Add(f.Picture, seen, f.At)
	})
	if err != nil {
		return err
	}
	pixels, count := mouth.Pictures(width, height)
	if count == 0 {
		return errors.New("no face")
	}
	// The words' times count from the recording's start: where the face was found later, its first picture is repeated.
	late := int(mouth.Start() * lips.Rate / time.Second)
	shapes := mouth.Shapes()
	pixels = slices.Concat(slices.Repeat(pixels[:width*height], late), pixels)
	shapes = slices.Concat(slices.Repeat(shapes[:lips.ShapeSize], late), shapes)
	var values []byte
	for _, v := range shapes {
		values = binary.LittleEndian.AppendUint32(values, math.Float32bits(v))
	}
	shape := fmt.Sprintf("%d, %d", late+count, lips.ShapeSize)
	if err := write(strings.TrimSuffix(target, ".npy")+".shape.npy", "<f4", shape, values); err != nil {
		return err
	}
	values = values[:0]
	for _, v := range pixels {
		values = append(values, uint8(v+0.5))
	}
	return write(target, "|u1", fmt.Sprintf("%d, %d, %d", late+count, height, width), values)
}

// write makes a .npy file (NumPy's format, version 1.0).
func write(target, kind, shape string, values []byte) error {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, shape)
	header = fmt.Sprintf("%-117s\n", header) // with the ten bytes before it a multiple of 64
	data := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	data = append(append(data, header...), values...)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target+".part", data, 0o644); err != nil {
		return err
	}
	return os.Rename(target+".part", target)
}
