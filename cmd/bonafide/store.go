package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/bonafide-id/bonafide/internal/app"
)

type storeCommand struct {
	Copy storeCopy `cmd:"" help:"Copy the embedded store of --data into the empty PostgreSQL of --store. Stop the server first."`
}

type storeCopy struct{}

func (storeCopy) Run(ctx context.Context, line *cli, t terminal) error {
	if line.Store == "" {
		return usageError{errors.New("--store must name the target: postgres://USER:PASSWORD@HOST/DATABASE")}
	}
	report, end := progress(t, "rows")
	copied, err := app.CopyStore(ctx, line.Data, line.Store, report)
	end()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range copied {
		fmt.Fprintf(w, "%d\t %s\n", c.Rows, c.Table)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, "copy complete: row counts match")
	return err
}
