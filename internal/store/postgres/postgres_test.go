package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/postgres/postgrestest"
	"github.com/bonafide-id/bonafide/internal/store/storetest"
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

func TestConformance(t *testing.T) {
	server := postgrestest.Start(t, "fsync = off")
	storetest.Run(t, func(t *testing.T) (one, other store.Store) {
		url := server.Schema(t)
		return openTest(t, url), openTest(t, url)
	})
}

func TestManyProcessesOpenANewStoreAtOnce(t *testing.T) {
	url := postgrestest.Start(t, "fsync = off").Schema(t)
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
