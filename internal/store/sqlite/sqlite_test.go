package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/storetest"
)

// openerFolder, when set, makes the test binary a process that opens the store there and adds an account.
const openerFolder = "BONAFIDE_TEST_OPEN"

func TestMain(m *testing.M) {
	if folder := os.Getenv(openerFolder); folder != "" {
		if err := openAndAdd(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func openAndAdd(folder string) error {
	s, err := Open(context.Background(), folder, true)
	if err != nil {
		return err
	}
	defer s.Close()
	name := fmt.Sprint("process ", os.Getpid())
	return s.AddAccount(context.Background(), store.Account{ID: name, Name: name, Created: time.Now(), Settings: []byte("{}")})
}

func openTest(t testing.TB, folder string) *Store {
	t.Helper()
	s, err := Open(t.Context(), folder, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (one, other store.Store) {
		folder := t.TempDir()
		return openTest(t, folder), openTest(t, folder)
	})
}

func TestManyProcessesOpenANewStoreAtOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	const processes = 12
	running := make([]*exec.Cmd, processes)
	outputs := make([]strings.Builder, processes)
	for i := range running {
		running[i] = exec.Command(os.Args[0])
		running[i].Env = append(os.Environ(), openerFolder+"="+folder)
		running[i].Stderr = &outputs[i]
		if err := running[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, process := range running {
		if err := process.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, outputs[i].String())
		}
	}
	accounts, err := openTest(t, folder).Accounts(t.Context())
	if err != nil || len(accounts) != processes {
		t.Fatalf("%d accounts, error %v; want %d", len(accounts), err, processes)
	}
}

func TestFolderNamesAreTakenAsTheyAre(t *testing.T) {
	for _, name := range []string{"a b", "what?", "100%41", "x#y", "a&_pragma=synchronous(OFF)"} {
		folder := filepath.Join(t.TempDir(), name)
		openTest(t, folder)
		if _, err := os.Stat(filepath.Join(folder, fileName)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOnlyTheOwnerReadsIt(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	s := openTest(t, folder)
	if err := s.AddAccount(t.Context(), store.Account{ID: "a", Name: "a", Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, path := range append(files, folder) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

func TestANewerStoreIsRefused(t *testing.T) {
	folder := t.TempDir()
	s := openTest(t, folder)
	if _, err := s.Writer.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), folder, true)
	if err == nil || !strings.Contains(err.Error(), "newer bonafide") {
		t.Fatalf("error %v", err)
	}
}

func TestEveryConnectionIsSafe(t *testing.T) {
	s := openTest(t, t.TempDir())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		if err := s.Writer.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (error %v), want %q", pragma, got, err, want)
		}
	}
	if _, err := s.Reader.Exec("DELETE FROM accounts"); err == nil {
		t.Error("a reader's connection writes")
	}
}

// A store whose lock another process holds for longer than the wait says that it is unavailable, which is no fault of
// the request.
func TestALockedStoreIsUnavailable(t *testing.T) {
	folder := t.TempDir()
	one, other := openTest(t, folder), openTest(t, folder)
	tx, err := one.Writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // only the lock mattered
	if _, err := other.Writer.Exec("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	err = other.AddAccount(t.Context(), store.Account{ID: "a", Name: "a"})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
}
