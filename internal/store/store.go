// Package store has the interface and types for stored accounts, keys, transactions, records and counts of use. It does not store
// media or secrets, only hashes of secrets. The databases are packages below it, and storetest is the suite that each must pass.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// The errors that callers act on. Implementations wrap them or return them as they are.
var (
	// ErrNotFound: there is no such thing, or it belongs to another account.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name is taken.
	ErrExists = errors.New("exists already")
	// ErrNotOpen: the transaction is spent or its tries are used up.
	ErrNotOpen = errors.New("transaction is not open")
	// ErrQuota: the account has used its checks of this month.
	ErrQuota = errors.New("monthly quota is used up")
	// ErrRate: the account has made its requests of this second.
	ErrRate = errors.New("too many requests in this second")
	// ErrUnavailable: the database does not answer now; the same call may succeed later.
	ErrUnavailable = errors.New("store is unavailable")
)

// Store is everything that is remembered. All methods are safe for concurrent use, also by several processes. Times are
// kept in milliseconds. A method that returns one of the errors above has changed nothing; the deletions, which go in
// parts, may have done some parts.
type Store interface {
	Accounts
	Transactions
	CaptureTokens
	Records
	Fingerprints
	// Ping says whether the store answers and can write. It writes once in ProbeInterval at most, unless a write has
	// failed since.
	Ping(ctx context.Context) error
	// RunTasks runs the tasks from now on, each once per period for all processes of this store, until stop is called. A stop
	// waits for the running task. All processes must give the same tasks.
	RunTasks(ctx context.Context, log *slog.Logger, tasks ...Task) (stop func())
	Close() error
}

// ProbeInterval is how long Ping trusts that a store which could write still can.
const ProbeInterval = 5 * time.Second

// Task is recurring work.
type Task struct {
	// Name is stable and unique.
	Name string
	// Every is the period. The first run is immediate, unless another process ran the task less than a period ago.
	Every time.Duration
	// Do does the work. A failure is logged and Do is called again. A process that is killed during Do leaves the work to
	// another, half an hour later.
	Do func(ctx context.Context) error
}

// Account is a tenant.
type Account struct {
	ID, Name string
	Created  time.Time
	// MonthlyQuota is how many checks a calendar month (UTC) may have; 0: any number.
	MonthlyQuota int64
	// RatePerSecond is how many requests a second may have; 0: any number.
	RatePerSecond int
	// Settings are JSON that only package account reads.
	Settings json.RawMessage
}

// Key is a set of credentials that were created together and are revoked together.
type Key struct {
	// ID is public and names the set where it is listed and revoked.
	ID string
	// Account is the account's ID.
	Account string
	Created time.Time
	// Revoked is zero while the key is valid.
	Revoked time.Time
	// Expires is when the key expires; zero: never.
	Expires time.Time
	// Networks are where the key may be used from; none: from anywhere.
	Networks    []netip.Prefix
	Credentials []Credential
}

// Credential is what one protocol knows a caller by.
type Credential struct {
	// Protocol is the protocol's name, such as "selfie".
	Protocol string
	// Public finds the credential. It is unique in its protocol and no secret.
	Public string
	// Hash is the SHA-256 of the secret.
	Hash [32]byte
}

// ValidCredential is a credential that is valid, the key that it is part of, without the key's other credentials, and the account.
type ValidCredential struct {
	Credential Credential
	Key        Key
	Account    Account
	// Protocols are those that the key has credentials for, sorted.
	Protocols []string
}

// Accounts keeps the tenants, their keys and the rate of their requests.
type Accounts interface {
	// AddAccount fails with ErrExists where the name or the ID is taken.
	AddAccount(ctx context.Context, a Account) error
	// SetAccount replaces the limits and settings of the account with a's ID. It fails with ErrNotFound.
	SetAccount(ctx context.Context, a Account) error
	// AccountByName fails with ErrNotFound.
	AccountByName(ctx context.Context, name string) (Account, error)
	// Accounts lists all accounts by name.
	Accounts(ctx context.Context) ([]Account, error)

	// AddKey fails with ErrExists where the ID or a public part is taken, with ErrNotFound without the account.
	AddKey(ctx context.Context, k Key) error
	// Keys lists all keys, revoked ones too, oldest first, each with its credentials by protocol.
	Keys(ctx context.Context) ([]Key, error)
	// RevokeKey revokes the key for good; the time of the first call stays. It fails with ErrNotFound.
	RevokeKey(ctx context.Context, id string, at time.Time) error
	// FindCredential finds a credential that is neither revoked nor expired at the time, or fails with ErrNotFound.
	FindCredential(ctx context.Context, protocol, public string, at time.Time) (ValidCredential, error)

	// CountRequest counts one request of the account in the second of at. It fails with ErrRate, counting nothing,
	// where that second has had limit requests already, whichever process counted them; clocks may differ by 2 seconds.
	CountRequest(ctx context.Context, account string, at time.Time, limit int) error
}

// Transaction is one challenge. It is open while Spent is zero and TriesLeft is over zero; nothing opens it again.
type Transaction struct {
	ID string
	// Account is the account's ID.
	Account          string
	Phrase           string
	Created, Expires time.Time
	TriesLeft        int
	// Spent is when the transaction was scored; zero: not yet. Score, 0 to 1, has a meaning only then.
	Spent time.Time
	Score float64
}

// Transactions keeps the challenges.
type Transactions interface {
	AddTransaction(ctx context.Context, t Transaction) error
	// Transaction fails with ErrNotFound where there is none or it is another account's.
	Transaction(ctx context.Context, account, id string) (Transaction, error)
	// Settle spends the transaction that r names, at r's time and score, and keeps r, all or nothing. Of any number of
	// calls one succeeds; the others fail with ErrNotOpen. It fails with ErrQuota and ErrExists as Keep does, and then
	// the transaction stays as it is.
	Settle(ctx context.Context, r Record) error
	// UseTry takes one try from the transaction that r names and keeps r, all or nothing. It fails with ErrNotOpen
	// where none is left or the transaction is spent, and with ErrQuota and ErrExists as Keep does.
	UseTry(ctx context.Context, r Record) error
	// DeleteTransactions forgets the transactions that expired before the given time and says how many.
	DeleteTransactions(ctx context.Context, before time.Time) (int64, error)
}

// CaptureToken lets a browser bring the picture or the recording of one transaction, once.
type CaptureToken struct {
	// Hash is the SHA-256 of the token, which itself is kept nowhere.
	Hash [32]byte
	// Account is the account's ID.
	Account     string
	Transaction string
	// Threshold is the score, 0 to 1, that the token's picture is compared with; nil: the account's.
	Threshold        *float64
	Created, Expires time.Time
}

// CaptureTokens keeps the tokens until they are used or past their time.
type CaptureTokens interface {
	// AddCaptureToken fails with ErrExists where the hash is taken, with ErrNotFound without the account.
	AddCaptureToken(ctx context.Context, t CaptureToken) error
	// CaptureToken finds a token that was not used, and the account it belongs to, or fails with ErrNotFound.
	CaptureToken(ctx context.Context, hash [32]byte) (CaptureToken, Account, error)
	// UseCaptureToken uses the token up. Of any number of calls one succeeds; the others fail with ErrNotFound.
	UseCaptureToken(ctx context.Context, hash [32]byte) error
	// DeleteCaptureTokens forgets the tokens that expired before the given time and says how many.
	DeleteCaptureTokens(ctx context.Context, before time.Time) (int64, error)
}

// Record is what stays of a check: its verdict without faces or media, and what it belongs to.
type Record struct {
	// ID is unique; it is the request's.
	ID string
	// Account is the account's ID.
	Account  string
	Protocol string
	// Subject is the client's own name for the session, where its protocol has one.
	Subject string
	// Transaction is the transaction's ID, where there is one.
	Transaction string
	At          time.Time
	Outcome     liveness.Outcome
	// Score, 0 to 1, is nil where the check did not come as far.
	Score     *float64
	Threshold float64
	Reason    liveness.Reason
	Gates     []liveness.Gate
	// Digits is the evidence for each digit of a phrase; nil where the check had none or did not come as far.
	Digits []liveness.Digit
	Models []liveness.ModelRef
	// Fingerprints are what the media is recognised by if it comes again. They are deleted with the record. Only
	// FindFingerprints reads them.
	Fingerprints []liveness.Fingerprint
}

// NewRecord takes from a verdict what may be kept. The caller adds what the record belongs to.
func NewRecord(v liveness.Verdict) Record {
	r := Record{Outcome: v.Outcome, Threshold: v.Threshold, Reason: v.Reason, Gates: v.Gates, Digits: v.Digits, Models: v.Models, Fingerprints: v.Fingerprints}
	if v.Score != nil {
		score := float64(*v.Score)
		r.Score = &score
	}
	return r
}

// Usage is how many checks of one protocol an account had on one day (UTC).
type Usage struct {
	// Day is written as 2006-01-02.
	Day      string
	Protocol string
	Checks   int64
}

// Filter picks records. A zero field picks every record, except Limit.
type Filter struct {
	// Account is the account's ID.
	Account, Protocol, Transaction string
	Outcome                        liveness.Outcome
	Reason                         liveness.Reason
	// From is inclusive, To exclusive.
	From, To time.Time
	// Limit is how many records there are at most; 0: none.
	Limit int
}

// Records keeps what stays of the checks, and how many there were.
type Records interface {
	// AddRecord adds the record and counts it in the use of its day. It fails with ErrExists if the record exists already. It
	// fails with ErrQuota and stores nothing if the account's month has had MonthlyQuota checks. No more than that succeed, of
	// any number of calls.
	AddRecord(ctx context.Context, r Record) error
	// Records lists the account's records from newest to oldest, limit at most.
	Records(ctx context.Context, account string, limit int) ([]Record, error)
	// FindRecords lists the records of all accounts that the filter picks, from newest to oldest.
	FindRecords(ctx context.Context, f Filter) ([]Record, error)
	// DeleteRecords forgets the account's records from before the given time and says how many. Counts of use stay.
	DeleteRecords(ctx context.Context, account string, before time.Time) (int64, error)
	// Erase deletes the account's records of the reference immediately, and its transaction if it names one.
	// Nothing of them is left in any table; counts of use, which name nobody, stay.
	Erase(ctx context.Context, account string, r Reference) (Erased, error)
	// Usage lists the account's use from the day of from (inclusive) to the day of to (exclusive), by day and protocol.
	Usage(ctx context.Context, account string, from, to time.Time) ([]Usage, error)
	// RollUp adds up the use of each month before that of the given time, and stores the sum at the month's first day. It says
	// how many days went into their month.
	RollUp(ctx context.Context, before time.Time) (int64, error)
}

// FoundFingerprint is a fingerprint of media that was checked before, and what its record belongs to.
type FoundFingerprint struct {
	liveness.Fingerprint
	// Record is the record's ID. Account, Transaction and Subject are the record's.
	Record, Account, Transaction, Subject string
}

// Fingerprints finds media that was checked before.
type Fingerprints interface {
	// FindFingerprints lists the fingerprints of each record of which one shares a band with one of those given. It looks in all
	// accounts. The order is not defined, and there are at most MaxFoundFingerprints.
	FindFingerprints(ctx context.Context, like []liveness.Fingerprint) ([]FoundFingerprint, error)
	// Secret returns the secret of that name, 32 random bytes, the same for all processes. The first call creates it.
	Secret(ctx context.Context, name string) ([]byte, error)
}

// MaxFoundFingerprints is the maximum that one lookup returns.
const MaxFoundFingerprints = 4096

// Reference names what is to be erased. One field is set.
type Reference struct {
	// Transaction is a transaction's ID, Session the client's own name for a session (a record's Subject), Request a
	// record's ID.
	Transaction, Session, Request string
}

// Erased says how much was erased.
type Erased struct {
	Records      int64 `json:"records"`
	Transactions int64 `json:"transactions"`
}

// RetryUntilStored retries do while the store is unavailable, until ctx is done. The function do stores a result with AddRecord,
// Settle or UseTry, always with the same record. Where the store did it but its answer was lost, the next time finds the record
// there: done.
func RetryUntilStored(ctx context.Context, do func(ctx context.Context) error) error {
	for again := false; ; again = true {
		err := do(ctx)
		if again && errors.Is(err, ErrExists) {
			return nil
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryInterval):
		}
	}
}

// retryInterval is the time between retries of an unavailable store.
const retryInterval = 100 * time.Millisecond

// Day returns the day of t in UTC as Usage has it.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Month returns the first moment of t's month and of the next, in UTC.
func Month(t time.Time) (first, next time.Time) {
	year, month, _ := t.UTC().Date()
	first = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return first, first.AddDate(0, 1, 0)
}
