package account

import "context"

// CheckRecord is the record of a check with the name of its account.
type CheckRecord struct {
	Record
	AccountName string
}

// Checks lists the records that the filter picks, from newest to oldest: the named account's, or all with "". It fails
// with ErrNotFound where there is no such account.
func (a *Accounts) Checks(ctx context.Context, name string, f Filter) ([]CheckRecord, error) {
	accounts, err := a.accountsNamed(ctx, name)
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
	kept := make([]CheckRecord, len(found))
	for i, r := range found {
		kept[i] = CheckRecord{r, names[r.Account]}
	}
	return kept, err
}
