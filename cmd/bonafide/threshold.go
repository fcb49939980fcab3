package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/evaluate"
	"github.com/bonafide-id/bonafide/internal/pad"
)

type thresholdCommand struct {
	Labels       string        `arg:"" optional:"" name:"LABELS.csv" help:"Columns path, label, species; optionally person, set."`
	MaxAPCER     *float64      `name:"max-apcer" env:"-" xor:"limit" required:"" placeholder:"RATE" help:"Maximum APCER of any species, for example 0.05."`
	MaxBPCER     *float64      `name:"max-bpcer" env:"-" xor:"limit" required:"" placeholder:"RATE" help:"Maximum BPCER, for example 0.02."`
	Table        bool          `env:"-" xor:"limit" required:"" help:"Print the error rates by threshold that were measured in training."`
	Conservative bool          `env:"-" help:"Compare the limit with the upper 95% bound of the rate."`
	JSON         bool          `name:"json" env:"-" help:"Print JSON."`
	Workers      int           `env:"-" default:"0" help:"Files checked at the same time (0: one for each core)."`
	Checks       config.Checks `embed:""`
}

func (c thresholdCommand) limit() evaluate.Limit {
	if c.MaxAPCER != nil {
		return evaluate.Limit{Rate: evaluate.APCER, AtMost: *c.MaxAPCER, Conservative: c.Conservative}
	}
	return evaluate.Limit{Rate: evaluate.BPCER, AtMost: *c.MaxBPCER, Conservative: c.Conservative}
}

func (c thresholdCommand) Run(ctx context.Context, line *cli, t terminal) error {
	if (c.Labels == "") != c.Table {
		return usageError{errors.New("--max-apcer and --max-bpcer take LABELS.csv, --table takes no file")}
	}
	if c.Table {
		return c.table(t.out)
	}
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

// table prints the operating points of the configuration in use.
func (c thresholdCommand) table(w io.Writer) error {
	tables, err := pad.OperatingPoints()
	if err != nil {
		return err
	}
	tables = slices.DeleteFunc(tables, func(p pad.Points) bool { return (p.Configuration == "free weights only") != c.Checks.FreeWeightsOnly })
	if c.JSON {
		return printJSON(w, tables)
	}
	fmt.Fprintln(w, "One picture at a time; the intervals are 95% over people. The default, 0.5, is where a bona fide person turned away")
	fmt.Fprintln(w, "and an attack let through weigh the same, if either is as likely: what it costs on your cameras, --max-apcer says.")
	for _, table := range tables {
		fmt.Fprintf(w, "\n%s, %s\n", table.Configuration, table.Pictures)
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, p := range table.Points {
			fmt.Fprintf(columns, "threshold %.4g\tBPCER\t%s\n", p.Threshold, p.BPCER)
			for _, species := range slices.Sorted(maps.Keys(p.APCER)) {
				fmt.Fprintf(columns, "threshold %.4g\tAPCER %s\t%s\n", p.Threshold, species, p.APCER[species])
			}
		}
		if err := columns.Flush(); err != nil {
			return err
		}
	}
	return nil
}
