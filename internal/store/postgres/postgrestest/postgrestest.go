// Package postgrestest starts a PostgreSQL server for a test. It does not use an installed one.
package postgrestest

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // to make databases
)

// Password is the password of the server's only user.
const Password = "pass-word-of-the-test"

const userName = "bonafide"

// Server is a PostgreSQL server on a port of this machine, with a folder of its own.
type Server struct {
	Port     int
	folder   string
	binaries string
	owner    *syscall.Credential
	process  *exec.Cmd
	exited   chan struct{}
	schemas  atomic.Int64
}

// Start starts a server that ends with the test. Without PostgreSQL on this machine it skips the test. Settings are
// PostgreSQL's, such as fsync=off; by default it is as safe as in earnest.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		t.Skip("PostgreSQL is not there: install the package postgresql")
	}
	folder, err := os.MkdirTemp("", "bonafide-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	s := &Server{folder: folder, binaries: filepath.Dir(slices.Max(found))}
	s.owner = serverCredential(t)
	if s.owner != nil {
		if err := os.Chown(folder, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.initialise(t)
	s.Port = freePort(t)
	if err := os.WriteFile(filepath.Join(s.Data(), "postgresql.auto.conf"), []byte(strings.Join(append([]string{
		"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 300", fmt.Sprint("port = ", s.Port),
	}, settings...), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.owner != nil {
		if err := os.Chown(filepath.Join(s.Data(), "postgresql.auto.conf"), int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.Resume(t)
	t.Cleanup(func() { s.Stop(t, syscall.SIGQUIT) })
	return s
}

// serverCredential returns who runs the server where the test is run by root, whom PostgreSQL refuses.
func serverCredential(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
	return nil
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Data returns the folder that the server keeps its files in.
func (s *Server) Data() string { return filepath.Join(s.folder, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.binaries, name), args...)
	c.Dir = s.folder
	// Should the test be killed, the server stops too.
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Pdeathsig: syscall.SIGQUIT}
	return c
}

func (s *Server) initialise(t testing.TB) {
	t.Helper()
	secret := filepath.Join(s.folder, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := s.command("initdb", "--pgdata", s.Data(), "--username", userName, "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
}

// Resume starts the server, again after Stop, and waits until it answers.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.process, s.exited = s.command("postgres", "-D", s.Data()), make(chan struct{})
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func(process *exec.Cmd, exited chan struct{}) {
		_ = process.Wait()
		close(exited)
	}(s.process, s.exited)
	db := s.open(t)
	defer db.Close()
	for deadline := time.Now().Add(30 * time.Second); db.Ping() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("PostgreSQL did not start:\n%s", said)
		}
	}
}

// Stop ends the server and waits until it is gone: SIGINT rolls back what runs, SIGQUIT is a crash.
func (s *Server) Stop(t testing.TB, how syscall.Signal) {
	t.Helper()
	_ = s.process.Process.Signal(how)
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		_ = s.process.Process.Kill()
		t.Error("PostgreSQL did not stop")
	}
}

func (s *Server) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// URL returns the address of a database.
func (s *Server) URL(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword(userName, Password),
		Host: fmt.Sprint("127.0.0.1:", s.Port), Path: "/" + database}).String()
}

// Schema makes an empty schema and returns the address of its database, with the schema as the one that is used. That is
// as good as a database of its own, and made in a moment.
func (s *Server) Schema(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("test", s.schemas.Add(1))
	db := s.open(t)
	defer db.Close()
	if _, err := db.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	return s.URL("postgres") + "?search_path=" + name
}
