package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/evaluate"
	"github.com/bonafide-id/bonafide/internal/pad"
)

type thresholdCommand struct {
	Labels       string        `arg:"" optional:"" name:"LABELS.csv" help:"Columns path, label, species; optionally person, set. Live pictures of your own cameras are enough for --max-bpcer."`
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
	tables, err := c.tables()
	if err != nil {
		return err
	}
	if c.Table {
		return c.print(t.out, tables)
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
	if report.All.Attacks > 0 {
		return options.print(t, choice)
	}
	return options.print(t, liveOnly{choice, newCameras(tables, choice.Threshold)})
}

// tables returns the shipped error rates of the configuration in use.
func (c thresholdCommand) tables() ([]pad.Points, error) {
	tables, err := pad.OperatingPoints()
	return slices.DeleteFunc(tables, func(p pad.Points) bool { return (p.Configuration == "free weights only") != c.Checks.FreeWeightsOnly }), err
}

// liveOnly is a threshold that was chosen on live pictures alone, with what attacks on new cameras do there.
type liveOnly struct {
	evaluate.Choice
	APCER []expectedRate `json:"apcer_of_new_cameras"`
}

// expectedRate is an error rate that was measured in training, with its 95% interval over recorders.
type expectedRate struct {
	Species string  `json:"species"`
	Rate    float64 `json:"rate"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

func newCameras(tables []pad.Points, threshold float64) (rates []expectedRate) {
	for _, table := range tables {
		if table.Cameras != pad.NewCameras {
			continue
		}
		for _, r := range table.APCER {
			rate, low, high := table.Between(r, threshold)
			rates = append(rates, expectedRate{r.Species, rate, low, high})
		}
	}
	return rates
}

// WriteText prints the threshold and the APCER that new cameras have there.
func (l liveOnly) WriteText(w io.Writer) error {
	if err := l.Choice.WriteText(w); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nThe file has no attacks. At this threshold attacks on cameras that the weights were not trained on have these APCER")
	fmt.Fprintln(w, "(mean over recorders, 95% interval):")
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range l.APCER {
		fmt.Fprintf(columns, "%s\t%.1f%%\t%.1f%% to %.1f%%\n", r.Species, 100*r.Rate, 100*r.Low, 100*r.High)
	}
	return columns.Flush()
}

// shownThresholds are the columns of the printed table; the JSON has all.
var shownThresholds = []float64{0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95}

// print writes one screen: kinds of attack by threshold, for new and for known cameras.
func (c thresholdCommand) print(w io.Writer, tables []pad.Points) error {
	if c.JSON {
		return printJSON(w, tables)
	}
	fmt.Fprintln(w, "Error rates of one picture in percent, means over recorders. New cameras: the recorder was held out. Known")
	fmt.Fprintln(w, "cameras: other people and clips of recorders that were trained on. Expect those of new cameras.")
	for _, table := range tables {
		fmt.Fprintf(w, "\n%s, %s\n", table.Configuration, table.Cameras)
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprint(columns, "threshold\t")
		for _, threshold := range shownThresholds {
			fmt.Fprintf(columns, "%.4g\t", threshold)
		}
		fmt.Fprintln(columns, "pictures\trecorders\t")
		row := func(name string, r pad.Rates) {
			fmt.Fprintf(columns, "%s\t", name)
			for _, threshold := range shownThresholds {
				rate, _, _ := table.Between(r, threshold)
				fmt.Fprintf(columns, "%.1f\t", 100*rate)
			}
			fmt.Fprintf(columns, "%d\t%d\t\n", r.Pictures, r.Recorders)
		}
		row("BPCER", table.BPCER)
		for _, r := range table.APCER {
			row("APCER "+r.Species, r)
		}
		if err := columns.Flush(); err != nil {
			return err
		}
	}
	return nil
}
