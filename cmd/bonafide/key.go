package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/app"
)

type keyCommand struct {
	Create keyCreate `cmd:"" help:"Create a key, and its account if it does not exist, and print the credentials once."`
	List   keyList   `cmd:"" help:"List the keys."`
	Revoke keyRevoke `cmd:"" help:"Revoke keys; running servers refuse them immediately."`
}

type keyCreate struct {
	Account  string             `env:"-" required:"" placeholder:"NAME" help:"Account of the key."`
	Scope    []account.Protocol `env:"-" placeholder:"PROTOCOL" help:"Protocols that accept the key, of ${protocols} (default: all)."`
	Expires  timeFlag           `env:"-" placeholder:"TIME" help:"Expiry: 2027-01-31 (start of that day, UTC) or 2027-01-31T18:00:00Z (default: never)."`
	Networks []netip.Prefix     `env:"-" placeholder:"CIDR" help:"Networks from which the key may be used, such as 192.0.2.0/24,2001:db8::/32 (default: any)."`
	JSON     bool               `name:"json" env:"-" help:"Print JSON."`
}

// timeFlag is a time as it is written on the command line.
type timeFlag struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *timeFlag) UnmarshalText(text []byte) (err error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if m.Time, err = time.Parse(form, string(text)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is not a time: write 2027-01-31 or 2027-01-31T18:00:00Z", text)
}

func (k keyCreate) Run(ctx context.Context, line *cli, t terminal) error {
	return withAccounts(ctx, line, true, func(accounts *account.Accounts) error {
		c, err := accounts.CreateKey(ctx, k.Account, account.Limits{Scope: k.Scope, Expires: k.Expires.Time, Networks: k.Networks})
		if err != nil {
			return err
		}
		if k.JSON {
			return printJSON(t.out, c)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "account\t%s\nkey\t%s\n", c.Account, c.Key)
		if c.APIKey != "" {
			fmt.Fprintf(w, "LipSecure\tX-API-Key: %s\n", c.APIKey)
		}
		if c.AppKey != "" {
			fmt.Fprintf(w, "selfie liveness\tapp_id: %s\tapp_key: %s\n", c.AppID, c.AppKey)
		}
		if c.Password != "" {
			fmt.Fprintf(w, "face liveness\tusername: %s\tpassword: %s\n", c.Username, c.Password)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		_, err = fmt.Fprintln(t.err, "Save these credentials now: they are not shown again.")
		return err
	})
}

type keyList struct {
	JSON bool `name:"json" env:"-" help:"Print JSON."`
}

func (k keyList) Run(ctx context.Context, line *cli, t terminal) error {
	return withAccounts(ctx, line, false, func(accounts *account.Accounts) error {
		keys, err := accounts.ListKeys(ctx)
		if err != nil {
			return err
		}
		if k.JSON {
			return printJSON(t.out, keys)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tACCOUNT\tCREATED\tREVOKED\tEXPIRES\tSCOPE\tNETWORKS\tAPP ID\tUSERNAME")
		for _, key := range keys {
			fmt.Fprintln(w, strings.Join([]string{key.ID, key.Account, formatTime(&key.Created), formatTime(key.Revoked), formatTime(key.Expires),
				joinOrDash(key.Scope), joinOrDash(key.Networks), cmp.Or(key.AppID, "-"), cmp.Or(key.Username, "-")}, "\t"))
		}
		return w.Flush()
	})
}

// formatTime returns a time as a table shows it.
func formatTime(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}

// joinOrDash returns a list as a table shows it.
func joinOrDash[T any](items []T) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = fmt.Sprint(item)
	}
	return cmp.Or(strings.Join(words, ","), "-")
}

type keyRevoke struct {
	Keys    []string `arg:"" optional:"" name:"KEY" help:"Keys, as key list names them."`
	Account string   `env:"-" placeholder:"NAME" help:"Revoke every key of this account."`
}

func (k keyRevoke) Run(ctx context.Context, line *cli, t terminal) error {
	if (len(k.Keys) == 0) == (k.Account == "") {
		return usageError{errors.New("name either the keys to revoke or --account NAME")}
	}
	return withAccounts(ctx, line, false, func(accounts *account.Accounts) error {
		ids := k.Keys
		if k.Account != "" {
			keys, err := accounts.ListKeys(ctx)
			if err != nil {
				return err
			}
			for _, key := range keys {
				if key.Account == k.Account && key.Revoked == nil { // an expired one too: it is ended for good
					ids = append(ids, key.ID)
				}
			}
			if len(ids) == 0 {
				return fmt.Errorf("account %q has no key to revoke: see bonafide key list", k.Account)
			}
		}
		for _, id := range ids {
			if err := accounts.RevokeKey(ctx, id); errors.Is(err, account.ErrNotFound) {
				return fmt.Errorf("there is no key %q: see bonafide key list", id)
			} else if err != nil {
				return err
			}
			fmt.Fprintln(t.out, "revoked", id)
		}
		return nil
	})
}

// withAccounts opens the store, makes one where there is none if create is set, and closes it after do.
func withAccounts(ctx context.Context, line *cli, create bool, do func(*account.Accounts) error) error {
	accounts, closeStore, err := app.Accounts(ctx, line.storeLocation(create))
	if err != nil {
		return err
	}
	return errors.Join(do(accounts), closeStore())
}
