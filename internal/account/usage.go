package account

import (
	"context"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// Usage is how many checks of one protocol an account had on one day (UTC).
type Usage struct {
	// Day is written as 2006-01-02.
	Day      string `json:"day"`
	Account  string `json:"account"`
	Protocol string `json:"protocol"`
	Checks   int64  `json:"checks"`
}

// Usage returns the use of the named account, or of all accounts with "". It covers the days from (inclusive) to (exclusive),
// account by account. It fails with ErrNotFound.
func (a *Accounts) Usage(ctx context.Context, name string, from, to time.Time) ([]Usage, error) {
	accounts, err := a.accountsNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	var all []Usage
	for _, acct := range accounts {
		days, err := a.store.Usage(ctx, acct.ID, from, to)
		if err != nil {
			return nil, err
		}
		for _, d := range days {
			all = append(all, Usage{d.Day, acct.Name, d.Protocol, d.Checks})
		}
	}
	return all, nil
}

// accountsNamed returns the named account, or all with "".
func (a *Accounts) accountsNamed(ctx context.Context, name string) ([]store.Account, error) {
	if name == "" {
		return a.store.Accounts(ctx)
	}
	one, err := a.store.AccountByName(ctx, name)
	return []store.Account{one}, err
}

// dailyMonths is for how many months back the use of each single day is kept.
const dailyMonths = 13

// RollUp adds up the days of months that are past that time. The app calls it from time to time.
func (a *Accounts) RollUp(ctx context.Context) (days int64, err error) {
	first, _ := store.Month(a.now())
	return a.store.RollUp(ctx, first.AddDate(0, -dailyMonths, 0))
}

// Reference names what is to be erased: a transaction, the client's own name for a session, or a request. One is set.
type Reference = store.Reference

// Erased says how much was erased.
type Erased = store.Erased

// Erase deletes the named account's data of the reference immediately. Usage counts stay. It fails with ErrNotFound
// without the account; nothing to erase is not an error.
func (a *Accounts) Erase(ctx context.Context, name string, r Reference) (Erased, error) {
	kept, err := a.store.AccountByName(ctx, name)
	if err != nil {
		return Erased{}, err
	}
	return a.store.Erase(ctx, kept.ID, r)
}
