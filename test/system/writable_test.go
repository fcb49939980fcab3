package system

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/postgres/postgrestest"
)

// A server whose store may have one connection starts on an empty database and does everything.
func TestOneConnection(t *testing.T) {
	models(t)
	s := replica(t, postgrestest.Start(t, "fsync = off").URL("postgres")+"?pool_max_conns=1", "--first-account", "first")
	c := s.key("one")
	id, phrase := s.challenge(c)
	r, err := s.verify(c, id, []byte("no video"))
	if err != nil {
		t.Fatal(err)
	}
	if m := r.json(t); r.status != http.StatusOK || m["phrase"] != phrase {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.selfie(c, photograph(t, 1), "0.5"); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.must("GET", "/readyz", "", nil, nil); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// While the disk is full the server says that it is not ready; when there is room again it is.
func TestAFullDiskIsNotReady(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("a small disk needs the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := launch(t, folder)
	c := s.key("shop")
	filler := filepath.Join(folder, "filler")
	if err := os.WriteFile(filler, bytes.Repeat([]byte{1}, 16<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	readiness := func(want int) {
		t.Helper()
		var got reply
		for deadline := time.Now().Add(3 * store.ProbeInterval); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if got = s.must("GET", "/readyz", "", nil, nil); got.status == want {
				return
			}
		}
		t.Fatalf("%d %s, want %d", got.status, got.body, want)
	}
	readiness(http.StatusServiceUnavailable)
	if r := s.must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey}); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	readiness(http.StatusOK)
	s.challenge(c)
}
