package main

import (
	"context"

	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/evaluate"
)

type thresholdCommand struct {
	Labels       string        `arg:"" name:"LABELS.csv" help:"Columns path, label, species; optionally person, set."`
	MaxAPCER     *float64      `name:"max-apcer" env:"-" xor:"limit" required:"" placeholder:"RATE" help:"Most that the APCER of any species may be, such as 0.05."`
	MaxBPCER     *float64      `name:"max-bpcer" env:"-" xor:"limit" required:"" placeholder:"RATE" help:"Most that the BPCER may be, such as 0.02."`
	Conservative bool          `env:"-" help:"Keep the limit with the rate's upper 95% bound."`
	JSON         bool          `name:"json" env:"-" help:"Print JSON."`
	Workers      int           `env:"-" default:"0" help:"Files checked at once (0: one for each core)."`
	Checks       config.Checks `embed:""`
}

func (c thresholdCommand) limit() evaluate.Limit {
	if c.MaxAPCER != nil {
		return evaluate.Limit{Rate: evaluate.APCER, AtMost: *c.MaxAPCER, Conservative: c.Conservative}
	}
	return evaluate.Limit{Rate: evaluate.BPCER, AtMost: *c.MaxBPCER, Conservative: c.Conservative}
}

func (c thresholdCommand) Run(ctx context.Context, line *commandLine, t terminal) error {
	limit := c.limit()
	if err := limit.Validate(); err != nil {
		return usageError{err}
	}
	options := evalOptions{JSON: c.JSON, Workers: c.Workers, Checks: c.Checks}
	report, err := measurePAD(ctx, line, t, c.Labels, c.Checks.PictureThreshold, options)
	if err != nil {
		return err
	}
	choice, err := report.Choose(limit)
	if err != nil {
		return err
	}
	return options.print(t, choice)
}
