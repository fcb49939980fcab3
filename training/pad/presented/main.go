// Presented runs PAD on frames of recordings as the server does, to fit and to measure the fusion of several frames.
//
//	go run ./training/pad/presented --models bin/models [--own FOLDER] recordings.csv > presented.csv
//
// A line is the recording's path and the log odds of a frame every half second.
package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/pad"
)

// every is how often the server scores a frame (internal/check).
const every = 500 * time.Millisecond

type parts struct {
	decoder *media.Decoder
	faces   *face.Finder
	pad     *pad.Scorer
}

func main() {
	media.RunIfDecoderProcess()
	log.SetFlags(0)
	models := flag.String("models", "bin/models", "folder that bonafide models fetch filled")
	own := flag.String("own", "", "folder of own models")
	flag.Parse()
	if err := run(*models, *own, flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}

func run(models, own, list string) error {
	ctx := context.Background()
	library, err := infer.Open(infer.Config{Folder: models, Own: own})
	if err != nil {
		return err
	}
	var p parts
	if p.faces, err = face.New(library); err != nil {
		return err
	}
	if p.pad, err = pad.New(library); err != nil {
		return err
	}
	if p.decoder, err = media.NewDecoder(ctx); err != nil {
		return err
	}
	file, err := os.Open(list)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("%s has no rows: %v", list, err)
	}
	path := slices.Index(rows[0], "path")
	if path < 0 {
		return fmt.Errorf("%s has no column path", list)
	}
	out := csv.NewWriter(os.Stdout)
	defer out.Flush()
	for _, row := range rows[1:] {
		scores, err := p.scores(ctx, filepath.Join(filepath.Dir(list), row[path]))
		if err != nil {
			return fmt.Errorf("%s: %w", row[path], err)
		}
		if err := out.Write(append([]string{row[path]}, scores...)); err != nil {
			return err
		}
		out.Flush()
	}
	return out.Error()
}

func (p parts) scores(ctx context.Context, path string) (odds []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	track, last := p.faces.Follow(), -every
	_, err = p.decoder.DecodeFrames(ctx, data, media.DefaultVideoLimits, func(f media.Frame) error {
		found, ok, err := track.Next(f.Picture, f.At)
		if err != nil || !ok || f.At-last < every {
			return err
		}
		last = f.At
		scored, err := p.pad.Score(f.Picture, found)
		if err != nil {
			return err
		}
		s := float64(scored.Score)
		odds = append(odds, strconv.FormatFloat(math.Log(s/(1-s)), 'f', 4, 64))
		return nil
	})
	return odds, err
}
