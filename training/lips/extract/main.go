// Command extract writes the aligned mouth pictures of recordings for training, made by the same code as in the server:
//
//	go run ./training/lips/extract --models bin/models --root DATA --out WORK < list
//
// Each line of the list is a recording's path under the root. Its pictures, 25 a second, grey, 96x72 (the 64x48 that
// the model reads, with half as much again around them), become WORK/<path>.npy, a NumPy array of bytes of shape
// (pictures, 72, 96). Files that are there already are kept.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/lips"
	"github.com/bonafide-id/bonafide/internal/media"
)

const width, height = 96, 72

func main() {
	media.MaybeConfine()
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
	mouth, track := lips.Begin(), finder.Follow()
	_, err = decoder.Frames(ctx, data, media.VideoLimits{}, func(f media.Frame) error {
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
	first := pixels[:width*height]
	return write(target, slices.Concat(slices.Repeat(first, late), pixels), late+count)
}

// write makes a .npy file (NumPy's format, version 1.0) of bytes.
func write(target string, pixels []float32, count int) error {
	header := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d, %d), }", count, height, width)
	header = fmt.Sprintf("%-117s\n", header) // with the ten bytes before it a multiple of 64
	data := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	data = append(data, header...)
	for _, v := range pixels {
		data = append(data, uint8(v+0.5))
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target+".part", data, 0o644); err != nil {
		return err
	}
	return os.Rename(target+".part", target)
}
