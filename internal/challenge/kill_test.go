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

	"github.com/bonafide-id/bonafide/internal/store/sqlite"
)

// victimFolder, when set, makes the test binary a process that works on transactions in that store until it is killed.
const victimFolder = "BONAFIDE_TEST_VICTIM"

func TestMain(m *testing.M) {
	if folder := os.Getenv(victimFolder); folder != "" {
		fmt.Fprintln(os.Stderr, victim(folder))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// victim says on its output what it is about to do and what was done: a line each, "intend" before and "did" after, as
// a server's client would see a request and its reply.
func victim(folder string) error {
	s, err := sqlite.Open(context.Background(), folder, true)
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
	tx, err := c.Begin(context.Background(), owner)
	if err != nil {
		return err
	}
	say := func(what, how string, score float64) { os.Stdout.WriteString(fmt.Sprintln(what, how, tx.ID, score)) }
	say("did", "begin", 0)
	for range rand.IntN(4) {
		say("intend", "fail", 0)
		if err := c.Fail(context.Background(), tx, Check{ID: uuid.NewString()}, tooShort); err != nil {
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
	if err := c.Settle(context.Background(), tx, Check{ID: uuid.NewString()}, scored(score)); err != nil {
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
	folder := t.TempDir()
	openStore(t, folder).Close()
	histories := map[string]*history{}
	const rounds = 40
	for range rounds {
		for line := range strings.Lines(killAtRandom(t, folder)) {
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
	s := openStore(t, folder)
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

// killAtRandom runs a victim, kills it at a random moment and returns what it said.
func killAtRandom(t *testing.T, folder string) string {
	t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), victimFolder+"="+folder)
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
