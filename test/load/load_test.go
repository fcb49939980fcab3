package main

import (
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/test/process"
)

// TestSoak is a short soak: it holds that nothing is left behind, and says nothing of speed.
func TestSoak(t *testing.T) {
	if _, err := process.Models(process.Root); err != nil {
		t.Skip(err)
	}
	if _, err := process.Portrait(process.Root); err != nil {
		t.Skip(err)
	}
	target, err := newTarget(process.Root)
	if err != nil {
		t.Fatal(err)
	}
	var report strings.Builder
	err = soak(t.Context(), target, 20*time.Second, &report)
	t.Log(report.String())
	if err != nil {
		t.Error(err)
	}
	if err := target.stop(); err != nil {
		t.Error(err)
	}
}
