package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/bonafide-id/bonafide/liveness"
)

// sameFace is the overlap (intersection over union) from which a face that was found is one that was labelled.
const sameFace = 0.35

// FacesReport says how well the faces of a labelled set were found.
type FacesReport struct {
	Measured
	Pictures int `json:"pictures"`
	// Groups are the sets, in the order in which the file names them; All is the whole file.
	Groups []FacesGroup `json:"groups"`
	All    FacesGroup   `json:"all"`
	// Points is the landmark error over the labelled pupil distance, part by part; empty where no points are labelled.
	Points []PointError `json:"points"`
}

// FacesGroup counts the faces of a part of the set.
type FacesGroup struct {
	Name string `json:"name"`
	// Recall is the labelled faces that were found, Precision the found ones that are labelled.
	Recall    *Rate `json:"recall"`
	Precision *Rate `json:"precision"`
}

// PointError is how far one landmark is from its label, over the pupil distance.
type PointError struct {
	Name   string  `json:"name"`
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	Mean   float64 `json:"mean"`
	P90    float64 `json:"p90"`
}

// pointNames are the labelled points, each with columns NAME_x and NAME_y.
var pointNames = []string{"left_eye", "right_eye", "nose", "mouth_left", "mouth_right"}

// labelled is a picture with its faces.
type labelled struct {
	file, set string
	boxes     []liveness.Box
	points    []liveness.Point // of its only face; nil where they are not labelled
}

// Faces finds the faces of the pictures of a CSV file with a row for each face. Columns are path, x, y, width, height (pixels of
// the picture as shown) and set. Optional points are left_eye_x, left_eye_y, right_eye_…, nose_…, mouth_left_…, mouth_right_…. A
// picture of no face has one row without a box.
func Faces(ctx context.Context, o Options, check PictureFunc) (FacesReport, error) {
	report := FacesReport{Measured: o.newMeasured(), Groups: []FacesGroup{}, Points: []PointError{}}
	pictures, err := readFaces(o.File)
	if err != nil {
		return report, err
	}
	found := make([][]liveness.Face, len(pictures))
	models := make([][]liveness.ModelRef, len(pictures))
	err = o.runEach(ctx, len(pictures), func(ctx context.Context, i int) error {
		data, err := readFile(pictures[i].file)
		if err != nil {
			return err
		}
		verdict, err := check(ctx, data)
		found[i], models[i] = verdict.Faces, verdict.Models
		return err
	})
	if err != nil {
		return report, err
	}
	report.Pictures = len(pictures)
	report.count(pictures, found)
	report.measurePoints(pictures, found)
	for _, m := range models {
		report.add(m)
	}
	return report, nil
}

func readFaces(name string) ([]labelled, error) {
	columns := []string{"set", "x", "y", "width", "height"}
	for _, point := range pointNames {
		columns = append(columns, point+"_x", point+"_y")
	}
	t, err := readTable(name, []string{"path"}, columns)
	if err != nil {
		return nil, err
	}
	var list []labelled
	at := map[string]int{}
	for _, r := range t.rows {
		file := t.file(r)
		if _, ok := at[file]; !ok {
			at[file] = len(list)
			list = append(list, labelled{file: file, set: r.cells["set"]})
		}
		p := &list[at[file]]
		if box := t.numbers(r, "x", "y", "width", "height"); box != nil {
			p.boxes = append(p.boxes, liveness.Box{X: box[0], Y: box[1], Width: box[2], Height: box[3]})
		}
		var points []liveness.Point
		for _, name := range pointNames {
			if xy := t.numbers(r, name+"_x", name+"_y"); xy != nil {
				points = append(points, liveness.Point{X: xy[0], Y: xy[1]})
			}
		}
		if len(points) == len(pointNames) {
			p.points = points
		}
	}
	return list, t.err()
}

// numbers reads cells that are all numbers, or all empty: nil.
func (t *table) numbers(r row, columns ...string) []float64 {
	var list []float64
	for _, column := range columns {
		if r.cells[column] == "" {
			continue
		}
		v, err := strconv.ParseFloat(r.cells[column], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			t.addError(r.line, column, "%q is not a number", r.cells[column])
		}
		list = append(list, v)
	}
	if len(list) != 0 && len(list) != len(columns) {
		t.addError(r.line, columns[0], "%d of the %d columns %v are filled; expected all or none", len(list), len(columns), columns)
	}
	if len(list) != len(columns) {
		return nil
	}
	return list
}

// tallyOfFaces counts labelled faces, found ones, and those that are both.
type tallyOfFaces struct{ labelled, found, both int }

func (t tallyOfFaces) group(name string) FacesGroup {
	return FacesGroup{Name: name, Recall: rate(t.both, t.labelled), Precision: rate(t.both, t.found)}
}

func (r *FacesReport) count(pictures []labelled, found [][]liveness.Face) {
	var all tallyOfFaces
	sets := map[string]*tallyOfFaces{}
	var order []string
	for i, p := range pictures {
		if sets[p.set] == nil {
			sets[p.set] = &tallyOfFaces{}
			order = append(order, p.set)
		}
		both := len(matchFaces(p.boxes, found[i]))
		for _, t := range []*tallyOfFaces{&all, sets[p.set]} {
			t.labelled += len(p.boxes)
			t.found += len(found[i])
			t.both += both
		}
	}
	for _, name := range order {
		r.Groups = append(r.Groups, sets[name].group(name))
	}
	r.All = all.group("all")
}

// matchFaces pairs each labelled box with the found face that overlaps it most, each face once. It returns the indexes of the
// faces by those of the boxes.
func matchFaces(boxes []liveness.Box, faces []liveness.Face) map[int]int {
	pairs, taken := map[int]int{}, map[int]bool{}
	for i, b := range boxes {
		best, which := sameFace, -1
		for k, f := range faces {
			if o := overlap(b, f.Box); o >= best && !taken[k] {
				best, which = o, k
			}
		}
		if which >= 0 {
			pairs[i], taken[which] = which, true
		}
	}
	return pairs
}

func overlap(a, b liveness.Box) float64 {
	w := min(a.X+a.Width, b.X+b.Width) - max(a.X, b.X)
	h := min(a.Y+a.Height, b.Y+b.Height) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.Area() + b.Area() - w*h)
}

// measurePoints compares the landmarks of the largest face with the labelled points.
func (r *FacesReport) measurePoints(pictures []labelled, found [][]liveness.Face) {
	errors := make([][]float64, len(pointNames))
	for i, p := range pictures {
		if p.points == nil || len(found[i]) == 0 || found[i][0].PupilDistance == 0 {
			continue
		}
		size := math.Hypot(p.points[1].X-p.points[0].X, p.points[1].Y-p.points[0].Y)
		for k, q := range pointsOf(found[i][0].Landmarks) {
			errors[k] = append(errors[k], math.Hypot(q.X-p.points[k].X, q.Y-p.points[k].Y)/size)
		}
	}
	var all []float64
	for k, name := range pointNames {
		if len(errors[k]) > 0 {
			r.Points = append(r.Points, pointError(name, errors[k]))
			all = append(all, errors[k]...)
		}
	}
	if len(all) > 0 {
		r.Points = append(r.Points, pointError("all", all))
	}
}

// pointsOf returns the landmarks of pointNames, in their order.
func pointsOf(l liveness.Landmarks) [5]liveness.Point {
	middle := func(points []liveness.Point) (c liveness.Point) {
		for _, p := range points {
			c.X, c.Y = c.X+p.X/float64(len(points)), c.Y+p.Y/float64(len(points))
		}
		return c
	}
	return [5]liveness.Point{middle(l[36:42]), middle(l[42:48]), l[30], l[48], l[54]}
}

func pointError(name string, errors []float64) PointError {
	slices.SortFunc(errors, cmp.Compare[float64])
	e := PointError{Name: name, Count: len(errors), Median: errors[len(errors)/2], P90: errors[len(errors)*9/10]}
	for _, v := range errors {
		e.Mean += v / float64(len(errors))
	}
	return e
}

// WriteText prints the report as tables.
func (r FacesReport) WriteText(w io.Writer) error {
	var p printer
	p.writeLine("%s: %d pictures", r.File, r.Pictures)
	rows := sheet{Rows: [][]string{{"", "labelled", "recall", "interval", "found", "precision", "interval"}}}
	for _, g := range append(slices.Clone(r.Groups), r.All) {
		row := []string{g.Name}
		for _, rate := range []*Rate{g.Recall, g.Precision} {
			if rate == nil {
				row = append(row, "0", "-", "")
			} else {
				row = append(row, fmt.Sprint(rate.Of), percent(rate.Value), formatInterval(rate.Interval95, percent))
			}
		}
		rows.Rows = append(rows.Rows, row)
	}
	p.sheet(rows)
	if len(r.Points) > 0 {
		p.writeLine("\nLandmark error over the pupil distance")
		rows = sheet{Rows: [][]string{{"", "points", "median", "mean", "90%"}}}
		for _, e := range r.Points {
			rows.Rows = append(rows.Rows, []string{e.Name, fmt.Sprint(e.Count), percent(e.Median), percent(e.Mean), percent(e.P90)})
		}
		p.sheet(rows)
	}
	return p.flush(w)
}
