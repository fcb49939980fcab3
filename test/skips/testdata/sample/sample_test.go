// Package sample has a test of each result, for the tests of package skips.
package sample

import (
	"os"
	"testing"
)

func TestPasses(t *testing.T) { t.Log("quiet") }

func TestSkips(t *testing.T) {
	t.Run("below", func(t *testing.T) { t.Skip("the model is missing") })
}

func TestFails(t *testing.T) {
	if os.Getenv("SAMPLE_FAILS") != "" {
		t.Error("a number is wrong")
	}
}

func TestCrashes(t *testing.T) {
	if os.Getenv("SAMPLE_CRASHES") != "" {
		t.Log("before the crash")
		os.Exit(3)
	}
}
