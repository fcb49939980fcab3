package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/postgres/postgrestest"
	"github.com/bonafide-id/bonafide/internal/store/relational"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
	"github.com/bonafide-id/bonafide/internal/store/storetest"
	"github.com/bonafide-id/bonafide/liveness"
)

// openerURL, when set, makes the test binary a process that opens the store there and adds an account.
const openerURL = "BONAFIDE_TEST_OPEN"

func TestMain(m *testing.M) {
	if url := os.Getenv(openerURL); url != "" {
		if err := openAndAdd(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func openAndAdd(url string) error {
	s, err := Open(context.Background(), url, true)
	if err != nil {
		return err
	}
	defer s.Close()
	name := fmt.Sprint("process ", os.Getpid())
	return s.AddAccount(context.Background(), store.Account{ID: name, Name: name, Created: time.Now(), Settings: []byte("{}")})
}

func openTest(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Every test has a schema of its own on one server, which is stopped when the last has ended.
func TestPostgreSQL(t *testing.T) {
	server := postgrestest.Start(t, "fsync = off")
	t.Run("conformance", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) (one, other store.Store) {
			url := server.Schema(t)
			return openTest(t, url), openTest(t, url)
		})
	})
	for name, test := range map[string]func(*testing.T, *postgrestest.Server){
		"one connection is enough":                     oneConnection,
		"a read-only database is not ready":            readOnlyNotReady,
		"many processes open a new store together":     manyProcesses,
		"only a new store that is asked for is made":   onlyMadeWhenAsked,
		"a newer store is refused":                     newerRefused,
		"no error shows the password":                  passwordHidden,
		"erased means gone from every table":           erasedIsGone,
		"the embedded store is copied":                 testCopy,
		"a copy into a store that is not empty":        copyRefused,
		"every table is copied":                        everyTableCopied,
		"no quota is overdrawn by any number of pools": quotaOfManyPools,
		"who hangs up costs no connection":             hangingUp,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
	t.Run("away and back", func(t *testing.T) { awayAndBack(t, server) }) // the last: it stops the server
}

func manyProcesses(t *testing.T, server *postgrestest.Server) {
	url := server.Schema(t)
	const processes = 12
	running := make([]*exec.Cmd, processes)
	outputs := make([]strings.Builder, processes)
	for i := range running {
		running[i] = exec.Command(os.Args[0])
		running[i].Env = append(os.Environ(), openerURL+"="+url)
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
	accounts, err := openTest(t, url).Accounts(t.Context())
	if err != nil || len(accounts) != processes {
		t.Fatalf("%d accounts, error %v; want %d", len(accounts), err, processes)
	}
}

func onlyMadeWhenAsked(t *testing.T, server *postgrestest.Server) {
	url := server.Schema(t)
	if _, err := Open(t.Context(), url, false); !errors.Is(err, relational.ErrNoStore) {
		t.Fatalf("error %v", err)
	}
	if tables := texts(t, url, "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"); tables != "" {
		t.Errorf("tables were made: %s", tables)
	}
	openTest(t, url).Close()
	s, err := Open(t.Context(), url, false)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func newerRefused(t *testing.T, server *postgrestest.Server) {
	url := server.Schema(t)
	s := openTest(t, url)
	if _, err := s.Writer.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), url, true); err == nil || !strings.Contains(err.Error(), "newer bonafide") {
		t.Fatalf("error %v", err)
	}
}

func passwordHidden(t *testing.T, server *postgrestest.Server) {
	const secret = "Geheimnis"
	for _, url := range []string{
		"postgres://bonafide:" + secret + "@127.0.0.1:1/x",                               // nobody there
		fmt.Sprintf("postgres://bonafide:%s@127.0.0.1:%d/postgres", secret, server.Port), // the wrong password
		fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/none", "bonafide", postgrestest.Password, server.Port),
		"postgres://bonafide:" + secret + "%zz@127.0.0.1/x",
		"postgres://bonafide:" + secret + "@127.0.0.1:port/x",
		"postgres://bonafide:" + secret + "/with#special?signs@127.0.0.1/x",
		"host=127.0.0.1 port=1 password=" + secret,
		"host=127.0.0.1 port=x password='" + secret,
		"postgres//bonafide:" + secret + "@127.0.0.1/x",
		secret,
	} {
		_, err := Open(t.Context(), url, true)
		if err == nil {
			t.Fatalf("%s opens", url)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err.Error()); strings.Contains(text, secret) || strings.Contains(text, postgrestest.Password) {
			t.Errorf("%s: the error shows the password: %s", url, text)
		}
	}
}

// texts returns a query's first column, a line each, as the database has it.
func texts(t *testing.T, url, query string) string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	rows, err := connection.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// dumpTables returns every row of every table that there is, the queue's too, as text.
func dumpTables(t *testing.T, url string) string {
	t.Helper()
	var all strings.Builder
	for table := range strings.SplitSeq(texts(t, url, "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = current_schema()"), "\n") {
		all.WriteString(texts(t, url, "SELECT row_to_json(x)::text FROM "+table+" x"))
	}
	return all.String()
}

func erasedIsGone(t *testing.T, server *postgrestest.Server) {
	url := server.Schema(t)
	s := openTest(t, url)
	now := time.Now()
	addAccount(t, s)
	if err := s.AddTransaction(t.Context(), store.Transaction{ID: "id-of-a-transaction", Account: "a", Created: now, Expires: now, TriesLeft: 1}); err != nil {
		t.Fatal(err)
	}
	for id, r := range map[string]store.Record{
		"r1": {Subject: "name-of-a-session"}, "r2": {Transaction: "id-of-a-transaction"}, "id-of-a-request": {},
		"r4": {Subject: "past-its-time", At: now.AddDate(0, 0, -31)}, "r5": {Subject: "kept-by-all"},
	} {
		r.ID, r.Account = id, "a"
		if r.At.IsZero() {
			r.At = now
		}
		if err := s.AddRecord(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"name-of-a-session", "id-of-a-transaction", "id-of-a-request", "past-its-time"}
	before := dumpTables(t, url)
	for _, reference := range []store.Reference{{Session: names[0]}, {Transaction: names[1]}, {Request: names[2]}} {
		if _, err := s.Erase(t.Context(), "a", reference); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.DeleteRecords(t.Context(), "a", now.AddDate(0, 0, -30)); err != nil {
		t.Fatal(err)
	}
	after := dumpTables(t, url)
	for _, name := range names {
		if !strings.Contains(before, name) || strings.Contains(after, name) {
			t.Errorf("%s: there before %v, after %v", name, strings.Contains(before, name), strings.Contains(after, name))
		}
	}
	if !strings.Contains(after, "kept-by-all") {
		t.Error("more was erased than was asked for")
	}
	// The files still have what PostgreSQL has not overwritten, until they are rewritten, as docs/postgresql.md says.
	for _, statement := range []string{"VACUUM FULL records", "VACUUM FULL transactions", "CHECKPOINT"} {
		if _, err := s.Writer.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	files := contents(t, filepath.Join(server.Data(), "base"))
	for _, name := range names {
		if bytes.Contains(files, []byte(name)) {
			t.Errorf("%s stands in a file", name)
		}
	}
	if !bytes.Contains(files, []byte("kept-by-all")) {
		t.Error("the test looks at the wrong files")
	}
}

// contents returns the bytes of all files below a folder.
func contents(t *testing.T, folder string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) { // PostgreSQL goes on meanwhile
			return nil
		}
		all = append(all, content...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func addAccount(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.AddAccount(t.Context(), store.Account{ID: "a", Name: "a", Created: time.Now(), Settings: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
}

// filledStore returns an embedded store with something in every table.
func filledStore(t *testing.T, records int) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	addAccount(t, s)
	must(s.AddKey(t.Context(), store.Key{ID: "k", Account: "a", Created: now, Expires: now.Add(time.Hour),
		Networks:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Credentials: []store.Credential{{Protocol: "lipsecure", Public: "p", Hash: sha256.Sum256([]byte("s"))}}}))
	must(s.AddKey(t.Context(), store.Key{ID: "k2", Account: "a", Created: now, Revoked: now,
		Credentials: []store.Credential{{Protocol: "lipsecure", Public: "p2", Hash: sha256.Sum256([]byte("s2"))}}}))
	must(s.CountRequest(t.Context(), "a", now, 5))
	must(s.AddTransaction(t.Context(), store.Transaction{ID: "open", Account: "a", Phrase: "123456", Created: now, Expires: now, TriesLeft: 2}))
	must(s.AddTransaction(t.Context(), store.Transaction{ID: "spent", Account: "a", Phrase: "654321", Created: now, Expires: now, TriesLeft: 2}))
	score := 0.625
	must(s.Settle(t.Context(), store.Record{ID: "settled", Account: "a", Protocol: "lipsecure", Transaction: "spent", At: now, Score: &score,
		Gates:        []liveness.Gate{{Name: "lips", Passed: true, Measure: 0.5}},
		Fingerprints: []liveness.Fingerprint{{Bits: [liveness.FingerprintBytes]byte{1, 0, 255}, At: time.Second}}}))
	_, err = s.Secret(t.Context(), "salt")
	must(err)
	must(s.AddCaptureToken(t.Context(), store.CaptureToken{Hash: sha256.Sum256([]byte("t")), Account: "a", Transaction: "open", Created: now, Expires: now}))
	for i := range records {
		must(s.AddRecord(t.Context(), store.Record{ID: fmt.Sprint("r", i), Account: "a", Protocol: "faceliveness", Subject: fmt.Sprint("ü ", i), At: now}))
	}
	return s
}

func testCopy(t *testing.T, server *postgrestest.Server) {
	source := filledStore(t, 300)
	target := openTest(t, server.Schema(t))
	reports, last := 0, 0
	counts, err := target.Copy(t.Context(), &source.Store, func(done, total int) { reports, last = reports+1, total-done })
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, c := range counts {
		if c.Rows == 0 {
			t.Errorf("%s has no row: the test copies nothing of it", c.Table)
		}
		total += c.Rows
	}
	if reports != total || last != 0 {
		t.Errorf("%d reports for %d rows, %d left at the last", reports, total, last)
	}
	for what, ask := range map[string]func(s store.Store) (any, error){
		"accounts":   func(s store.Store) (any, error) { return s.Accounts(t.Context()) },
		"keys":       func(s store.Store) (any, error) { return s.Keys(t.Context()) },
		"credential": func(s store.Store) (any, error) { return s.FindCredential(t.Context(), "lipsecure", "p", time.Now()) },
		"open":       func(s store.Store) (any, error) { return s.Transaction(t.Context(), "a", "open") },
		"spent":      func(s store.Store) (any, error) { return s.Transaction(t.Context(), "a", "spent") },
		"records":    func(s store.Store) (any, error) { return s.Records(t.Context(), "a", 1000) },
		"usage": func(s store.Store) (any, error) {
			return s.Usage(t.Context(), "a", time.Now().AddDate(0, 0, -2), time.Now().AddDate(0, 0, 2))
		},
		"one session": func(s store.Store) (any, error) { return s.Erase(t.Context(), "a", store.Reference{Session: "ü 7"}) },
	} {
		want, err := ask(source)
		if err != nil {
			t.Fatal(what, err)
		}
		if got, err := ask(target); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v (error %v)\nwant %+v", what, got, err, want)
		}
	}
}

func copyRefused(t *testing.T, server *postgrestest.Server) {
	url := server.Schema(t)
	target := openTest(t, url)
	addAccount(t, target)
	before := dumpTables(t, url)
	_, err := target.Copy(t.Context(), &filledStore(t, 1).Store, func(int, int) {})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("error %v", err)
	}
	if after := dumpTables(t, url); after != before {
		t.Errorf("it was changed:\n%s\nto\n%s", before, after)
	}
}

// A table that a migration adds must be copied too, and be the same in both databases.
func everyTableCopied(t *testing.T, server *postgrestest.Server) {
	url := server.Schema(t)
	openTest(t, url)
	inPostgres := texts(t, url, `SELECT table_name || ' ' || string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name NOT LIKE 'goose%' GROUP BY table_name ORDER BY table_name`)
	rows, err := filledStore(t, 0).Reader.Query(`SELECT t.name || ' ' || group_concat(c.name, ',' ORDER BY c.name) FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'goose%' AND t.name NOT LIKE 'sqlite%' GROUP BY t.name ORDER BY t.name`)
	if err != nil {
		t.Fatal(err)
	}
	var inSQLite []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		table, _, _ := strings.Cut(line, " ")
		if !slices.Contains(relational.Tables, table) && table != "tasks" { // what the servers on one store tell each other
			t.Errorf("%s is not copied: add it to relational.Tables", table)
		}
		inSQLite = append(inSQLite, line)
	}
	if got := strings.Join(inSQLite, "\n"); got != inPostgres {
		t.Errorf("SQLite has\n%s\nPostgreSQL has\n%s", got, inPostgres)
	}
}

func quotaOfManyPools(t *testing.T, server *postgrestest.Server) {
	url := server.Schema(t)
	const pools, calls, quota, rate = 4, 15, 20, 15
	now := time.Now()
	first := openTest(t, url)
	if err := first.AddAccount(t.Context(), store.Account{ID: "a", Name: "a", Created: now, MonthlyQuota: quota, Settings: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	var kept, admitted atomic.Int64
	var all sync.WaitGroup
	for p := range pools {
		s := openTest(t, url)
		for c := range calls {
			all.Go(func() {
				switch err := s.AddRecord(t.Context(), store.Record{ID: fmt.Sprint(p, "-", c), Account: "a", At: now}); {
				case err == nil:
					kept.Add(1)
				case !errors.Is(err, store.ErrQuota):
					t.Error(err)
				}
				switch err := s.CountRequest(t.Context(), "a", now, rate); {
				case err == nil:
					admitted.Add(1)
				case !errors.Is(err, store.ErrRate):
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if kept.Load() != quota || admitted.Load() != rate {
		t.Errorf("of %d calls %d checks were kept, the quota is %d; %d requests were admitted, the rate is %d", pools*calls, kept.Load(), quota, admitted.Load(), rate)
	}
}

// A call whose client is gone goes on to its end, since to break it off would break off its connection.
func hangingUp(t *testing.T, server *postgrestest.Server) {
	s := openTest(t, server.Schema(t))
	addAccount(t, s)
	lock, err := s.Writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec("SELECT 1 FROM accounts FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	const clients = 5
	results := make(chan error, clients)
	ctx, hangUp := context.WithCancel(t.Context())
	for i := range clients {
		go func() { results <- s.AddRecord(ctx, store.Record{ID: fmt.Sprint(i), Account: "a", At: time.Now()}) }()
	}
	for waiting := 0; waiting < clients; time.Sleep(10 * time.Millisecond) {
		if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	made := s.pool.Stat().NewConnsCount()
	hangUp()
	time.Sleep(50 * time.Millisecond)
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	for range clients {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := s.AddRecord(ctx, store.Record{ID: "after", Account: "a", At: time.Now()}); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that begins after its client is gone: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if now := s.pool.Stat().NewConnsCount(); now != made {
		t.Errorf("%d new connections were made", now-made)
	}
}

// While the server is unavailable every call says so, without waiting for its timeout. When the server is back the same store
// works again.
func awayAndBack(t *testing.T, server *postgrestest.Server) {
	s := openTest(t, server.Schema(t))
	addAccount(t, s)
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		server.Stop(t, how)
		for range 3 {
			if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "no answer in time") {
				t.Errorf("ping: %v", err)
			}
			err := s.AddRecord(t.Context(), store.Record{ID: "x", Account: "a", At: time.Now()})
			if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "no answer in time") {
				t.Errorf("keep: %v", err)
			}
		}
		server.Resume(t)
		if err := store.RetryUntilStored(t.Context(), func(ctx context.Context) error {
			return s.AddRecord(ctx, store.Record{ID: how.String(), Account: "a", At: time.Now()})
		}); err != nil {
			t.Errorf("after the server is back: %v", err)
		}
	}
}

func BenchmarkTakeAndSettle(b *testing.B) {
	storetest.BenchmarkFindAndSettle(b, openTest(b, postgrestest.Start(b).Schema(b)))
}

func BenchmarkAdmit(b *testing.B) {
	storetest.BenchmarkCountRequest(b, openTest(b, postgrestest.Start(b).Schema(b)))
}

// A store that may have one connection opens, also as a new one, and does all that a server asks of it.
func oneConnection(t *testing.T, server *postgrestest.Server) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Open(ctx, server.Schema(t)+"&pool_max_conns=1", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ran := make(chan struct{})
	stop := s.RunTasks(ctx, slog.New(slog.DiscardHandler), store.Task{Name: "task", Every: time.Hour, Do: func(ctx context.Context) error {
		defer close(ran)
		_, err := s.DeleteTransactions(ctx, time.Now().Add(-time.Hour))
		return err
	}})
	defer stop()
	addAccount(t, s)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			id, now := fmt.Sprint("transaction ", i), time.Now()
			if err := s.AddTransaction(ctx, store.Transaction{ID: id, Account: "a", Phrase: "123456", Created: now, Expires: now.Add(time.Hour), TriesLeft: 1}); err != nil {
				t.Error(err)
			}
			score := 0.5
			if err := s.Settle(ctx, store.Record{ID: id, Account: "a", Transaction: id, At: now, Score: &score}); err != nil {
				t.Error(err)
			}
			if err := s.Ping(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	select {
	case <-ran:
	case <-ctx.Done():
		t.Error("the task did not run")
	}
}

func readOnlyNotReady(t *testing.T, server *postgrestest.Server) {
	s := openTest(t, server.Schema(t)+"&pool_max_conns=1") // one connection, whose session the test changes
	addAccount(t, s)
	set := func(mode string) {
		t.Helper()
		if _, err := s.Writer.ExecContext(t.Context(), "SET SESSION CHARACTERISTICS AS TRANSACTION READ "+mode); err != nil {
			t.Fatal(err)
		}
	}
	set("ONLY")
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a read-only database: %v", err)
	}
	set("WRITE")
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	// It was asked a moment ago: what tells is the write that fails meanwhile.
	set("ONLY")
	if err := s.AddAccount(t.Context(), store.Account{ID: "b", Name: "b"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a write: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after a write failed: %v", err)
	}
}
