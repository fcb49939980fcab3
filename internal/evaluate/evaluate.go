// Package evaluate runs labelled sets through the server's own checks and reports their error rates. Pictures use the terms of
// ISO/IEC 30107-3 (PAD), recordings of phrases those of ISO/IEC 19795-1 (Phrase).
//
// A set is a CSV file. All its faults are reported together, before any work starts. The reports are plain values with stable
// JSON keys, in which rates are 0 to 1 and null stands for a missing figure. WriteText prints them for a terminal, WriteHTML as a
// page with charts. WriteScores writes the score of each picture or trial.
package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
	"golang.org/x/sync/errgroup"
)

// FileNotRead is the reason of a picture or trial whose file is over 1 GiB, or could not be read after the work started.
const FileNotRead liveness.Reason = "file_not_read"

// noScore is the reason of a verdict that has neither a score nor a reason of its own.
const noScore liveness.Reason = "no_score"

const maxFileBytes = 1 << 30

// PictureFunc checks one picture as the server does. What is wrong with the picture is the verdict's Reason; an error is
// the program's own failure and ends the evaluation.
type PictureFunc func(ctx context.Context, data []byte) (liveness.Verdict, error)

// RecordingFunc decodes and reads one recording as the server does. What is wrong with the recording is the Reason of its
// verdicts; an error is the program's own failure and ends the evaluation. The folder of models replaces the program's own ones;
// it may be empty.
type RecordingFunc func(ctx context.Context, data []byte, models string) (Recording, error)

// Recording is a recording that has been read once and is judged for any number of phrases.
type Recording interface {
	// Verdict judges the recording as the answer to a phrase of digits.
	Verdict(phrase string) liveness.Verdict
}

// Options are what both evaluations take.
type Options struct {
	// File is the CSV file that lists the set. Paths in it are relative to its folder.
	File string
	// Scores is the CSV file to write what each picture or trial scored; empty: none.
	Scores string
	// Page is the HTML file to write the report to, with its charts; empty: none.
	Page string
	// Program and Began are the program's version and the time, which the report states.
	Program string
	Began   time.Time
	// Workers is how many files are checked at the same time; 0: as many as there are CPUs.
	Workers int
	// Progress, if set, is called after each file, never by two goroutines at the same time.
	Progress func(done, total int)
}

// runEach calls do for 0 to n-1 on o.Workers goroutines. The first error, or the context's end, stops it.
func (o Options) runEach(ctx context.Context, n int, do func(context.Context, int) error) error {
	workers := o.Workers
	if workers < 1 {
		workers = runtime.NumCPU()
	}
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	var (
		mu   sync.Mutex
		done int
	)
	for i := range n {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := do(working, i); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if o.Progress != nil {
				o.Progress(done, n)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// Measured says what was measured, with what and when.
type Measured struct {
	// File is the name of the CSV file, without its folder.
	File    string    `json:"file"`
	Program string    `json:"program"`
	Began   time.Time `json:"began"`
	// Models are the weights that took part in any check, in the order of their first.
	Models []liveness.ModelRef `json:"models"`
}

func (o Options) newMeasured() Measured {
	return Measured{File: filepath.Base(o.File), Program: o.Program, Began: o.Began, Models: []liveness.ModelRef{}}
}

// add notes the models of one check.
func (m *Measured) add(models []liveness.ModelRef) {
	for _, model := range models {
		if !slices.Contains(m.Models, model) {
			m.Models = append(m.Models, model)
		}
	}
}

// outputs are the files that an evaluation writes; nil where one is not asked for.
type outputs struct{ scores, page *os.File }

// create creates the files, so that a name that cannot be written is known before the work starts.
func (o Options) create() (outputs, error) {
	var (
		out outputs
		err error
	)
	if o.Scores != "" {
		if out.scores, err = os.Create(o.Scores); err != nil {
			return out, fmt.Errorf("the scores cannot be written, name another file: %w", err)
		}
	}
	if o.Page != "" {
		if out.page, err = os.Create(o.Page); err != nil {
			out.close()
			return out, fmt.Errorf("the report cannot be written, name another file: %w", err)
		}
	}
	return out, nil
}

func (out outputs) close() {
	out.scores.Close()
	out.page.Close()
}

// save fills and closes the files.
func (out outputs) save(report interface {
	WriteScores(io.Writer) error
	WriteHTML(io.Writer) error
}) error {
	return errors.Join(writeReport(out.scores, report.WriteScores), writeReport(out.page, report.WriteHTML))
}

func writeReport(file *os.File, write func(io.Writer) error) error {
	if file == nil {
		return nil
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file.Name(), err)
	}
	return nil
}

// readFile returns a file's bytes, or an error where it cannot be read or is over maxFileBytes.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("%s is over %d bytes", name, maxFileBytes)
	}
	return data, err
}
