package main

import (
	"context"
	"log/slog"

	"github.com/bonafide-id/bonafide/internal/app"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/protocol"
)

type serveCommand struct {
	Settings config.Config `embed:""`
}

func (s serveCommand) Run(ctx context.Context, line *cli, t terminal) error {
	folder, err := line.modelsFolder()
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(line.LogLevel)); err != nil {
		return usageError{err}
	}
	log := slog.New(protocol.LogHandler{Handler: slog.NewJSONHandler(t.err, &slog.HandlerOptions{Level: level})})
	slog.SetDefault(log)
	return app.Run(ctx, app.Options{Store: line.storeLocation(true), Models: folder, Settings: s.Settings, Log: log, Out: t.out})
}
