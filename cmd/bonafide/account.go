package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/bonafide-id/bonafide/internal/account"
)

type accountCommand struct {
	List accountList `cmd:"" help:"List the accounts."`
	Show accountShow `cmd:"" help:"Print the settings an account overrides, as JSON."`
	Set  accountSet  `cmd:"" help:"Set thresholds, limits, quota, rate and retention of an account from a JSON file."`
}

type accountList struct{}

func (accountList) Run(ctx context.Context, line *cli, t terminal) error {
	return withAccounts(ctx, line, false, func(accounts *account.Accounts) error {
		names, err := accounts.Names(ctx)
		for _, name := range names {
			fmt.Fprintln(t.out, name)
		}
		return err
	})
}

type accountShow struct {
	Name string `arg:"" name:"NAME" help:"Account."`
}

func (a accountShow) Run(ctx context.Context, line *cli, t terminal) error {
	return withAccounts(ctx, line, false, func(accounts *account.Accounts) error {
		settings, err := accounts.Settings(ctx, a.Name)
		if err != nil {
			return explainNotFound(err, a.Name)
		}
		return printJSON(t.out, settings)
	})
}

type accountSet struct {
	Name         string `arg:"" name:"NAME" help:"Account."`
	File         string `arg:"" optional:"" name:"FILE" help:"JSON with the keys that account show prints; omitted keys use the server's settings."`
	MonthlyQuota *int64 `env:"-" placeholder:"CHECKS" help:"Maximum checks per calendar month (UTC); 0: no limit."`
	Rate         *int   `env:"-" placeholder:"REQUESTS" help:"Maximum requests per second; 0: no limit."`
}

func (a accountSet) Run(ctx context.Context, line *cli, t terminal) error {
	if a.File == "" && a.MonthlyQuota == nil && a.Rate == nil {
		return usageError{errors.New("name a FILE of settings, or give --monthly-quota or --rate")}
	}
	return withAccounts(ctx, line, false, func(accounts *account.Accounts) error {
		settings, err := accounts.Settings(ctx, a.Name)
		if err != nil {
			return explainNotFound(err, a.Name)
		}
		if a.File != "" {
			if settings, err = readSettings(a.File); err != nil {
				return err
			}
		}
		if a.MonthlyQuota != nil {
			settings.MonthlyQuota = *a.MonthlyQuota
		}
		if a.Rate != nil {
			settings.RatePerSecond = *a.Rate
		}
		return explainNotFound(accounts.SetSettings(ctx, a.Name, settings), a.Name)
	})
}

func readSettings(file string) (settings account.Settings, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return settings, fmt.Errorf("the settings cannot be read: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&settings); err != nil {
		return settings, usageError{fmt.Errorf("%s: %w", file, err)}
	}
	if decoder.More() {
		return settings, usageError{fmt.Errorf("%s: there is more than one JSON object", file)}
	}
	return settings, nil
}

func explainNotFound(err error, name string) error {
	if errors.Is(err, account.ErrNotFound) {
		return fmt.Errorf("there is no account %q: see bonafide account list", name)
	}
	return err
}
