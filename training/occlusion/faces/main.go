// Faces cuts the faces out of labelled pictures for train.py: the data from which occluded faces are made.
//
//	go run ./training/occlusion/faces --labels ../shared/data/pad/labels.csv --out training/occlusion/work [--label bona_fide] [--models bin/models]
//
// It writes faces.rgb, 192 x 192 RGB pixels a face: the square about the face box's centre with twice its height. It also writes
// faces.jsonl, one object a face: the person, the landmarks and the box in those pixels. It uses pictures of one label with one
// face, at most 24 a person. Of drawings (label drawing) it uses those that count as a face.
package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/liveness"
)

const (
	side      = 192
	margin    = 2.0
	perPerson = 24
)

func main() {
	log.SetFlags(0)
	labels := flag.String("labels", "", "CSV with the columns path, label, species, person")
	label := flag.String("label", "bona_fide", "the label of the pictures to take")
	out := flag.String("out", "", "folder to write")
	models := flag.String("models", "bin/models", "folder that bonafide models fetch filled")
	flag.Parse()
	if err := run(*labels, *label, *out, *models); err != nil {
		log.Fatal(err)
	}
}

// record is one line of faces.jsonl.
type record struct {
	Path      string             `json:"path"`
	Person    string             `json:"person"`
	Box       liveness.Box       `json:"box"`
	Landmarks liveness.Landmarks `json:"landmarks"`
}

func run(labels, label, out, models string) error {
	pictures, err := choosePictures(labels, label)
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
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	pixels, err := os.Create(filepath.Join(out, "faces.rgb"))
	if err != nil {
		return err
	}
	lines, err := os.Create(filepath.Join(out, "faces.jsonl"))
	if err != nil {
		return err
	}
	rgb, text := bufio.NewWriter(pixels), bufio.NewWriter(lines)
	encoder, n := json.NewEncoder(text), 0
	for _, r := range pictures {
		crop, ok, err := cutFace(finder, filepath.Join(filepath.Dir(labels), r.Path), &r)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if _, err := rgb.Write(crop.Pixels); err != nil {
			return err
		}
		if err := encoder.Encode(r); err != nil {
			return err
		}
		n++
	}
	fmt.Printf("%d faces of %d pictures\n", n, len(pictures))
	return errors.Join(rgb.Flush(), text.Flush(), pixels.Close(), lines.Close())
}

// choosePictures returns the pictures of a label, evenly spread over each person's.
func choosePictures(labels, label string) ([]record, error) {
	file, err := os.Open(labels)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, errors.Join(err, fmt.Errorf("%s has no rows", labels))
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	people := map[string][]record{}
	var order []string
	for _, row := range rows[1:] {
		if row[column["label"]] != label {
			continue
		}
		person := row[column["person"]]
		if people[person] == nil {
			order = append(order, person)
		}
		people[person] = append(people[person], record{Path: row[column["path"]], Person: person})
	}
	var list []record
	for _, person := range order {
		all := people[person]
		n := min(len(all), perPerson)
		for i := range n {
			list = append(list, all[i*len(all)/n])
		}
	}
	return list, nil
}

func cutFace(finder *face.Finder, path string, r *record) (*liveness.Picture, bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false, err
	}
	still, err := media.Decode(data, media.PictureLimits{})
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, err)
	}
	faces, err := finder.Find(still.Picture)
	if err != nil || len(faces) != 1 {
		return nil, false, err
	}
	f := faces[0]
	c, size := f.Box.Centre(), margin*f.Box.Height
	region := liveness.Box{X: c.X - size/2, Y: c.Y - size/2, Width: size, Height: size}
	scale := side / size
	for i, p := range f.Landmarks {
		r.Landmarks[i] = liveness.Point{X: (p.X - region.X) * scale, Y: (p.Y - region.Y) * scale}
	}
	r.Box = liveness.Box{X: (f.Box.X - region.X) * scale, Y: (f.Box.Y - region.Y) * scale, Width: f.Box.Width * scale, Height: f.Box.Height * scale}
	return still.Picture.Crop(region, side, side), true, nil
}
