package challenge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/postgres"
	"github.com/bonafide-id/bonafide/internal/store/postgres/postgrestest"
	"github.com/bonafide-id/bonafide/internal/store/sqlite"
)

// victimStore, when set, makes the test binary a process that works on transactions in that store until it is killed.
const victimStore = "BONAFIDE_TEST_VICTIM"

func TestMain(m *testing.M) {
	if place := os.Getenv(victimStore); place != "" {
		fmt.Fprintln(os.Stderr, victim(place))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// openPlace opens the PostgreSQL at a URL, or the embedded store in a folder.
func openPlace(ctx context.Context, place string) (store.Store, error) {
	if strings.HasPrefix(place, "postgres:") {
		return postgres.Open(ctx, place, true)
	}
	return sqlite.Open(ctx, place, true)
}

// victim prints what it is about to do and what was done, a line each: "intend" before and "did" after. So a server's client sees
// a request and its reply.
func victim(place string) error {
	s, err := openPlace(context.Background(), place)
	if err != nil {
		return err
	}
	c, err := New(s, Config{})
	if err != nil {
		return err
	}
	failure := make(chan error)
	for range 4 {
		go func() {
			for {
				if err := live(c); err != nil {
					failure <- err
				}
			}
		}()
	}
	return <-failure
}

// live takes one transaction from its begin to its end: up to 3 user errors, and a score if a try is left.
func live(c *Challenges) error {
	tx, err := c.Create(context.Background(), owner)
	if err != nil {
		return err
	}
	say := func(what, how string, score float64) { os.Stdout.WriteString(fmt.Sprintln(what, how, tx.ID, score)) }
	say("did", "begin", 0)
	for range rand.IntN(4) {
		say("intend", "fail", 0)
		if err := c.UseTry(context.Background(), tx, Check{ID: uuid.NewString()}, tooShort); err != nil {
			return err
		}
		say("did", "fail", 0)
		tx.TriesLeft--
	}
	if tx.TriesLeft == 0 {
		return nil
	}
	score := rand.Float64()
	say("intend", "settle", score)
	if err := c.Settle(context.Background(), tx, Check{ID: uuid.NewString()}, verdictWith(score)); err != nil {
		return err
	}
	say("did", "settle", score)
	return nil
}

// history is what one transaction's client saw.
type history struct {
	failIntended, failDone int
	settleIntended         bool
	settleDone             bool
	score                  float64
}

func TestKilledAtAnyMoment(t *testing.T) {
	killAtAnyMoment(t, t.TempDir(), 40)
}

func TestKilledAtAnyMomentOnPostgreSQL(t *testing.T) {
	killAtAnyMoment(t, postgrestest.Start(t).Schema(t), 15)
}

func killAtAnyMoment(t *testing.T, place string, rounds int) {
	s, err := openPlace(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addAccounts(t, s)
	histories := map[string]*history{}
	for range rounds {
		for line := range strings.Lines(killAtRandom(t, place)) {
			var what, how, id string
			var score float64
			if n, _ := fmt.Sscanln(line, &what, &how, &id, &score); n != 4 {
				t.Fatalf("line %q", line)
			}
			if histories[id] == nil {
				histories[id] = &history{}
			}
			switch h := histories[id]; what + " " + how {
			case "intend fail":
				h.failIntended++
			case "did fail":
				h.failDone++
			case "intend settle":
				h.settleIntended, h.score = true, score
			case "did settle":
				h.settleDone = true
			}
		}
	}
	if p, ok := s.(*postgres.Store); ok {
		untilQuiet(t, p)
	}
	records, err := s.Records(t.Context(), owner, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	failed, settled := map[string]int{}, map[string][]float64{}
	for _, r := range records {
		if r.Score == nil {
			failed[r.Transaction]++
		} else {
			settled[r.Transaction] = append(settled[r.Transaction], *r.Score)
		}
	}
	torn := 0
	for id, h := range histories {
		tx, err := s.Transaction(t.Context(), owner, id)
		if err != nil {
			t.Fatal(err)
		}
		used, spent := 3-tx.TriesLeft, !tx.Spent.IsZero()
		if used < h.failDone || used > h.failIntended || used != failed[id] {
			t.Errorf("%s: %d tries used, %d records, %+v", id, used, failed[id], h)
		}
		if spent && (!h.settleIntended || tx.Score != h.score || len(settled[id]) != 1 || settled[id][0] != h.score) {
			t.Errorf("%s: spent with %v, records %v, %+v", id, tx.Score, settled[id], h)
		}
		if !spent && (h.settleDone || len(settled[id]) > 0) {
			t.Errorf("%s: open, records %v, %+v", id, settled[id], h)
		}
		if h.failIntended != h.failDone || h.settleIntended != h.settleDone {
			torn++
		}
	}
	t.Logf("%d rounds, %d transactions, %d of them killed between a request and its reply", rounds, len(histories), torn)
	if torn == 0 {
		t.Error("no kill came between a request and its reply: the test proves nothing")
	}
}

// untilQuiet waits until PostgreSQL has ended what the killed processes had begun.
func untilQuiet(t *testing.T, s *postgres.Store) {
	t.Helper()
	for busy := 1; busy > 0; time.Sleep(10 * time.Millisecond) {
		const others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bonafide' AND state <> 'idle' AND pid <> pg_backend_pid()"
		if err := s.Reader.QueryRowContext(t.Context(), others).Scan(&busy); err != nil {
			t.Fatal(err)
		}
	}
}

// killAtRandom runs a victim, kills it at a random moment and returns what it said.
func killAtRandom(t *testing.T, place string) string {
	t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), victimStore+"="+place)
	var complaint bytes.Buffer
	process.Stderr = &complaint
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(output)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the victim said nothing: %v, %s", err, complaint.String())
	}
	time.Sleep(rand.N(60 * time.Millisecond))
	process.Process.Kill()
	var said strings.Builder
	said.WriteString(first)
	lines.WriteTo(&said)
	process.Wait()
	if complaint.Len() > 0 {
		t.Fatalf("the victim failed: %s", complaint.String())
	}
	return said.String()
}
