package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/relational"
	"github.com/bonafide-id/bonafide/internal/store/storetest"
	"github.com/bonafide-id/bonafide/liveness"
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

func TestManyProcessesOpenANewStore(t *testing.T) {
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

func TestFolderNamesAreUsedUnchanged(t *testing.T) {
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

// A store whose lock another process holds for longer than the wait says that it is unavailable, which is not an error of
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

func TestOnlyANewStoreThatIsAskedForIsMade(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "mistyped")
	if _, err := Open(t.Context(), folder, false); !errors.Is(err, relational.ErrNoStore) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder was made")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, fileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), folder, false); !errors.Is(err, relational.ErrNoStore) {
		t.Errorf("an empty file: %v", err)
	}
}

func TestADamagedStoreSaysWhatToDo(t *testing.T) {
	for name, damage := range map[string]func(content []byte) []byte{
		"no database at all": func([]byte) []byte { return []byte(strings.Repeat("this is a text, not a database. ", 500)) },
		"its schema lost":    func(c []byte) []byte { copy(c[100:4096], strings.Repeat("\xa5", 4096)); return c },
		"cut off":            func(c []byte) []byte { return c[:5000] },
	} {
		folder := t.TempDir()
		openTest(t, folder).Close()
		path := filepath.Join(folder, fileName)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), folder, true); err == nil {
			s.Close()
			t.Errorf("%s: it opens", name)
		} else if !strings.Contains(err.Error(), "backup") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was erased, or was past its time, stands in no byte of any file, while the store stays open and others read it.
func TestErasedMeansGoneFromTheFiles(t *testing.T) {
	folder := t.TempDir()
	s, reader := openTest(t, folder), openTest(t, folder)
	if err := s.AddAccount(t.Context(), store.Account{ID: "a", Name: "a", Created: time.Now(), Settings: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	const records = 120
	now := time.Now()
	session := func(i int) string {
		return fmt.Sprintf("session-of-a-person-%04d-%x", i, sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	for i := range records {
		r := store.Record{ID: uuid.NewString(), Account: "a", Protocol: "faceliveness", Subject: session(i), At: now,
			Gates: []liveness.Gate{{Name: strings.Repeat(session(i), i%40)}}} // some so long that they fill pages of their own
		if i%4 == 0 {
			r.At = now.AddDate(0, 0, -31)
		}
		if i%4 == 1 { // as LipSecure: nothing but the transaction names the person
			r.Transaction, r.Subject, r.Gates = session(i), "", nil
			if err := s.AddTransaction(t.Context(), store.Transaction{ID: r.Transaction, Account: "a", Created: now, Expires: now, TriesLeft: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddRecord(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	found := func(i int) bool {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(files) < 3 {
			t.Fatal(files, err)
		}
		for _, path := range files {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(content, []byte(session(i))) {
				return true
			}
		}
		return false
	}
	for i := range records {
		if !found(i) {
			t.Fatalf("session %d is nowhere: the test looks at the wrong files", i)
		}
	}
	stop, reading := make(chan struct{}), sync.WaitGroup{}
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				if _, err := reader.Records(t.Context(), "a", 1000); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if n, err := s.DeleteRecords(t.Context(), "a", now.AddDate(0, 0, -30)); err != nil || n != records/4 {
		t.Fatalf("%d records were past their time, error %v", n, err)
	}
	for i := range records {
		var want store.Erased
		var what store.Reference
		switch i % 4 {
		case 1:
			what, want = store.Reference{Transaction: session(i)}, store.Erased{Records: 1, Transactions: 1}
		case 2:
			what, want = store.Reference{Session: session(i)}, store.Erased{Records: 1}
		default:
			continue
		}
		if got, err := s.Erase(t.Context(), "a", what); err != nil || got != want {
			t.Fatalf("session %d: %+v, error %v", i, got, err)
		}
	}
	close(stop)
	reading.Wait()
	for i := range records {
		if kept := i%4 == 3; found(i) != kept {
			t.Errorf("session %d: found in the files: %v, want %v", i, !kept, kept)
		}
	}
}

func BenchmarkTakeAndSettle(b *testing.B) {
	storetest.BenchmarkFindAndSettle(b, openTest(b, b.TempDir()))
}

func BenchmarkAdmit(b *testing.B) {
	storetest.BenchmarkCountRequest(b, openTest(b, b.TempDir()))
}

// max_page_count stands for a full disk: SQLite reports both with the same error, SQLITE_FULL.
func TestAFullStoreIsNotReady(t *testing.T) {
	s := openTest(t, t.TempDir())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Ping(t.Context()))
	must(s.AddAccount(t.Context(), store.Account{ID: "a", Name: "a", Settings: []byte("{}")}))
	var pages int
	must(s.Writer.QueryRow("PRAGMA max_page_count = 1").Scan(&pages)) // the file stays as long as it is
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		err = s.AddTransaction(t.Context(), store.Transaction{ID: fmt.Sprint(i), Account: "a", TriesLeft: 1})
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the store was not filled: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a full store: %v", err)
	}
	must(s.Writer.QueryRow("PRAGMA max_page_count = 100000").Scan(&pages))
	must(s.Ping(t.Context()))
}

func TestAReadOnlyStoreIsNotReady(t *testing.T) {
	s := openTest(t, t.TempDir())
	if _, err := s.Writer.Exec("PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

// However often readiness is asked, the store is written to once in a while only, and nothing stays.
func TestReadinessWritesSeldom(t *testing.T) {
	s := openTest(t, t.TempDir())
	changes := func() (n int) {
		t.Helper()
		if err := s.Writer.QueryRow("SELECT total_changes()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, began := changes(), time.Now()
	for range 200 {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	most := 2 * (1 + int(time.Since(began)/store.ProbeInterval)) // a row in and out
	if n := changes() - before; n < 2 || n > most {
		t.Errorf("%d changes, want 2 to %d", n, most)
	}
	if accounts, err := s.Accounts(t.Context()); err != nil || len(accounts) != 0 {
		t.Errorf("accounts %v, error %v", accounts, err)
	}
}
