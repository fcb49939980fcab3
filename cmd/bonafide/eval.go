package main

import (
	"cmp"
	"context"
	"io"
	"sync"
	"time"

	"github.com/bonafide-id/bonafide/internal/app"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/evaluate"
	"github.com/bonafide-id/bonafide/liveness"
)

type evalCommand struct {
	Pad    evalPAD    `cmd:"" help:"APCER by species, BPCER, AUC and EER of a labelled set of pictures."`
	Phrase evalPhrase `cmd:"" help:"FAR, FRR, AUC and EER of recordings with spoken and claimed phrases."`

	Faces   evalFaces   `cmd:"" help:"Recall, precision and landmark error on pictures with labelled faces."`
	Reasons evalReasons `cmd:"" help:"Measure how often a known defect gets its reason."`
}

type evalOptions struct {
	JSON    bool          `name:"json" env:"-" help:"Print JSON."`
	Report  string        `env:"-" placeholder:"FILE.html" help:"Write the report with its charts to this HTML file."`
	Scores  string        `env:"-" placeholder:"FILE" help:"Write each score to this CSV file."`
	Workers int           `env:"-" default:"0" help:"Files checked at the same time (0: one for each core)."`
	Checks  config.Checks `embed:""`
}

func (o evalOptions) options(file string, bar func(done, total int)) evaluate.Options {
	return evaluate.Options{File: file, Scores: o.Scores, Page: o.Report, Workers: o.Workers, Progress: bar,
		Program: programVersion(), Began: time.Now()}
}

func (o evalOptions) print(t terminal, report interface{ WriteText(io.Writer) error }) error {
	if o.JSON {
		return printJSON(t.out, report)
	}
	return report.WriteText(t.out)
}

type evalPAD struct {
	Labels    string      `arg:"" name:"LABELS.csv" help:"Columns path, label, species; optionally person, set."`
	Threshold float64     `env:"-" default:"-1" help:"Score at and above which a picture counts as bona fide (default: picture-threshold)."`
	Options   evalOptions `embed:""`
}

// Run checks labelled pictures as the selfie protocol does, and prints their error rates.
func (e evalPAD) Run(ctx context.Context, line *cli, t terminal) error {
	threshold := e.Threshold
	if threshold < 0 {
		threshold = e.Options.Checks.PictureThreshold
	}
	report, err := measurePAD(ctx, line, t, e.Labels, threshold, e.Options)
	if err != nil {
		return err
	}
	return e.Options.print(t, report)
}

// measurePAD checks the labelled pictures as the selfie protocol does.
func measurePAD(ctx context.Context, line *cli, t terminal, labels string, threshold float64, o evalOptions) (evaluate.PADReport, error) {
	checker, err := line.newChecker(ctx, o.Checks)
	if err != nil {
		return evaluate.PADReport{}, err
	}
	bar, end := progress(t, "pictures")
	defer end()
	return evaluate.PAD(ctx, o.options(labels, bar), threshold, func(ctx context.Context, data []byte) (liveness.Verdict, error) {
		return checker.CheckPicture(ctx, data, check.PictureOptions{Threshold: threshold, LargestFace: true})
	})
}

type evalPhrase struct {
	Trials  string      `arg:"" name:"TRIALS.csv" help:"Columns path, spoken, claimed; optionally person, kind, models (a folder of trained models to use)."`
	Mute    bool        `env:"-" help:"Ignore the sound; score the lips only."`
	Options evalOptions `embed:""`
}

func (e evalPhrase) Run(ctx context.Context, line *cli, t terminal) error {
	threshold := e.Options.Checks.RecordingThreshold
	checkers := line.checkers(ctx, e.Options.Checks)
	if _, err := checkers(""); err != nil {
		return err
	}
	bar, end := progress(t, "recordings")
	report, err := evaluate.Phrase(ctx, e.Options.options(e.Trials, bar),
		func(ctx context.Context, data []byte, models string) (evaluate.Recording, error) {
			checker, err := checkers(models)
			if err != nil {
				return nil, err
			}
			return checker.AnalyseRecording(ctx, data, check.RecordingOptions{Threshold: threshold, Mute: e.Mute})
		})
	end()
	if err != nil {
		return err
	}
	return e.Options.print(t, report)
}

// checkers returns one that makes a checker for each folder of own models, once.
func (l *cli) checkers(ctx context.Context, checks config.Checks) func(models string) (*check.Checker, error) {
	var mu sync.Mutex
	made := map[string]*check.Checker{}
	return func(models string) (*check.Checker, error) {
		mu.Lock()
		defer mu.Unlock()
		if c := made[models]; c != nil {
			return c, nil
		}
		own := checks
		own.OwnModels = cmp.Or(models, checks.OwnModels)
		c, err := l.newChecker(ctx, own)
		if err == nil {
			made[models] = c
		}
		return c, err
	}
}

// evalDefectsOptions are those of the evaluations that need neither scores nor charts.
type evalDefectsOptions struct {
	JSON    bool          `name:"json" env:"-" help:"Print JSON."`
	Workers int           `env:"-" default:"0" help:"Pictures checked at the same time (0: one for each core)."`
	Checks  config.Checks `embed:""`
}

type evalFaces struct {
	Labels  string             `arg:"" name:"LABELS.csv" help:"Columns path, x, y, width, height; optionally set and points. One row a face."`
	Options evalDefectsOptions `embed:""`
}

func (e evalFaces) Run(ctx context.Context, line *cli, t terminal) error {
	return e.Options.run(ctx, line, t, e.Labels, true, func(o evaluate.Options, check evaluate.PictureFunc) (textReport, error) {
		return evaluate.Faces(ctx, o, check)
	})
}

type evalReasons struct {
	Labels  string             `arg:"" name:"LABELS.csv" help:"Columns path, reason (empty: no defect)."`
	Options evalDefectsOptions `embed:""`
}

func (e evalReasons) Run(ctx context.Context, line *cli, t terminal) error {
	return e.Options.run(ctx, line, t, e.Labels, false, func(o evaluate.Options, check evaluate.PictureFunc) (textReport, error) {
		return evaluate.Reasons(ctx, o, check)
	})
}

type textReport interface{ WriteText(io.Writer) error }

// run checks the labelled pictures as the face liveness protocol does or, with largest, as the selfie protocol does.
func (e evalDefectsOptions) run(ctx context.Context, line *cli, t terminal, labels string, largest bool, measure func(evaluate.Options, evaluate.PictureFunc) (textReport, error)) error {
	checker, err := line.newChecker(ctx, e.Checks)
	if err != nil {
		return err
	}
	bar, end := progress(t, "pictures")
	all := evalOptions{JSON: e.JSON, Workers: e.Workers}
	report, err := measure(all.options(labels, bar), func(ctx context.Context, data []byte) (liveness.Verdict, error) {
		return checker.CheckPicture(ctx, data, check.PictureOptions{Threshold: e.Checks.PictureThreshold, LargestFace: largest})
	})
	end()
	if err != nil {
		return err
	}
	return all.print(t, report)
}

// newChecker builds the same checker that the server runs.
func (l *cli) newChecker(ctx context.Context, checks config.Checks) (*check.Checker, error) {
	folder, err := l.modelsFolder()
	if err != nil {
		return nil, err
	}
	return app.Checker(ctx, folder, checks)
}
