package account

import "context"

// Kept is the record of a check with the name of its account.
type Kept struct {
	Record
	AccountName string
}

// Checks lists the records that the filter picks, from newest to oldest: the named account's, or all with "". It fails
// with ErrNotFound where there is no such account.
func (a *Accounts) Checks(ctx context.Context, name string, f Filter) ([]Kept, error) {
	accounts, err := a.some(ctx, name)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, one := range accounts {
		names[one.ID] = one.Name
	}
	f.Account = ""
	if name != "" {
		f.Account = accounts[0].ID
	}
	found, err := a.store.FindRecords(ctx, f)
	kept := make([]Kept, len(found))
	for i, r := range found {
		kept[i] = Kept{r, names[r.Account]}
	}
	return kept, err
}
