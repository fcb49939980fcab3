// Package account manages the tenants: credentials, settings, rates and quotas, and the records of their checks. It does not
// check media.
package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/liveness"
)

// The errors that callers act on.
var (
	// ErrUnauthorized: the credentials are wrong, unknown or revoked; which of them is not told.
	ErrUnauthorized = errors.New("credentials are not valid")
	// ErrThrottled: too many failed attempts came from the same address, or for the same name; these were not looked at.
	ErrThrottled = errors.New("too many failed attempts")
	// ErrRate: the account has made its requests of this second.
	ErrRate = store.ErrRate
	// ErrQuota: the account has used its checks of this month.
	ErrQuota = store.ErrQuota
	// ErrUnavailable: the store does not answer now; the same call may succeed later.
	ErrUnavailable = store.ErrUnavailable
	// ErrNotFound: there is no account or key of that name.
	ErrNotFound = store.ErrNotFound
)

// Store is what this package needs of the store.
type Store interface {
	store.Accounts
	store.CaptureTokens
	store.Records
}

// Record is what stays of a check, and Filter picks records.
type (
	Record = store.Record
	Filter = store.Filter
)

// Settings override the server's settings for an account. The zero value changes nothing.
type Settings struct {
	// PictureThreshold and RecordingThreshold are the scores, 0 to 1, at and above which a check's outcome is live;
	// nil: the server's.
	PictureThreshold   *float64 `json:"picture_threshold,omitempty"`
	RecordingThreshold *float64 `json:"recording_threshold,omitempty"`
	// FaceLimits are the limits that the face liveness protocol holds a face against; nil: the server's.
	FaceLimits *quality.Limits `json:"face_limits,omitempty"`
	// RetentionDays is how long records of checks are kept; nil: as the server has it.
	RetentionDays *int `json:"retention_days,omitempty"`
	// RefuseReplayedPictures gives a picture that was checked before a score of 0; otherwise the verdict only reports it.
	RefuseReplayedPictures bool `json:"refuse_replayed_pictures,omitempty"`
	// MonthlyQuota is how many checks a calendar month (UTC) may have, RatePerSecond how many requests a second;
	// 0: any number.
	MonthlyQuota  int64 `json:"monthly_quota,omitempty"`
	RatePerSecond int   `json:"rate_per_second,omitempty"`
}

// validate returns all errors together.
func (s Settings) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!isProbability(s.PictureThreshold), "picture threshold must be 0 to 1")
	fault(!isProbability(s.RecordingThreshold), "recording threshold must be 0 to 1")
	fault(s.RetentionDays != nil && (*s.RetentionDays < 0 || *s.RetentionDays > 3650), "retention must be 0 to 3650 days")
	fault(s.MonthlyQuota < 0, "monthly quota must not be negative")
	fault(s.RatePerSecond < 0, "rate must not be negative")
	if s.FaceLimits != nil {
		faults = append(faults, s.FaceLimits.Validate())
	}
	return errors.Join(faults...)
}

func isProbability(p *float64) bool { return p == nil || *p >= 0 && *p <= 1 }

// Defaults are what applies to an account that does not have its own.
type Defaults struct {
	// PictureThreshold and RecordingThreshold are scores, 0 to 1.
	PictureThreshold, RecordingThreshold float64
	RetentionDays                        int
}

// Account is a tenant with what applies to it, the defaults filled in.
type Account struct {
	ID, Name                             string
	PictureThreshold, RecordingThreshold float64
	// FaceLimits is nil where the account has none of its own.
	FaceLimits    *quality.Limits
	RetentionDays int
	MonthlyQuota  int64
	RatePerSecond int
	// RefuseReplayedPictures ends the check of a picture that was checked before.
	RefuseReplayedPictures bool

	// scope are the protocols of the key that was shown, with spaces between; "": no key was shown, so nothing is out of scope.
	scope string
}

// InScope reports whether the key is for the protocol. The results of other protocols are not for its holder.
func (a Account) InScope(p Protocol) bool {
	return a.scope == "" || slices.Contains(strings.Fields(a.scope), string(p))
}

// Accounts is the register of tenants. It remembers nothing of them itself, so that what one process changes holds in
// every other immediately; only wrong credentials are remembered.
type Accounts struct {
	store    Store
	defaults Defaults
	now      func() time.Time
	attempts *attemptLimiter
}

// New returns the register on the store. A nil now is time.Now.
func New(s Store, d Defaults, now func() time.Time) *Accounts {
	if now == nil {
		now = time.Now
	}
	return &Accounts{store: s, defaults: d, now: now, attempts: newAttemptLimiter(now)}
}

// Names lists the accounts' names.
func (a *Accounts) Names(ctx context.Context) ([]string, error) {
	all, err := a.store.Accounts(ctx)
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.Name
	}
	return names, err
}

// ByName returns the named account with what applies to it, or fails with ErrNotFound.
func (a *Accounts) ByName(ctx context.Context, name string) (Account, error) {
	kept, err := a.store.AccountByName(ctx, name)
	if err != nil {
		return Account{}, err
	}
	return a.resolve(kept)
}

// Settings returns the settings that the named account overrides, or fails with ErrNotFound.
func (a *Accounts) Settings(ctx context.Context, name string) (Settings, error) {
	kept, err := a.store.AccountByName(ctx, name)
	if err != nil {
		return Settings{}, err
	}
	return settingsOf(kept)
}

// SetSettings replaces the named account's settings; the next request already has them. It fails with ErrNotFound.
func (a *Accounts) SetSettings(ctx context.Context, name string, s Settings) error {
	if err := s.validate(); err != nil {
		return err
	}
	kept, err := a.store.AccountByName(ctx, name)
	if err != nil {
		return err
	}
	kept.MonthlyQuota, kept.RatePerSecond = s.MonthlyQuota, s.RatePerSecond
	if kept.Settings, err = json.Marshal(s); err != nil {
		return err
	}
	return a.store.SetAccount(ctx, kept)
}

func settingsOf(kept store.Account) (s Settings, err error) {
	if err := json.Unmarshal(kept.Settings, &s); err != nil {
		return s, fmt.Errorf("settings of account %s: %w", kept.Name, err)
	}
	return s, nil
}

// resolve fills the defaults in.
func (a *Accounts) resolve(kept store.Account) (Account, error) {
	s, err := settingsOf(kept)
	return Account{
		ID: kept.ID, Name: kept.Name,
		PictureThreshold:       valueOr(s.PictureThreshold, a.defaults.PictureThreshold),
		RecordingThreshold:     valueOr(s.RecordingThreshold, a.defaults.RecordingThreshold),
		FaceLimits:             s.FaceLimits,
		RefuseReplayedPictures: s.RefuseReplayedPictures,
		RetentionDays:          valueOr(s.RetentionDays, a.defaults.RetentionDays),
		MonthlyQuota:           kept.MonthlyQuota,
		RatePerSecond:          kept.RatePerSecond,
	}, err
}

func valueOr[T any](own *T, otherwise T) T {
	if own == nil {
		return otherwise
	}
	return *own
}

// findOrCreate returns the account of that name, adding it where there is none.
func (a *Accounts) findOrCreate(ctx context.Context, name string) (store.Account, error) {
	if err := validateName(name); err != nil {
		return store.Account{}, err
	}
	kept, err := a.store.AccountByName(ctx, name)
	if !errors.Is(err, store.ErrNotFound) {
		return kept, err
	}
	err = a.store.AddAccount(ctx, store.Account{ID: uuid.NewString(), Name: name, Created: a.now(), Settings: []byte("{}")})
	if err != nil && !errors.Is(err, store.ErrExists) { // another process may have been first
		return store.Account{}, err
	}
	return a.store.AccountByName(ctx, name)
}

func validateName(name string) error {
	unprintable := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if name == "" || len(name) > 100 || unprintable || strings.TrimSpace(name) != name {
		return errors.New("an account's name has 1 to 100 bytes, all printable, with no space at its ends")
	}
	return nil
}

// CountRequest counts one request against the account's rate and fails with ErrRate where the second is full. It fails with
// ErrQuota where the month's checks are used up: the early answer, before anything is read. What decides is Keep.
func (a *Accounts) CountRequest(ctx context.Context, acct Account) error {
	if acct.RatePerSecond > 0 {
		if err := a.store.CountRequest(ctx, acct.ID, a.now(), acct.RatePerSecond); err != nil {
			return err
		}
	}
	return a.CheckQuota(ctx, acct)
}

// CheckQuota fails with ErrQuota where the month's checks are used up.
func (a *Accounts) CheckQuota(ctx context.Context, acct Account) error {
	if acct.MonthlyQuota == 0 {
		return nil
	}
	first, next := store.Month(a.now())
	usage, err := a.store.Usage(ctx, acct.ID, first, next)
	if err != nil {
		return err
	}
	var used int64
	for _, day := range usage {
		used += day.Checks
	}
	if used >= acct.MonthlyQuota {
		return ErrQuota
	}
	return nil
}

// Check names one check.
type Check struct {
	// ID is the request's, unique.
	ID       string
	Protocol Protocol
	// Subject is the client's own name for the session, where its protocol has one.
	Subject string
}

// recordTimeout bounds how long a result waits for the store.
const recordTimeout = 10 * time.Second

// RecordCheck keeps the record of a picture's verdict and counts the check, before the reply is written. It fails with ErrQuota
// if concurrent checks have used up the month. Then nothing is stored and the verdict must not be sent. That the client is gone
// does not stop it.
func (a *Accounts) RecordCheck(ctx context.Context, acct Account, c Check, v liveness.Verdict) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	r := store.NewRecord(v)
	r.ID, r.Account, r.Protocol, r.Subject, r.At = c.ID, acct.ID, string(c.Protocol), c.Subject, a.now()
	return store.RetryUntilStored(ctx, func(ctx context.Context) error { return a.store.AddRecord(ctx, r) })
}

// LastCheck returns the latest record of a check for the account's transaction, or fails with ErrNotFound.
func (a *Accounts) LastCheck(ctx context.Context, accountID, transaction string) (Record, error) {
	found, err := a.store.FindRecords(ctx, Filter{Account: accountID, Transaction: transaction, Limit: 1})
	if err == nil && (len(found) == 0 || transaction == "") {
		err = ErrNotFound
	}
	if err != nil {
		return Record{}, err
	}
	return found[0], nil
}

// Sweep forgets the records that are older than their account's retention and says how many, and capture tokens past
// their time. The app calls it from time to time.
func (a *Accounts) Sweep(ctx context.Context) (total int64, err error) {
	if _, err := a.store.DeleteCaptureTokens(ctx, a.now()); err != nil {
		return 0, err
	}
	all, err := a.store.Accounts(ctx)
	if err != nil {
		return 0, err
	}
	for _, kept := range all {
		acct, err := a.resolve(kept)
		if err != nil {
			return total, err
		}
		n, err := a.store.DeleteRecords(ctx, acct.ID, a.now().AddDate(0, 0, -acct.RetentionDays))
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
