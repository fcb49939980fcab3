package main

import (
	"context"
	"fmt"

	"github.com/bonafide-id/bonafide/internal/account"
)

type eraseCommand struct {
	Account     string `arg:"" name:"ACCOUNT" help:"Account of the records."`
	Session     string `env:"-" xor:"what" required:"" placeholder:"ID" help:"Session: the face liveness protocol's sessionId."`
	Transaction string `env:"-" xor:"what" required:"" placeholder:"ID" help:"Transaction of LipSecure."`
	Request     string `env:"-" xor:"what" required:"" placeholder:"ID" help:"Request: the selfie protocol's api_req_uid, or a reply's X-Request-Id."`
	JSON        bool   `name:"json" env:"-" help:"Print JSON."`
}

func (e eraseCommand) Run(ctx context.Context, line *cli, t terminal) error {
	return withAccounts(ctx, line, false, func(accounts *account.Accounts) error {
		erased, err := accounts.Erase(ctx, e.Account, account.Reference{Session: e.Session, Transaction: e.Transaction, Request: e.Request})
		if err != nil {
			return explainNotFound(err, e.Account)
		}
		if e.JSON {
			return printJSON(t.out, erased)
		}
		_, err = fmt.Fprintf(t.out, "erased: records %d, transactions %d\n", erased.Records, erased.Transactions)
		return err
	})
}
