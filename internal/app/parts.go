// Package app builds every part of the server from the settings and runs them. It does not check media itself.
package app

import (
	"context"
	"fmt"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/face"
	"github.com/bonafide-id/bonafide/internal/infer"
	"github.com/bonafide-id/bonafide/internal/lips"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/pad"
	"github.com/bonafide-id/bonafide/internal/quality"
	"github.com/bonafide-id/bonafide/internal/sound"
	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/postgres"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
)

// StoreLocation says where the store is.
type StoreLocation struct {
	// URL is PostgreSQL's, as package postgres takes it; "": the embedded store in the folder Data.
	URL, Data string
	// Create makes a store where there is none yet.
	Create bool
}

// Open opens the store.
func (p StoreLocation) Open(ctx context.Context) (store.Store, error) {
	if p.URL != "" {
		return postgres.Open(ctx, p.URL, p.Create)
	}
	return sqlite.Open(ctx, p.Data, p.Create)
}

// Accounts opens the store for the commands that manage accounts, also while a server runs on it.
// The function that it returns closes the store.
func Accounts(ctx context.Context, p StoreLocation) (*account.Accounts, func() error, error) {
	s, err := p.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	return account.New(s, account.Defaults{}, nil), s.Close, nil
}

// Checker loads the models and builds the checker that the server, `check` and `eval` share.
func Checker(ctx context.Context, models string, settings config.Checks) (*check.Checker, error) {
	library, err := infer.Open(infer.Config{Folder: models, FreeWeightsOnly: settings.FreeWeightsOnly, Own: settings.OwnModels})
	if err != nil {
		return nil, err
	}
	var parts check.Parts
	if parts.Faces, err = face.New(library); err != nil {
		return nil, err
	}
	if parts.Quality, err = quality.New(library); err != nil {
		return nil, err
	}
	if parts.PAD, err = pad.New(library); err != nil {
		return nil, err
	}
	if parts.Lips, err = lips.New(library); err != nil {
		return nil, err
	}
	if parts.Sound, err = sound.New(library); err != nil {
		return nil, err
	}
	if parts.Decoder, err = media.NewDecoder(ctx); err != nil {
		return nil, err
	}
	if c := parts.Decoder.Confinement(); settings.VideoRequireConfinement && !c.Full() {
		return nil, fmt.Errorf("the decoder process is not fully confined (%+v): use a kernel with Landlock and seccomp, or unset video-require-confinement", c)
	}
	return check.New(parts, check.Config{
		Video: media.VideoLimits{
			MaxDuration: settings.VideoMaxDuration,
			CPUTime:     settings.VideoTimeout,
			MaxMemory:   settings.VideoMemory,
		},
		RefuseEdits: settings.RefuseEdits,
	}), nil
}
