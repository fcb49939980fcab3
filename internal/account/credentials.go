package account

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
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

// Credentials are one key: what a client needs for each of the protocols. They exist only while they are shown; what
// is kept are the public parts and hashes of the secrets.
//
// Every secret has 128 bits from the system's random source. Nobody finds such a secret by trying, however fast the
// hash is, so a single SHA-256 does; a slow hash is for what people make up.
type Credentials struct {
	Account string `json:"account"`
	// APIKey is LipSecure's X-API-Key.
	APIKey string `json:"api_key"`
	// AppID, which is public, and AppKey are the selfie protocol's.
	AppID  string `json:"app_id"`
	AppKey string `json:"app_key"`
	// Username, which is public, and Password are the face liveness protocol's.
	Username string `json:"username"`
	Password string `json:"password"`
}

const (
	secretBytes = 16
	publicBytes = 8
	keyIDBytes  = 4
)

// Create makes a new key for the named account, and the account where there is none.
func (a *Accounts) Create(ctx context.Context, name string) (Credentials, error) {
	kept, err := a.named(ctx, name)
	if err != nil {
		return Credentials{}, err
	}
	c := Credentials{
		Account: name,
		APIKey:  random(secretBytes),
		AppID:   random(publicBytes), AppKey: random(secretBytes),
		Username: random(publicBytes), Password: random(secretBytes),
	}
	return c, a.store.AddKey(ctx, store.Key{
		ID: random(keyIDBytes), Account: kept.ID, Created: a.now(),
		Credentials: []store.Credential{
			credential(LipSecure, "", c.APIKey),
			credential(Selfie, c.AppID, c.AppKey),
			credential(FaceLiveness, c.Username, c.Password),
		},
	})
}

// random returns n bytes of the system's random source in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // it never fails: it ends the program instead
	return hex.EncodeToString(b)
}

// credential is what is kept of a secret. A secret that comes without a public part is found by half of its hash.
func credential(p Protocol, public, secret string) store.Credential {
	hash := sha256.Sum256([]byte(secret))
	return store.Credential{Protocol: string(p), Public: cmp.Or(public, hex.EncodeToString(hash[:16])), Hash: hash}
}

// Authenticate finds the account that the credentials of the protocol belong to, or fails with ErrUnauthorized. LipSecure
// has no public part; give "". Unknown credentials cost the same work as wrong ones, and the comparison takes the same
// time wherever it fails.
func (a *Accounts) Authenticate(ctx context.Context, p Protocol, public, secret string) (Account, error) {
	shown := credential(p, public, secret)
	kept, owner, err := a.store.FindCredential(ctx, shown.Protocol, shown.Public)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Account{}, err
	}
	// Without a credential, kept.Hash is all zero, which no secret is known to hash to; err decides all the same.
	same := subtle.ConstantTimeCompare(shown.Hash[:], kept.Hash[:]) == 1
	if !same || err != nil {
		return Account{}, ErrUnauthorized
	}
	return a.resolve(owner)
}

// Key is what may be shown of a key after its creation.
type Key struct {
	ID      string     `json:"id"`
	Account string     `json:"account"`
	Created time.Time  `json:"created"`
	Revoked *time.Time `json:"revoked,omitempty"`
	// AppID and Username are the public parts of the credentials.
	AppID    string `json:"app_id"`
	Username string `json:"username"`
}

// List returns all keys, revoked ones too, oldest first.
func (a *Accounts) List(ctx context.Context) ([]Key, error) {
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
		keys[i] = Key{ID: k.ID, Account: names[k.Account], Created: k.Created}
		if !k.Revoked.IsZero() {
			keys[i].Revoked = &k.Revoked
		}
		for _, c := range k.Credentials {
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

// Revoke ends a key, all its credentials, at once and for good. It fails with ErrNotFound.
func (a *Accounts) Revoke(ctx context.Context, keyID string) error {
	return a.store.RevokeKey(ctx, keyID, a.now())
}
