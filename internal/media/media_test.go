package media

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	MaybeConfine()
	os.Exit(m.Run())
}
