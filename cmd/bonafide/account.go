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
	Show accountShow `cmd:"" help:"Print what an account has otherwise than the server, as JSON."`
	Set  accountSet  `cmd:"" help:"Set thresholds, limits, quota, rate and retention of an account from a JSON file."`
}

type accountList struct{}

func (accountList) Run(ctx context.Context, line *commandLine, t terminal) error {
	return withAccounts(ctx, line, func(accounts *account.Accounts) error {
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

func (a accountShow) Run(ctx context.Context, line *commandLine, t terminal) error {
	return withAccounts(ctx, line, func(accounts *account.Accounts) error {
		settings, err := accounts.Settings(ctx, a.Name)
		if err != nil {
			return noAccount(err, a.Name)
		}
		return printJSON(t.out, settings)
	})
}

type accountSet struct {
	Name string `arg:"" name:"NAME" help:"Account."`
	File string `arg:"" name:"FILE" help:"JSON with the keys that account show prints; a key that is left out goes back to the server's default."`
}

func (a accountSet) Run(ctx context.Context, line *commandLine, t terminal) error {
	text, err := os.ReadFile(a.File)
	if err != nil {
		return fmt.Errorf("the settings cannot be read: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var settings account.Settings
	if err := decoder.Decode(&settings); err != nil {
		return usageError{fmt.Errorf("%s: %w", a.File, err)}
	}
	if decoder.More() {
		return usageError{fmt.Errorf("%s: there is more than one JSON object", a.File)}
	}
	return withAccounts(ctx, line, func(accounts *account.Accounts) error {
		return noAccount(accounts.SetSettings(ctx, a.Name, settings), a.Name)
	})
}

func noAccount(err error, name string) error {
	if errors.Is(err, account.ErrNotFound) {
		return fmt.Errorf("there is no account %q: see bonafide account list", name)
	}
	return err
}
