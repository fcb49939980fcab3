// Command measure writes what the server's own code gathers of recordings to find edits in them:
//
//	go run ./training/edits/measure --models bin/models --root DATA --out WORK < list
//
// Each line of the list, which may still grow, is a recording's path under the root. What was gathered becomes WORK/<path>.trace. It is
// a line of JSON, with the gates' measures and the name, type and shape of each array. The arrays follow, one after the other. Recordings that are there already are left out.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/bonafide-id/bonafide/internal/edits"
	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	embedEvery = 240 * time.Millisecond
	cropEvery  = 280 * time.Millisecond
	cropSide   = 160
	cropWidth  = 3.2 // pupil distances
)

func main() {
	media.RunIfDecoderProcess()
	models := flag.String("models", "bin/models", "folder of the fetched models")
	root := flag.String("root", "", "folder that the list's paths are under")
	out := flag.String("out", "", "folder for what was gathered")
	flag.Parse()
	if err := run(*models, *root, *out); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
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
	bar := progressbar.Default(-1, "recordings")
	for list := bufio.NewScanner(os.Stdin); list.Scan(); {
		name := list.Text()
		target := filepath.Join(out, name+".trace")
		if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
			if err := measure(ctx, decoder, finder, filepath.Join(root, name), target); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			}
		}
		_ = bar.Add(1)
	}
	return nil
}

// samples are taken of some frames only.
type samples struct {
	EmbedAt, CropAt []float64
	Embeds          [][]float32
	Crops           [][]byte
}

func measure(ctx context.Context, decoder *media.Decoder, finder *face.Finder, source, target string) error {
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	trace, track, some := &edits.Trace{}, finder.Follow(), samples{}
	clip, err := decoder.DecodeFrames(ctx, data, media.VideoLimits{CPUTime: 10 * time.Minute}, func(f media.Frame) error {
		seen, ok, err := track.Next(f.Picture, f.At)
		if err != nil || !ok {
			return err
		}
		trace.Add(f.Picture, seen, f.At)
		return some.add(finder, f, seen)
	})
	if err != nil {
		return err
	}
	return write(target, clip, trace, some)
}

func (s *samples) add(finder *face.Finder, f media.Frame, seen liveness.Face) error {
	at := f.At.Seconds()
	if n := len(s.EmbedAt); n == 0 || at-s.EmbedAt[n-1] >= embedEvery.Seconds() {
		v, err := finder.Embed(f.Picture, seen.Landmarks)
		if err != nil {
			return err
		}
		s.EmbedAt, s.Embeds = append(s.EmbedAt, at), append(s.Embeds, v)
	}
	if n := len(s.CropAt); n == 0 || at-s.CropAt[n-1] >= cropEvery.Seconds() {
		s.CropAt, s.Crops = append(s.CropAt, at), append(s.Crops, edits.Crop(f.Picture, seen.Landmarks, cropWidth, cropSide).Pixels)
	}
	return nil
}

// array is one row of the header.
type array struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

func write(target string, clip media.RecordingInfo, trace *edits.Trace, some samples) error {
	var header struct {
		Width, Height int
		Rate, Length  float64
		Gates         map[string]float64
		Arrays        []array
	}
	header.Gates = map[string]float64{}
	for _, g := range trace.Gates(edits.DefaultLimits) {
		header.Gates[g.Name] = g.Measure
	}
	header.Width, header.Height, header.Rate, header.Length = clip.Width, clip.Height, clip.FrameRate, clip.Duration.Seconds()
	var body bytes.Buffer
	put := func(name, kind string, shape []int, values any) {
		header.Arrays = append(header.Arrays, array{name, kind, shape})
		_ = binary.Write(&body, binary.LittleEndian, values)
	}
	n := len(trace.Frames)
	var at, place, equal []float64
	var points, detail, change []float32
	var patch, scene []uint8
	for i := range trace.Frames {
		f := &trace.Frames[i]
		at, equal = append(at, f.At.Seconds()), append(equal, f.Equal)
		place = append(place, f.Centre.X, f.Centre.Y, f.Step)
		for _, p := range f.Landmarks {
			points = append(points, float32(p.X), float32(p.Y))
		}
		detail, change = append(detail, f.Detail[:]...), append(change, f.Change[:]...)
		patch, scene = append(patch, f.Patch[:]...), append(scene, f.Scene[:]...)
	}
	put("at", "<f8", []int{n}, at)
	put("equal", "<f8", []int{n}, equal)
	put("place", "<f8", []int{n, 3}, place)
	put("points", "<f4", []int{n, len(liveness.Landmarks{}), 2}, points)
	put("detail", "<f4", []int{n, edits.CellsAcross, edits.CellsAcross}, detail)
	put("change", "<f4", []int{n, edits.CellsAcross, edits.CellsAcross}, change)
	put("patch", "|u1", []int{n, edits.PatchSide, edits.PatchSide}, patch)
	put("scene", "|u1", []int{n, edits.SceneHeight, edits.SceneWidth}, scene)
	put("embed_at", "<f8", []int{len(some.EmbedAt)}, some.EmbedAt)
	var embeds []float32
	for _, v := range some.Embeds {
		embeds = append(embeds, v...)
	}
	put("embeds", "<f4", []int{len(some.Embeds), len(embeds) / max(len(some.Embeds), 1)}, embeds)
	put("crop_at", "<f8", []int{len(some.CropAt)}, some.CropAt)
	put("crops", "|u1", []int{len(some.Crops), cropSide, cropSide, 3}, bytes.Join(some.Crops, nil))
	put("sound", "<i2", []int{len(clip.Sound)}, clip.Sound)
	line, err := json.Marshal(header)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target+".part", append(append(line, '\n'), body.Bytes()...), 0o644); err != nil {
		return err
	}
	return os.Rename(target+".part", target)
}
