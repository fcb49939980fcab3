// Boxes finds the face of every labelled picture as the server finds it: the crops that are trained on are the crops that are served.
//
//	go run ./training/pad/boxes --models bin/models labels.csv... > boxes.csv
//
// A line has the labels file, path, width and height of the decoded picture, and the quarter turns clockwise that make the face
// upright. Then comes the box that PAD crops around, in pixels of the rotated picture. Of several faces the labelled one is taken,
// otherwise the largest. A picture without a face keeps its labelled box. Without that, a tight picture is its own box, and any other
// picture is left out.
package main

import (
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/pad"
	"github.com/bonafide-id/bonafide/liveness"
)

func main() {
	log.SetFlags(0)
	models := flag.String("models", "bin/models", "folder that bonafide models fetch filled")
	flag.Parse()
	library, err := infer.Open(infer.Config{Folder: *models})
	if err != nil {
		log.Fatal(err)
	}
	finder, err := face.New(library)
	if err != nil {
		log.Fatal(err)
	}
	out := csv.NewWriter(os.Stdout)
	for _, labels := range flag.Args() {
		if err := write(out, finder, labels); err != nil {
			log.Fatal(err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		log.Fatal(err)
	}
}

func write(out *csv.Writer, finder *face.Finder, labels string) error {
	file, err := os.Open(labels)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("%s has no rows: %v", labels, err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for i, row := range rows[1:] {
		path := row[column["path"]]
		labelled := boxOf(row, column)
		b, err := find(finder, filepath.Join(filepath.Dir(labels), path), labelled, row[column["crop"]] == "tight")
		if err != nil {
			return err
		}
		if i%500 == 0 {
			log.Printf("%s: %d of %d", labels, i, len(rows)-1)
		}
		if b == nil {
			log.Printf("%s: no face", path)
			continue
		}
		line := []string{labels, path, strconv.Itoa(b.width), strconv.Itoa(b.height), strconv.Itoa(b.turns), b.by}
		for _, v := range []float64{b.box.X, b.box.Y, b.box.Width, b.box.Height} {
			line = append(line, strconv.FormatFloat(v, 'f', 2, 64))
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func boxOf(row []string, column map[string]int) (box liveness.Box) {
	for name, to := range map[string]*float64{"face_x": &box.X, "face_y": &box.Y, "face_w": &box.Width, "face_h": &box.Height} {
		*to, _ = strconv.ParseFloat(row[column[name]], 64) // empty where there is none
	}
	return box
}

type found struct {
	box                  liveness.Box
	width, height, turns int
	by                   string
}

func find(finder *face.Finder, path string, labelled liveness.Box, tight bool) (*found, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	still, err := media.Decode(data, media.PictureLimits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := still.Picture
	f := &found{width: p.Width, height: p.Height}
	turned := p
	for turns := range 4 {
		if turns > 0 {
			turned = quarter(turned)
		}
		faces, err := finder.Find(turned)
		if err != nil {
			return nil, err
		}
		if len(faces) > 0 {
			f.turns, f.by = turns, "found"
			f.box = pad.Box(meant(faces, labelled, turns), turned)
			return f, nil
		}
	}
	f.box, f.by = labelled, "labelled"
	if labelled.Width == 0 && tight {
		f.box, f.by = liveness.Box{Width: float64(p.Width), Height: float64(p.Height)}, "whole"
	}
	if f.box.Width == 0 {
		return nil, nil
	}
	return f, nil
}

// meant returns the face that overlaps the labelled box most, or the first, which is the largest.
func meant(faces []liveness.Face, labelled liveness.Box, turns int) liveness.Face {
	best, most := faces[0], 0.0
	for _, f := range faces {
		if turns > 0 || labelled.Width == 0 {
			break
		}
		width := min(f.Box.X+f.Box.Width, labelled.X+labelled.Width) - max(f.Box.X, labelled.X)
		height := min(f.Box.Y+f.Box.Height, labelled.Y+labelled.Height) - max(f.Box.Y, labelled.Y)
		if both := max(width, 0) * max(height, 0); both > most {
			best, most = f, both
		}
	}
	return best
}

// quarter returns the picture rotated by a quarter turn clockwise.
func quarter(p *liveness.Picture) *liveness.Picture {
	out := liveness.NewPicture(p.Height, p.Width)
	for y := range p.Height {
		for x := range p.Width {
			copy(out.Pixels[3*(x*out.Width+p.Height-1-y):][:3], p.Pixels[3*(y*p.Width+x):][:3])
		}
	}
	return out
}
