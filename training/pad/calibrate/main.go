// Calibrate fits the weights and the bias of models/pad.json on labelled pictures and writes them into it.
//
//	go run ./training/pad/calibrate --labels ../shared/data/pad/labels.csv [--recipe models/pad.json] [--models bin/models]
//
// The labels file is that of `bonafide eval pad`, with the columns path, label, set and person. Its people must be none
// that the networks of the recipe were trained on. Bona fide and attack count half each, whatever their numbers, so
// that the score is the probability for a prior of one half. The printed figures are of five folds by person: each
// person is scored by a fit that did not see them.
package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/pad"
	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/mat"
)

const folds = 5

func main() {
	log.SetFlags(0)
	labels := flag.String("labels", "", "CSV of labelled pictures")
	recipe := flag.String("recipe", "models/pad.json", "recipe to fit and to write")
	folder := flag.String("models", "bin/models", "folder that bonafide models fetch filled")
	flag.Parse()
	if err := run(*labels, *recipe, *folder); err != nil {
		log.Fatal(err)
	}
}

func run(labels, path, folder string) error {
	rows, err := readRows(labels)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var recipe pad.Recipe
	if err := json.Unmarshal(data, &recipe); err != nil {
		return err
	}
	rows, err = look(rows, recipe, filepath.Dir(labels), folder)
	if err != nil {
		return err
	}
	report(rows)
	fit := fitted(rows)
	recipe.Bias = rounded(fit[0])
	for i := range recipe.Nets {
		recipe.Nets[i].Weight = rounded(fit[i+1])
	}
	if data, err = json.MarshalIndent(recipe, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func rounded(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// row is one picture; odds are the networks' log odds, empty where no face was found.
type row struct {
	path, set, person string
	live              bool
	odds              []float64
}

func readRows(path string) ([]row, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil || len(records) == 0 {
		return nil, errors.Join(err, fmt.Errorf("%s has no rows", path))
	}
	column := map[string]int{}
	for i, name := range records[0] {
		column[name] = i
	}
	for _, name := range []string{"path", "label", "set", "person"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("%s has no column %q", path, name)
		}
	}
	var rows []row
	for _, r := range records[1:] {
		rows = append(rows, row{path: r[column["path"]], set: r[column["set"]], person: r[column["person"]],
			live: r[column["label"]] == "bona_fide"})
	}
	return rows, nil
}

// look runs the recipe's networks on every picture and drops those without a face.
func look(rows []row, recipe pad.Recipe, root, folder string) ([]row, error) {
	library, err := infer.Open(infer.Config{Folder: folder})
	if err != nil {
		return nil, err
	}
	finder, err := face.New(library)
	if err != nil {
		return nil, err
	}
	scorer, err := pad.Load(library, recipe)
	if err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i := range rows {
		group.Go(func() error {
			data, err := os.ReadFile(filepath.Join(root, rows[i].path))
			if err != nil {
				return err
			}
			still, err := media.Decode(data, media.StillLimits{})
			if err != nil {
				return fmt.Errorf("%s: %w", rows[i].path, err)
			}
			faces, err := finder.Find(still.Picture)
			if err != nil || len(faces) == 0 {
				return err
			}
			result, err := scorer.Score(still.Picture, faces[0])
			rows[i].odds = result.LogOdds
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	seen := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return len(r.odds) == 0 })
	fmt.Printf("%d pictures, %d of them without a face\n", len(rows), len(rows)-len(seen))
	return seen, nil
}

// fitted is the bias and the weights of a logistic regression, by Newton's method, with a slight pull towards zero.
func fitted(rows []row) []float64 {
	const pull, steps = 1e-3, 50
	n := len(rows[0].odds) + 1
	w := make([]float64, n)
	share := shares(rows)
	for range steps {
		slope, curve := mat.NewVecDense(n, nil), mat.NewSymDense(n, nil)
		for i := range n {
			slope.SetVec(i, pull*w[i])
			curve.SetSym(i, i, pull)
		}
		for _, r := range rows {
			x := append([]float64{1}, r.odds...)
			p, weight, want := probability(w, r.odds), share[r.live], 0.0
			if r.live {
				want = 1
			}
			for i := range n {
				slope.SetVec(i, slope.AtVec(i)+weight*(p-want)*x[i])
				for j := i; j < n; j++ {
					curve.SetSym(i, j, curve.At(i, j)+weight*p*(1-p)*x[i]*x[j])
				}
			}
		}
		var step mat.VecDense
		if err := step.SolveVec(curve, slope); err != nil {
			break
		}
		for i := range w {
			w[i] -= step.AtVec(i)
		}
	}
	return w
}

// shares weights the rows so that each label has half.
func shares(rows []row) map[bool]float64 {
	count := map[bool]float64{}
	for _, r := range rows {
		count[r.live]++
	}
	return map[bool]float64{true: 0.5 / count[true], false: 0.5 / count[false]}
}

func probability(w, odds []float64) float64 {
	sum := w[0]
	for i, o := range odds {
		sum += w[i+1] * o
	}
	return 1 / (1 + math.Exp(-sum))
}

func fold(person string) int {
	hash := fnv.New32a()
	hash.Write([]byte(person))
	return int(hash.Sum32() % folds)
}

// report prints what fits that did not see a person say of them.
func report(rows []row) {
	scores := make([]float64, len(rows))
	for k := range folds {
		seen := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return fold(r.person) == k })
		w := fitted(seen)
		for i, r := range rows {
			if fold(r.person) == k {
				scores[i] = probability(w, r.odds)
			}
		}
	}
	share, loss := shares(rows), 0.0
	sets := map[string][]int{}
	for i, r := range rows {
		sets["all"] = append(sets["all"], i)
		sets[r.set] = append(sets[r.set], i)
		p := scores[i]
		if !r.live {
			p = 1 - p
		}
		loss -= share[r.live] * math.Log(max(p, 1e-9))
	}
	fmt.Printf("log loss on unseen people %.3f (knowing nothing: %.3f)\n", loss, math.Ln2)
	fmt.Println("set            bona fide  attack   AUC    BPCER and APCER at 0.5")
	for _, set := range slices.Sorted(maps.Keys(sets)) {
		line(set, sets[set], rows, scores)
	}
	fmt.Println("score       pictures  bona fide among them, as if each label had half")
	for tenth := range 10 {
		lower := float64(tenth) / 10
		var live, all float64
		n := 0
		for i, r := range rows {
			if int(scores[i]*10) == tenth {
				n++
				all += share[r.live]
				if r.live {
					live += share[r.live]
				}
			}
		}
		fmt.Printf("%.1f to %.1f  %8d  %.2f\n", lower, lower+0.1, n, live/max(all, 1e-12))
	}
}

func line(set string, members []int, rows []row, scores []float64) {
	var live, attack []float64
	refused, accepted := 0, 0
	for _, i := range members {
		if rows[i].live {
			live = append(live, scores[i])
			if scores[i] < 0.5 {
				refused++
			}
		} else {
			attack = append(attack, scores[i])
			if scores[i] >= 0.5 {
				accepted++
			}
		}
	}
	fmt.Printf("%-14s %9d %7d  %.4f  %d/%d %d/%d\n", set, len(live), len(attack), auc(live, attack), refused, len(live), accepted, len(attack))
}

// auc is the share of pairs in which the bona fide picture has the higher score; ties count half.
func auc(live, attack []float64) float64 {
	if len(live) == 0 || len(attack) == 0 {
		return math.NaN()
	}
	slices.Sort(attack)
	sum := 0.0
	for _, v := range live {
		below, _ := slices.BinarySearch(attack, v)
		upTo, _ := slices.BinarySearch(attack, math.Nextafter(v, 2))
		sum += float64(below+upTo) / 2
	}
	return sum / float64(len(live)*len(attack))
}
