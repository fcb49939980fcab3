package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/liveness"
)

type benchCommand struct {
	Picture   benchPicture   `cmd:"" help:"Time the check of a picture, part by part."`
	Recording benchRecording `cmd:"" help:"Time the check of a recording, part by part."`
}

type benchOptions struct {
	File   string        `arg:"" name:"FILE" help:"Picture or recording."`
	Runs   int           `env:"-" default:"10" help:"Number of runs after the first, cold one."`
	JSON   bool          `name:"json" env:"-" help:"Print JSON."`
	Checks config.Checks `embed:""`
}

type benchPicture struct {
	Options benchOptions `embed:""`
}

func (b benchPicture) Run(ctx context.Context, line *cli, t terminal) error {
	return b.Options.run(ctx, line, t, func(checker *check.Checker, data []byte) (liveness.Verdict, error) {
		return checker.CheckPicture(ctx, data, check.PictureOptions{Threshold: b.Options.Checks.PictureThreshold, LargestFace: true})
	})
}

type benchRecording struct {
	Options benchOptions `embed:""`
	Phrase  string       `env:"-" default:"597692" help:"Digits to score; they do not affect the time."`
}

func (b benchRecording) Run(ctx context.Context, line *cli, t terminal) error {
	if err := check.ValidatePhrase(b.Phrase); err != nil {
		return usageError{err}
	}
	return b.Options.run(ctx, line, t, func(checker *check.Checker, data []byte) (liveness.Verdict, error) {
		return checker.CheckRecording(ctx, data, b.Phrase, check.RecordingOptions{Threshold: b.Options.Checks.RecordingThreshold})
	})
}

// timing is one run: the time of each part by the clock, and of the whole by clock and processor, in milliseconds.
type timing struct {
	Parts map[string]float64 `json:"parts_ms"`
	Wall  float64            `json:"wall_ms"`
	// CPU is user and system time of this program and its decoders.
	CPU float64 `json:"cpu_ms"`
}

// parts are the parts of a check by the gate that carries their time, in the order in which they are printed.
var parts = []struct{ name, gate string }{
	{"decode", "decode"}, {"face", "face_found"}, {"quality", "brightness"}, {"pad", "pad"}, {"lips", "lips_movement"}, {"phrase", "phrase"},
}

func (o benchOptions) run(ctx context.Context, line *cli, t terminal, check func(*check.Checker, []byte) (liveness.Verdict, error)) error {
	if o.Runs < 1 {
		return usageError{fmt.Errorf("--runs is %d: give at least 1", o.Runs)}
	}
	data, err := os.ReadFile(o.File)
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	began := time.Now()
	checker, err := line.newChecker(ctx, o.Checks)
	if err != nil {
		return err
	}
	loading := time.Since(began)
	bar, end := progress(t, "runs")
	defer end()
	var runs []timing
	for i := range o.Runs + 1 {
		run, err := measure(func() (liveness.Verdict, error) { return check(checker, data) })
		if err != nil {
			return err
		}
		runs = append(runs, run)
		bar(i+1, o.Runs+1)
	}
	report := struct {
		Loading float64 `json:"loading_ms"`
		Cold    timing  `json:"cold"`
		Warm    timing  `json:"warm_median"`
		Runs    int     `json:"warm_runs"`
		Memory  int64   `json:"peak_memory_kib"`
	}{milliseconds(loading), runs[0], medianOf(runs[1:]), o.Runs, usage(syscall.RUSAGE_SELF).Maxrss}
	if o.JSON {
		return printJSON(t.out, report)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "part\tcold ms\twarm ms (median of %d)\t\n", o.Runs)
	for _, p := range parts {
		if _, ran := report.Cold.Parts[p.name]; ran {
			fmt.Fprintf(w, "%s\t%.1f\t%.1f\t\n", p.name, report.Cold.Parts[p.name], report.Warm.Parts[p.name])
		}
	}
	fmt.Fprintf(w, "all, by the clock\t%.1f\t%.1f\t\nall, processor time\t%.1f\t%.1f\t\n", report.Cold.Wall, report.Warm.Wall, report.Cold.CPU, report.Warm.CPU)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "loading the models %.0f ms, peak memory of this program %d MiB\n", report.Loading, report.Memory>>10)
	return err
}

func measure(check func() (liveness.Verdict, error)) (timing, error) {
	began, cpu := time.Now(), processorTime()
	v, err := check()
	run := timing{Parts: map[string]float64{}, Wall: milliseconds(time.Since(began)), CPU: milliseconds(processorTime() - cpu)}
	for _, g := range v.Gates {
		for _, p := range parts {
			if p.gate == g.Name {
				run.Parts[p.name] += milliseconds(g.Took)
			}
		}
	}
	return run, err
}

// medianOf takes each figure's own median.
func medianOf(runs []timing) timing {
	middle := func(of func(timing) float64) float64 {
		var values []float64
		for _, r := range runs {
			values = append(values, of(r))
		}
		if len(values) == 0 {
			return 0
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	m := timing{Parts: map[string]float64{}, Wall: middle(func(r timing) float64 { return r.Wall }), CPU: middle(func(r timing) float64 { return r.CPU })}
	for _, p := range parts {
		m.Parts[p.name] = middle(func(r timing) float64 { return r.Parts[p.name] })
	}
	return m
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func usage(who int) (u syscall.Rusage) {
	_ = syscall.Getrusage(who, &u) // fails only for a wrong who
	return u
}

func processorTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		u := usage(who)
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
