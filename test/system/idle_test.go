package system

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// idle is how long a server is watched that has nothing to do.
const idle = 5 * time.Second

// An idle server writes nothing into its store, and says nothing at its stop that somebody should look into.
func TestAnIdleServerIsQuiet(t *testing.T) {
	s := launch(t, t.TempDir())
	file := filepath.Join(s.data, "bonafide.db")
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // data_version is of one connection: it changes when another one has written
	read := func(query string, args ...any) (n int) {
		t.Helper()
		if err := db.QueryRow(query, args...).Scan(&n); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return n
	}
	hourly := func() int {
		return read("SELECT count(*) FROM tasks WHERE due > $1", time.Now().Add(45*time.Minute).UnixMilli())
	}
	for deadline := time.Now().Add(30 * time.Second); hourly() < 3; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the recurring tasks were not done within half a minute:\n%s", s.logs)
		}
	}
	said := len(s.logs.String()) // the start may warn
	version, frames := read("PRAGMA data_version"), fileSize(t, file+"-wal")
	time.Sleep(idle)
	if v, size := read("PRAGMA data_version"), fileSize(t, file+"-wal"); v != version || size != frames {
		t.Errorf("the idle server wrote into its store: data version %d, then %d; write-ahead log of %d bytes, then %d", version, v, frames, size)
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	code, log := s.command.ProcessState.ExitCode(), s.logs.String()[said:]
	if code != 0 || strings.Contains(log, `"WARN"`) || strings.Contains(log, `"ERROR"`) {
		t.Errorf("exit status %d, the log has\n%s", code, log)
	}
}

func fileSize(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
