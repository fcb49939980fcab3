package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
)

type usageCommand struct {
	Account string   `arg:"" optional:"" name:"ACCOUNT" help:"Account (default: all)."`
	From    timeFlag `env:"-" placeholder:"DAY" help:"First day, such as 2026-03-01 (default: the first of this month, UTC)."`
	To      timeFlag `env:"-" placeholder:"DAY" help:"Last day (default: today)."`
	JSON    bool     `name:"json" env:"-" xor:"form" help:"Print JSON."`
	CSV     bool     `name:"csv" env:"-" xor:"form" help:"Print CSV."`
}

// Run prints what accounts used per day and protocol, as text, JSON or CSV.
func (u usageCommand) Run(ctx context.Context, line *cli, t terminal) error {
	from, to := u.days(time.Now().UTC())
	if to.Before(from) {
		return usageError{fmt.Errorf("--from %s is after --to %s", from.Format(time.DateOnly), to.Format(time.DateOnly))}
	}
	return withAccounts(ctx, line, false, func(accounts *account.Accounts) error {
		usage, err := accounts.Usage(ctx, u.Account, from, to.AddDate(0, 0, 1))
		if err != nil {
			return explainNotFound(err, u.Account)
		}
		switch {
		case u.JSON:
			return printJSON(t.out, append([]account.Usage{}, usage...)) // [] where there is none
		case u.CSV:
			return printUsageCSV(t.out, usage)
		}
		return printUsage(t.out, usage)
	})
}

// days returns the first and the last day that are asked for.
func (u usageCommand) days(now time.Time) (from, to time.Time) {
	from, to = u.From.Time, u.To.Time
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		from = time.Date(to.Year(), to.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return from, to
}

func printUsage(out io.Writer, usage []account.Usage) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tACCOUNT\tPROTOCOL\tCHECKS")
	var total int64
	for _, day := range usage {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", day.Day, day.Account, day.Protocol, day.Checks)
		total += day.Checks
	}
	fmt.Fprintf(w, "total\t\t\t%d\n", total)
	return w.Flush()
}

func printUsageCSV(out io.Writer, usage []account.Usage) error {
	w := csv.NewWriter(out)
	rows := [][]string{{"day", "account", "protocol", "checks"}}
	for _, day := range usage {
		rows = append(rows, []string{day.Day, day.Account, day.Protocol, fmt.Sprint(day.Checks)})
	}
	return w.WriteAll(rows)
}
