package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bonafide-id/bonafide/internal/store"
	"github.com/bonafide-id/bonafide/internal/store/postgres"
	"github.com/bonafide-id/bonafide/internal/store/postgres/postgrestest"
)

// Two servers on one PostgreSQL behave as one.
func TestReplicas(t *testing.T) {
	models(t)
	database := postgrestest.Start(t, "autovacuum = off") // its transactions would be counted as the servers'
	url := database.URL("postgres")
	expired := pastItsTime(t, url)
	// Both make their tables and their first start at the same time.
	flags := []string{"--challenge-tries", "20", "--challenge-life", "1h"}
	one, other := spawnOn(t, url, t.TempDir(), flags...), spawnOn(t, url, t.TempDir(), flags...)
	one.await()
	other.await()
	c := one.key("replicas")
	both := []*server{one, other}

	t.Run("a challenge on one is verified on the other", func(t *testing.T) {
		id, phrase := one.challenge(c)
		r, err := other.verify(c, id, still(t, portrait(t, frontal, 640, 480, 320, 240, 200), 3))
		if err != nil {
			t.Fatal(err)
		}
		if m := r.json(t); r.status != http.StatusOK || m["phrase"] != phrase {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
	t.Run("a video sent to both at the same time is scored once", func(t *testing.T) { scoredOnce(t, url, c, both) })
	t.Run("rate and quota hold for both together", func(t *testing.T) { sharedLimits(t, both) })
	t.Run("a revoked key is refused by both", func(t *testing.T) { revokedEverywhere(t, both) })
	t.Run("recurring work is done once", func(t *testing.T) { doneOnce(t, url, expired, both) })
	t.Run("idle servers write nothing", func(t *testing.T) { writeNothing(t, url) })
	t.Run("one killed in mid-verification leaves the transaction open", func(t *testing.T) {
		killedInMidVerification(t, c, one, other)
	})
	both[0] = replica(t, url, flags...)
	t.Run("PostgreSQL ends under load and comes back", func(t *testing.T) { databaseRestarted(t, database, url, c, both) })
	for _, s := range append(both, one) {
		if log := s.logs.String() + s.out.String(); strings.Contains(log, postgrestest.Password) {
			t.Error("the log shows the database's password")
		}
	}
}

// queryValue reads one value from the database.
func queryValue[T any](t *testing.T, url, query string, args ...any) (value T) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	if err := connection.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// pastItsTime makes a store with a record that a server must delete, and returns the record's ID.
func pastItsTime(t *testing.T, url string) string {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AddAccount(t.Context(), store.Account{ID: "a", Name: "of old", Created: time.Now(), Settings: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddRecord(t.Context(), store.Record{ID: "old", Account: "a", At: time.Now().AddDate(0, 0, -31)}); err != nil {
		t.Fatal(err)
	}
	return "old"
}

func doneOnce(t *testing.T, url, expired string, both []*server) {
	for deadline := time.Now().Add(30 * time.Second); queryValue[int](t, url, "SELECT count(*) FROM records WHERE id = $1", expired) > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the record is still there\n%s\n%s", both[0].logs, both[1].logs)
		}
	}
	logs := both[0].logs.String() + both[1].logs.String()
	if n := strings.Count(logs, "deleted what is past its time"); n != 1 {
		t.Errorf("%d lines in the logs tell of it:\n%s", n, logs)
	}
}

// writeNothing counts the transactions that change something, which PostgreSQL numbers, while the servers are idle.
func writeNothing(t *testing.T, url string) {
	const numbered = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
	for deadline := time.Now().Add(30 * time.Second); queryValue[int](t, url, "SELECT count(*) FROM tasks WHERE due > $1", time.Now().Add(45*time.Minute).UnixMilli()) < 3; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the recurring tasks were not done within half a minute")
		}
	}
	before := queryValue[int](t, url, numbered)
	time.Sleep(idle)
	if n := queryValue[int](t, url, numbered) - before; n != 0 {
		t.Errorf("two idle servers made %d transactions that write in %v", n, idle)
	}
}

func scoredOnce(t *testing.T, url string, c credentials, both []*server) {
	id, phrase := both[0].challenge(c)
	video := spokenPhrase(t, "s2", phrase)
	replies := make([]reply, 4)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() {
			r, err := both[i%2].verify(c, id, video)
			if err != nil {
				t.Error(err)
			}
			replies[i] = r
		})
	}
	all.Wait()
	scored := 0
	for _, r := range replies {
		switch r.status {
		case http.StatusOK:
			scored++
			if r.json(t)["error"].(map[string]any)["type"] != "" {
				t.Errorf("the recording was not scored: %s", r.body)
			}
		case http.StatusBadRequest, http.StatusServiceUnavailable:
		default:
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	records := queryValue[int](t, url, "SELECT count(*) FROM records WHERE transaction_id = $1", id)
	if scored != 1 || records != 1 {
		t.Errorf("%d replies with a score, %d records", scored, records)
	}
}

// runConcurrently sends n requests concurrently, half to each server, and counts the replies by their status.
func runConcurrently(t *testing.T, both []*server, n int, send func(s *server) (reply, error)) map[int]int {
	t.Helper()
	count := map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			r, err := send(both[i%2])
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			count[r.status]++
			if r.status == http.StatusTooManyRequests && r.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		})
	}
	all.Wait()
	return count
}

func sharedLimits(t *testing.T, both []*server) {
	c := both[0].key("limited")
	both[1].manage("account", "set", "limited", "--monthly-quota", "3")
	picture := encode(t, portrait(t, frontal, 320, 240, 160, 120, 100))
	contentType, body := form(t, "selfie", "selfie.jpg", picture, nil)
	count := runConcurrently(t, both, 10, func(s *server) (reply, error) {
		return s.do("POST", "/liveness-verification", contentType, body, map[string]string{"app_id": c.AppID, "app_key": c.AppKey})
	})
	if count[http.StatusOK] != 3 || count[http.StatusForbidden] != 7 {
		t.Errorf("of 10 pictures with a quota of 3: %v", count)
	}
	usage := both[0].manage("usage", "limited", "--csv")
	if want := "selfie,3\n"; !strings.HasSuffix(usage, want) {
		t.Errorf("usage %q", usage)
	}
	if r := both[1].must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey}); r.status != http.StatusTooManyRequests {
		t.Errorf("LipSecure with a quota that is used up: %d %s", r.status, r.body)
	}
	if r := both[0].faceLiveness(c, "x"); r.status != http.StatusTooManyRequests {
		t.Errorf("face liveness with a quota that is used up: %d %s", r.status, r.body)
	}
	both[0].manage("account", "set", "limited", "--monthly-quota", "0", "--rate", "5")
	const rate = 5
	began := time.Now()
	count = runConcurrently(t, both, 60, func(s *server) (reply, error) {
		return s.do("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey})
	})
	seconds := time.Now().Unix() - began.Unix() + 1 // that the requests fell in
	if n := count[http.StatusOK]; n < rate || int64(n) > rate*seconds || n+count[http.StatusTooManyRequests] != 60 {
		t.Errorf("in %d seconds with a rate of %d: %v", seconds, rate, count)
	}
}

func revokedEverywhere(t *testing.T, both []*server) {
	c := both[0].key("revoked")
	use := func(s *server) int {
		return s.must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey}).status
	}
	if use(both[0]) != http.StatusOK || use(both[1]) != http.StatusOK {
		t.Fatal("the key does not work")
	}
	both[0].manage("key", "revoke", "--account", "revoked")
	for i, s := range both {
		if status := use(s); status != http.StatusUnauthorized {
			t.Errorf("server %d answers a key that was revoked a moment ago with %d", i, status)
		}
	}
}

// killedInMidVerification kills one server while it checks a recording.
func killedInMidVerification(t *testing.T, c credentials, one, other *server) {
	id, phrase := one.challenge(c)
	video := spokenPhrase(t, "s2", phrase)
	answered := make(chan error, 1)
	go func() {
		_, err := one.verify(c, id, video)
		answered <- err
	}()
	for running := false; !running; time.Sleep(2 * time.Millisecond) {
		select {
		case <-answered:
			t.Fatal("the verification ended before the kill")
		default:
		}
		metrics := one.must("GET", "/metrics", "", nil, nil).body
		running = strings.Contains(string(metrics), `bonafide_checks_running{kind="recording"} 1`)
	}
	one.kill()
	if err := <-answered; err == nil {
		t.Error("the killed server answered: the kill came too late")
	}
	tries := queryValue[int](t, one.store, "SELECT tries_left FROM transactions WHERE id = $1 AND spent IS NULL", id)
	if tries != 20 {
		t.Errorf("%d tries are left of 20", tries)
	}
	r, err := other.verify(c, id, video)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.json(t); r.status != http.StatusOK || m["error"].(map[string]any)["type"] != "" {
		t.Errorf("the next try, on the other server: %d %s", r.status, r.body)
	}
}

// told is what a client was told: of a transaction, or of a picture by the request's id.
type told struct {
	transaction, request string
	status               int
	score                float64
}

// databaseRestarted ends PostgreSQL in two ways while clients have recordings and pictures checked. What a client was told must
// be in the store afterwards. All else must be answered with 503, and the servers must recover by themselves.
func databaseRestarted(t *testing.T, database *postgrestest.Server, url string, c credentials, both []*server) {
	_, phrase := both[0].challenge(c)
	video := spokenPhrase(t, "s2", phrase) // of another phrase than the transactions', which is scored all the same
	contentType, picture := form(t, "selfie", "selfie.jpg", encode(t, portrait(t, frontal, 320, 240, 160, 120, 100)), nil)
	stop := make(chan struct{})
	results := make(chan told, 100_000)
	var scored, refused atomic.Int64
	var clients sync.WaitGroup
	client := func(use func(c credentials, s *server) []told) {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, r := range use(c, both[rand.IntN(2)]) {
					if r.transaction != "" && r.status == http.StatusOK {
						scored.Add(1)
					}
					if r.status == http.StatusServiceUnavailable {
						refused.Add(1)
						time.Sleep(50 * time.Millisecond)
					}
					results <- r
				}
			}
		})
	}
	for range 2 {
		client(func(c credentials, s *server) []told { return useTransaction(t, c, s, both, video) })
		client(func(c credentials, s *server) []told {
			r, err := s.do("POST", "/liveness-verification", contentType, picture, map[string]string{"app_id": c.AppID, "app_key": c.AppKey})
			if err != nil {
				t.Error(err)
			}
			return []told{{request: r.header.Get("X-Request-Id"), status: r.status}}
		})
	}
	until := func(count *atomic.Int64, n int64) {
		for deadline := time.Now().Add(time.Minute); count.Load() < n && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		}
	}
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		until(&scored, scored.Load()+1)
		before := refused.Load()
		database.Stop(t, how)
		unavailable(t, c, both)
		until(&refused, before+1)
		database.Resume(t)
		for _, s := range both {
			s.await()
		}
	}
	until(&scored, scored.Load()+2)
	close(stop)
	clients.Wait()
	close(results)
	count := map[int]int{}
	var judged []string
	for r := range results {
		count[r.status]++
		if r.status != http.StatusOK {
			continue
		}
		if r.request != "" {
			judged = append(judged, r.request)
			continue
		}
		kept := queryValue[float64](t, url, "SELECT t.score FROM transactions t JOIN records r ON r.transaction_id = t.id WHERE t.id = $1 AND spent IS NOT NULL", r.transaction)
		if r.score > 100*kept || r.score < 100*kept-0.11 {
			t.Errorf("%s: the client was told %v, the store has %v", r.transaction, r.score, kept)
		}
	}
	if n := queryValue[int](t, url, "SELECT count(*) FROM records WHERE id = ANY($1)", judged); n != len(judged) {
		t.Errorf("%d pictures were judged, the store has %d of them", len(judged), n)
	}
	t.Logf("replies by status: %v; recordings scored: %d", count, scored.Load())
	if scored.Load() < 3 || count[http.StatusServiceUnavailable] < 1 {
		t.Errorf("the test proves nothing: replies by status %v, %d recordings scored", count, scored.Load())
	}
	delete(count, http.StatusOK)
	delete(count, http.StatusServiceUnavailable)
	delete(count, http.StatusBadRequest) // a client whose 503 came after the score was kept hears that it was scored already
	if len(count) > 0 {
		t.Errorf("there were other replies than 200, 400 and 503: %v\n%s\n%s", count, both[0].logs, both[1].logs)
	}
	if n := queryValue[int](t, url, "SELECT count(*) FROM (SELECT 1 FROM records WHERE score IS NOT NULL AND transaction_id <> '' GROUP BY transaction_id HAVING count(*) > 1) twice"); n > 0 {
		t.Errorf("%d transactions were scored twice", n)
	}
}

// unavailable holds what servers say while their database is unavailable.
func unavailable(t *testing.T, c credentials, both []*server) {
	t.Helper()
	for i, s := range both {
		for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK} {
			if r := s.must("GET", path, "", nil, nil); r.status != want || strings.Contains(string(r.body), "127.0.0.1") {
				t.Errorf("without PostgreSQL server %d answers %s with %d %s", i, path, r.status, r.body)
			}
		}
		r := s.must("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey})
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("without PostgreSQL server %d answers a challenge with %d %s", i, r.status, r.body)
		}
	}
}

// useTransaction has one recording scored, on any of the servers, as a client that tries again after 503, and returns
// what it was told.
func useTransaction(t *testing.T, c credentials, s *server, both []*server, video []byte) (all []told) {
	r, err := s.do("POST", "/challenge", "", nil, map[string]string{"X-API-Key": c.APIKey})
	if err != nil {
		t.Error(err)
		return nil
	}
	if r.status != http.StatusOK {
		return []told{{status: r.status}}
	}
	id := fmt.Sprint(r.json(t)["transactionId"])
	for range 20 {
		r, err := both[rand.IntN(2)].verify(c, id, video)
		if err != nil {
			t.Error(err)
			return all
		}
		result := told{transaction: id, status: r.status}
		if r.status == http.StatusOK {
			result.score, _ = r.json(t)["score"].(float64)
		}
		all = append(all, result)
		if r.status != http.StatusServiceUnavailable {
			return all
		}
		time.Sleep(200 * time.Millisecond)
	}
	return all
}
