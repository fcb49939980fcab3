package recurring

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
)

func TestOneWarningAMinute(t *testing.T) {
	var text strings.Builder
	last := new(atomic.Int64)
	log := slog.New(quieter{slog.NewTextHandler(&text, nil), last}).With("a", "b")
	for range 5 {
		log.Error("the database is away")
		log.Info("River does something")
	}
	if n := strings.Count(text.String(), "level=WARN"); n != 1 || strings.Count(text.String(), "\n") != 1 {
		t.Errorf("the log has\n%s", text.String())
	}
	last.Add(-quiet) // a minute later
	log.Warn("it is still away")
	if n := strings.Count(text.String(), "level=WARN"); n != 2 {
		t.Errorf("a minute later the log has\n%s", text.String())
	}
}
