// Package hostile sends damaged and malicious pictures and recordings to a real server process. It does not test scores. `go
// test` sends the first few hundred, `make hostile` twenty thousand.
package hostile

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/test/process"
)

var (
	cases   = flag.Int("cases", 400, "how many hostile files are sent")
	workers = flag.Int("workers", 3, "how many are sent at the same time")
)

// Bounds that no case may break, whatever it is. They do not measure speed: a case that takes so long hangs.
const (
	longestAnswer = 90 * time.Second
	// mostMemory is the server's: its models, the pictures that it decodes at the same time, and garbage.
	mostMemory = 2 << 30
)

func TestMain(m *testing.M) {
	media.RunIfDecoderProcess()
	os.Exit(m.Run())
}

// trap is a file that nobody may open and a port that nobody may connect to.
type trap struct {
	traps
	watch    int
	listener net.Listener
	mu       sync.Mutex
	calls    int
}

func setTrap(t *testing.T) *trap {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trap.mp4")
	if err := os.WriteFile(file, []byte("nobody may read this"), 0o644); err != nil {
		t.Fatal(err)
	}
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.InotifyAddWatch(watch, file, unix.IN_OPEN|unix.IN_ACCESS); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	trap := &trap{traps: traps{file, "http://" + listener.Addr().String()}, watch: watch, listener: listener}
	go trap.count()
	t.Cleanup(func() { listener.Close(); unix.Close(watch) })
	return trap
}

func (t *trap) count() {
	for {
		c, err := t.listener.Accept()
		if err != nil {
			return
		}
		c.Close()
		t.mu.Lock()
		t.calls++
		t.mu.Unlock()
	}
}

// sprung returns how often the file was opened or read and the port connected to.
func (t *trap) sprung() (files, calls int) {
	events := make([]byte, 4096)
	n, _ := unix.Read(t.watch, events)
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(n, 0) / unix.SizeofInotifyEvent, t.calls
}

func TestTheTrapsWork(t *testing.T) {
	trap := setTrap(t)
	if files, calls := trap.sprung(); files != 0 || calls != 0 {
		t.Fatalf("%d and %d before anything", files, calls)
	}
	if _, err := os.ReadFile(trap.file); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(trap.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c.Read(make([]byte, 1)) //nolint:errcheck // ends when the call has been counted, or is about to be
	c.Close()
	time.Sleep(100 * time.Millisecond)
	if files, calls := trap.sprung(); files == 0 || calls != 1 {
		t.Errorf("opened %d times, called %d times", files, calls)
	}
}

// program builds the program once.
var program = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "bonafide-hostile-")
	if err != nil {
		return "", err
	}
	return process.Build(process.Root, folder)
})

func startServer(t *testing.T, under ...string) (*process.Server, process.Credentials) {
	t.Helper()
	models, err := process.Models(process.Root)
	if err != nil {
		t.Skip(err)
	}
	program, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s, err := process.Start(process.Options{Program: program, Models: models, Data: t.TempDir(), Under: under, Flags: []string{"--log-level", "debug"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	key, err := s.Key("hostile")
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}

func corpus(t *testing.T, traps traps) *Corpus {
	t.Helper()
	portrait, err := process.Portrait(process.Root)
	if err != nil {
		t.Skip(err)
	}
	c, err := newCorpus(portrait, t.TempDir(), traps)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheCorpusIsAlwaysTheSame(t *testing.T) {
	c := corpus(t, traps{"/trap", "http://127.0.0.1:1"})
	if a, b := c.Digest(100), c.Digest(100); !slices.Equal(a, b) {
		t.Errorf("%x, then %x", a, b)
	}
	for _, s := range append(c.pictures, c.recordings...) {
		if len(s.data) == 0 {
			t.Errorf("%s is empty", s.name)
		}
	}
}

// TestSamplesAreSound holds that the files that the corpus damages are good ones: else it would prove nothing.
func TestSamplesAreSound(t *testing.T) {
	trap := setTrap(t)
	c := corpus(t, trap.traps)
	s, key := startServer(t)
	client := s.Client(key, longestAnswer)
	for _, one := range c.pictures {
		if _, answer, err := send(t.Context(), client, Case{Data: one.data}); err != nil || answer != "scored" {
			t.Errorf("%s: %s, %v", one.name, answer, err)
		}
	}
	for _, one := range c.recordings {
		if _, answer, err := send(t.Context(), client, Case{Data: one.data, Recording: true}); err != nil || answer == "1013" {
			t.Errorf("%s: %s, %v", one.name, answer, err)
		}
	}
}

// tally is what came of the cases.
type tally struct {
	mu      sync.Mutex
	answers map[string]map[string]int // by family and answer
	slowest time.Duration
	slow    Case
}

func (y *tally) add(c Case, answer string, took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	family := c.Family
	if c.Recording {
		family = "recording: " + family
	}
	if y.answers[family] == nil {
		y.answers[family] = map[string]int{}
	}
	y.answers[family][answer]++
	if took > y.slowest {
		y.slowest, y.slow = took, c
	}
}

func (y *tally) print(t *testing.T) {
	families := []string{}
	for family := range y.answers {
		families = append(families, family)
	}
	slices.Sort(families)
	for _, family := range families {
		t.Logf("%-45s %v", family, y.answers[family])
	}
	t.Logf("slowest: %v, case %d: %s of %s, %d bytes", y.slowest.Round(time.Millisecond), y.slow.Number, y.slow.Family, y.slow.Sample, len(y.slow.Data))
}

// TestHostileMedia is the corpus against the server: no crash, no hang, bounded memory, nothing touched, nothing left
// behind, and every answer the right one.
func TestHostileMedia(t *testing.T) {
	trap := setTrap(t)
	c := corpus(t, trap.traps)
	s, key := startServer(t)
	client := s.Client(key, longestAnswer)
	warm(t, client, c)
	before, err := s.Settle(process.Held{}, 2*time.Second)
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(s.Logs.String()))
	}
	watch := s.Watch()
	results := sendAll(t, s, client, c)
	watch.Stop()
	results.print(t)

	client.Close()
	after, err := s.Settle(before, 20*time.Second)
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(s.Logs.String()))
	}
	t.Logf("%d cases, digest %x", *cases, c.Digest(min(*cases, 1000)))
	t.Logf("before: %v", before)
	t.Logf("after:  %v", after)
	t.Logf("at most %d children at the same time, of %d MB", watch.MaxChildren, watch.MaxMemory>>20)
	if files, calls := trap.sprung(); files > 0 || calls > 0 {
		t.Errorf("the file that nobody may open was opened or read %d times, the port called %d times", files, calls)
	}
	if after.Peak > mostMemory {
		t.Errorf("the server took %d MB", after.Peak>>20)
	}
	if limit := media.DefaultVideoLimits.MaxMemory + 256<<20; watch.MaxMemory > limit { // its libraries are beside the limit
		t.Errorf("a child took %d MB", watch.MaxMemory>>20)
	}
	const slack = 16 // what begins by itself, such as recurring work; a leak would be as many as there are cases
	if after.Goroutines > before.Goroutines+slack || after.Files > before.Files+slack || after.Children > 0 || after.Temporary > before.Temporary {
		t.Error("something was left behind")
	}
	for _, line := range s.Logs.Lines(`"level":"ERROR"`, "panic", "fatal") {
		t.Errorf("logged: %.500s", line)
	}
}

// warm has every part of the server used once, so that what stays for good is there before the count.
func warm(t *testing.T, client *process.Client, c *Corpus) {
	t.Helper()
	for _, one := range []Case{{Data: c.pictures[0].data}, {Data: c.pictures[0].data, ByForm: true}, {Data: c.recordings[0].data, Recording: true}} {
		if _, _, err := send(t.Context(), client, one); err != nil {
			t.Fatal(err)
		}
	}
}

func sendAll(t *testing.T, s *process.Server, client *process.Client, c *Corpus) *tally {
	t.Helper()
	results := &tally{answers: map[string]map[string]int{}}
	numbers := make(chan int)
	var all sync.WaitGroup
	for range *workers {
		all.Go(func() {
			for number := range numbers {
				one := c.Case(number)
				reply, answer, err := send(t.Context(), client, one)
				if err != nil {
					t.Errorf("case %d, %s of %s, %d bytes: %v", number, one.Family, one.Sample, len(one.Data), err)
					answer = "WRONG"
				}
				results.add(one, answer, reply.Took)
			}
		})
	}
	began := time.Now()
	for number := range *cases {
		if !s.Alive() {
			t.Errorf("the server crashed by case %d:\n%s", number, tail(s.Logs.String()))
			break
		}
		if number > 0 && number%1000 == 0 {
			fmt.Fprintf(os.Stderr, "%d cases in %v\n", number, time.Since(began).Round(time.Second))
		}
		numbers <- number
	}
	close(numbers)
	all.Wait()
	if s.Alive() && !s.Ready() {
		t.Error("the server is not ready after the cases")
	}
	return results
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// TestTheChildTouchesNothing runs the server under a tracer. It checks every system call by which the decoder processes could
// reach a file, the network or another process.
func TestTheChildTouchesNothing(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is missing (Debian: apt-get install strace)")
	}
	file := filepath.Join(t.TempDir(), "trace")
	trap := setTrap(t)
	c := corpus(t, trap.traps)
	s, key := startServer(t, strace, "-f", "--seccomp-bpf", "-s", "200", "-e", "trace=%file,%network,%process", "-o", file)
	client := s.Client(key, longestAnswer)
	for number := recordingEvery - 1; number < recordingEvery*2*len(recordingWays); number += recordingEvery {
		one := c.Case(number)
		if _, _, err := send(context.Background(), client, one); err != nil {
			t.Errorf("case %d, %s of %s: %v", number, one.Family, one.Sample, err)
		}
	}
	s.Kill()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	children, faults := readTrace(string(text))
	t.Logf("%d children in %d lines of trace", children, strings.Count(string(text), "\n"))
	for _, fault := range faults {
		t.Error(fault)
	}
	if children < 20 {
		t.Errorf("only %d children were seen: the trace proves nothing", children)
	}
	if files, calls := trap.sprung(); files > 0 || calls > 0 {
		t.Errorf("the file that nobody may open was opened %d times, the port called %d times", files, calls)
	}
}
