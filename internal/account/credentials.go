package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// Protocol names a protocol; credentials belong to one each.
type Protocol string

// The protocols.
const (
	LipSecure    Protocol = "lipsecure"
	Selfie       Protocol = "selfie"
	FaceLiveness Protocol = "faceliveness"
)

// Protocols are all of them.
var Protocols = []Protocol{LipSecure, Selfie, FaceLiveness}

// Credentials are one key: what a client needs for each of the protocols. They exist only while they are shown; what
// is kept are the public parts and hashes of the secrets.
//
// Every secret has 128 bits from the system's random source. Nobody finds such a secret by trying, however fast the hash is, so a
// single SHA-256 is enough. A slow hash is for passwords that people make up.
type Credentials struct {
	// Key is the key's ID, which lists and revocations name it by.
	Key     string `json:"key"`
	Account string `json:"account"`
	// APIKey is LipSecure's X-API-Key.
	APIKey string `json:"api_key,omitempty"`
	// AppID, which is public, and AppKey are the selfie protocol's.
	AppID  string `json:"app_id,omitempty"`
	AppKey string `json:"app_key,omitempty"`
	// Username, which is public, and Password are the face liveness protocol's.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// Limits are what a key may be bound to. The zero value binds it to nothing.
type Limits struct {
	// Scope are the protocols that the key is for; none: all. The key has no credentials for the others.
	Scope []Protocol
	// Expires is when the key expires; zero: never.
	Expires time.Time
	// Networks are where the key may be used from; none: from anywhere.
	Networks []netip.Prefix
}

// validate returns all errors together.
func (l Limits) validate(now time.Time) (err error) {
	for _, p := range l.Scope {
		if !slices.Contains(Protocols, p) {
			err = errors.Join(err, fmt.Errorf("there is no protocol %q: a key's scope is made of %v", p, Protocols))
		}
	}
	if !l.Expires.IsZero() && !l.Expires.After(now) {
		err = errors.Join(err, fmt.Errorf("a key cannot expire at %s, which is past", l.Expires.UTC().Format(time.DateTime)))
	}
	for _, n := range l.Networks {
		if !n.IsValid() || n != n.Masked() || n.Addr().Is4In6() {
			err = errors.Join(err, fmt.Errorf("%s is not a network: did you mean %s?", n, n.Masked()))
		}
	}
	return err
}

func (l Limits) allows(p Protocol) bool { return len(l.Scope) == 0 || slices.Contains(l.Scope, p) }

const (
	secretBytes = 16
	publicBytes = 8
	keyIDBytes  = 4
)

// CreateKey makes a new key for the named account, and the account where there is none.
func (a *Accounts) CreateKey(ctx context.Context, name string, l Limits) (Credentials, error) {
	if err := l.validate(a.now()); err != nil {
		return Credentials{}, err
	}
	kept, err := a.findOrCreate(ctx, name)
	if err != nil {
		return Credentials{}, err
	}
	c := Credentials{Key: random(keyIDBytes), Account: name}
	key := store.Key{ID: c.Key, Account: kept.ID, Created: a.now(), Expires: l.Expires, Networks: l.Networks}
	if l.allows(LipSecure) {
		c.APIKey = random(secretBytes)
		key.Credentials = append(key.Credentials, credential(LipSecure, "", c.APIKey))
	}
	if l.allows(Selfie) {
		c.AppID, c.AppKey = random(publicBytes), random(secretBytes)
		key.Credentials = append(key.Credentials, credential(Selfie, c.AppID, c.AppKey))
	}
	if l.allows(FaceLiveness) {
		c.Username, c.Password = random(publicBytes), random(secretBytes)
		key.Credentials = append(key.Credentials, credential(FaceLiveness, c.Username, c.Password))
	}
	return c, a.store.AddKey(ctx, key)
}

// random returns n bytes of the system's random source in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // it never fails: it ends the program instead
	return hex.EncodeToString(b)
}

// credential returns what is kept of a secret. A secret that comes without a public part is found by half of its hash.
func credential(p Protocol, public, secret string) store.Credential {
	hash := sha256.Sum256([]byte(secret))
	return store.Credential{Protocol: string(p), Public: cmp.Or(public, hex.EncodeToString(hash[:16])), Hash: hash}
}

// callerKey is where a context has the address that a request came from.
type callerKey struct{}

// WithCaller returns a context that tells Authenticate which address the request came from.
func WithCaller(ctx context.Context, caller netip.Addr) context.Context {
	return context.WithValue(ctx, callerKey{}, caller.Unmap())
}

// Authenticate returns the account of the protocol's credentials. It fails with ErrUnauthorized, also if the key is not for the
// request's network, or with ErrThrottled after too many failed attempts. LipSecure has no public part; give "".
func (a *Accounts) Authenticate(ctx context.Context, p Protocol, public, secret string) (Account, error) {
	shown := credential(p, public, secret)
	try, err := a.attempts.start(ctx, p, public, secret, shown.Hash)
	if err != nil {
		return Account{}, err
	}
	acct, networks, err := a.findAccount(ctx, shown)
	switch {
	case err == nil:
		try.succeed(networks)
	case errors.Is(err, ErrUnauthorized) && secret != "": // who shows none tries none
		try.fail()
	}
	return acct, err
}

// findAccount looks credentials up. Unknown ones cost the same work as wrong ones, and the comparison takes the same time
// wherever it fails.
func (a *Accounts) findAccount(ctx context.Context, shown store.Credential) (acct Account, networks []netip.Prefix, err error) {
	// Nothing is remembered from one request to the next: what was revoked a moment ago, by any process, is refused.
	grant, err := a.store.FindCredential(ctx, shown.Protocol, shown.Public, a.now())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return acct, nil, err
	}
	// Without a credential, the kept hash is all zero, which no secret is known to hash to; err decides all the same.
	same := subtle.ConstantTimeCompare(shown.Hash[:], grant.Credential.Hash[:]) == 1
	if !same || err != nil {
		return acct, nil, ErrUnauthorized
	}
	if !isFromNetworks(ctx, grant.Key.Networks) {
		return acct, nil, fmt.Errorf("%w: key %s is not for calls from %v", ErrUnauthorized, grant.Key.ID, ctx.Value(callerKey{}))
	}
	acct, err = a.resolve(grant.Account)
	acct.scope = strings.Join(grant.Protocols, " ")
	return acct, grant.Key.Networks, err
}

// isFromNetworks reports whether the request comes from one of the networks. Without any it may come from anywhere.
func isFromNetworks(ctx context.Context, networks []netip.Prefix) bool {
	caller, _ := ctx.Value(callerKey{}).(netip.Addr)
	return len(networks) == 0 || slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(caller.WithZone("")) })
}

// Key is what may be shown of a key after its creation.
type Key struct {
	ID      string     `json:"id"`
	Account string     `json:"account"`
	Created time.Time  `json:"created"`
	Revoked *time.Time `json:"revoked,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	// Scope are the protocols that the key has credentials for.
	Scope    []Protocol     `json:"scope"`
	Networks []netip.Prefix `json:"networks,omitempty"`
	// AppID and Username are the public parts of the credentials.
	AppID    string `json:"app_id,omitempty"`
	Username string `json:"username,omitempty"`
}

// Valid reports whether the key can be used at the time.
func (k Key) Valid(at time.Time) bool {
	return k.Revoked == nil && (k.Expires == nil || at.Before(*k.Expires))
}

// ListKeys returns all keys, revoked ones too, oldest first.
func (a *Accounts) ListKeys(ctx context.Context) ([]Key, error) {
	accounts, err := a.store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, one := range accounts {
		names[one.ID] = one.Name
	}
	kept, err := a.store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, len(kept))
	for i, k := range kept {
		keys[i] = Key{ID: k.ID, Account: names[k.Account], Created: k.Created, Networks: k.Networks}
		if !k.Revoked.IsZero() {
			keys[i].Revoked = &k.Revoked
		}
		if !k.Expires.IsZero() {
			keys[i].Expires = &k.Expires
		}
		for _, c := range k.Credentials {
			keys[i].Scope = append(keys[i].Scope, Protocol(c.Protocol))
			switch Protocol(c.Protocol) {
			case Selfie:
				keys[i].AppID = c.Public
			case FaceLiveness:
				keys[i].Username = c.Public
			}
		}
	}
	return keys, nil
}

// RevokeKey ends a key with all its credentials, immediately and for good. It fails with ErrNotFound.
func (a *Accounts) RevokeKey(ctx context.Context, keyID string) error {
	return a.store.RevokeKey(ctx, keyID, a.now())
}
