package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/app"
)

type keyCommand struct {
	Create keyCreate `cmd:"" help:"Create a key, and its account where there is none, and show the credentials this once."`
	List   keyList   `cmd:"" help:"List the keys."`
	Revoke keyRevoke `cmd:"" help:"Revoke keys; a running server refuses them at once."`
}

type keyCreate struct {
	Account string `env:"-" required:"" placeholder:"NAME" help:"Account that the key is for."`
	JSON    bool   `name:"json" env:"-" help:"Print JSON."`
}

func (k keyCreate) Run(ctx context.Context, line *commandLine, t terminal) error {
	return withAccounts(ctx, line, func(accounts *account.Accounts) error {
		c, err := accounts.Create(ctx, k.Account)
		if err != nil {
			return err
		}
		if k.JSON {
			return printJSON(t.out, c)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "account\t%s\nLipSecure\tX-API-Key: %s\nselfie liveness\tapp_id: %s\tapp_key: %s\nface liveness\tusername: %s\tpassword: %s\n",
			c.Account, c.APIKey, c.AppID, c.AppKey, c.Username, c.Password)
		if err := w.Flush(); err != nil {
			return err
		}
		_, err = fmt.Fprintln(t.err, "Keep these now: they are not shown again.")
		return err
	})
}

type keyList struct {
	JSON bool `name:"json" env:"-" help:"Print JSON."`
}

func (k keyList) Run(ctx context.Context, line *commandLine, t terminal) error {
	return withAccounts(ctx, line, func(accounts *account.Accounts) error {
		keys, err := accounts.List(ctx)
		if err != nil {
			return err
		}
		if k.JSON {
			return printJSON(t.out, keys)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tACCOUNT\tCREATED\tREVOKED\tAPP ID\tUSERNAME")
		for _, key := range keys {
			revoked := "-"
			if key.Revoked != nil {
				revoked = key.Revoked.UTC().Format(time.DateTime)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Account, key.Created.UTC().Format(time.DateTime), revoked, key.AppID, key.Username)
		}
		return w.Flush()
	})
}

type keyRevoke struct {
	Keys    []string `arg:"" optional:"" name:"KEY" help:"Keys, as key list names them."`
	Account string   `env:"-" placeholder:"NAME" help:"Revoke every key of this account."`
}

func (k keyRevoke) Run(ctx context.Context, line *commandLine, t terminal) error {
	if (len(k.Keys) == 0) == (k.Account == "") {
		return usageError{errors.New("name either the keys to revoke or --account NAME")}
	}
	return withAccounts(ctx, line, func(accounts *account.Accounts) error {
		ids := k.Keys
		if k.Account != "" {
			keys, err := accounts.List(ctx)
			if err != nil {
				return err
			}
			for _, key := range keys {
				if key.Account == k.Account && key.Revoked == nil {
					ids = append(ids, key.ID)
				}
			}
			if len(ids) == 0 {
				return fmt.Errorf("account %q has no key to revoke: see bonafide key list", k.Account)
			}
		}
		for _, id := range ids {
			if err := accounts.Revoke(ctx, id); errors.Is(err, account.ErrNotFound) {
				return fmt.Errorf("there is no key %q: see bonafide key list", id)
			} else if err != nil {
				return err
			}
			fmt.Fprintln(t.out, "revoked", id)
		}
		return nil
	})
}

func withAccounts(ctx context.Context, line *commandLine, do func(*account.Accounts) error) error {
	accounts, closeStore, err := app.Accounts(ctx, line.Data)
	if err != nil {
		return err
	}
	return errors.Join(do(accounts), closeStore())
}
