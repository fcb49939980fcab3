// Command load loads a real server process on this machine and prints what comes of it.
//
//	load           capacity, and what is left of it at five times as much
//	load -soak 30m what a long mixed load leaves behind
//
// It prints ratios. On a machine that does other work too, figures of two phases in a row can be compared, those of two days
// cannot. The last line says whether everything held that must.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bonafide-id/bonafide/test/process"
)

func main() {
	soak := flag.Duration("soak", 0, "load for so long and look at what is left behind")
	round := flag.Duration("round", 10*time.Second, "length of each phase of the capacity test")
	rounds := flag.Int("rounds", 3, "how often the phases are repeated")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *soak, *round, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "load: DID NOT HOLD:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
	fmt.Println("load: everything held")
}

func run(ctx context.Context, soaking, round time.Duration, rounds int) (err error) {
	cores := runtime.NumCPU()
	if soaking == 0 && cores > 1 {
		limitCores(0, cores-1) // the server, which inherits it
	}
	t, err := newTarget(".")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if soaking > 0 {
		fmt.Printf("%d cores, also for this client; %s\n", cores, time.Now().UTC().Format(time.RFC3339))
		return soak(ctx, t, soaking, os.Stdout)
	}
	t.cores = max(1, cores-1)
	limitCores(cores-1, cores)
	fmt.Printf("%d of %d cores for the server, one for this client; %s\n", t.cores, cores, time.Now().UTC().Format(time.RFC3339))
	return capacity(ctx, t, round, rounds)
}

// limitCores keeps this process to the cores from one up to another, so that the server and its client take no time of each
// other's. Threads and processes made later inherit it.
func limitCores(from, to int) {
	var cores unix.CPUSet
	for core := from; core < to; core++ {
		cores.Set(core)
	}
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		if id, err := strconv.Atoi(thread.Name()); err == nil {
			_ = unix.SchedSetaffinity(id, &cores) // the figures are only rougher without it
		}
	}
}

// target is a server with what it is sent.
type target struct {
	server             *process.Server
	client             *process.Client
	picture, recording []byte
	folder             string
	cores              int // that are the server's alone
}

// queueWait is the longest that a check may wait for its turn.
const queueWait = 10 * time.Second

// newTarget builds the program of the checkout and starts it.
func newTarget(checkout string) (t *target, err error) {
	models, err := process.Models(checkout)
	if err != nil {
		return nil, err
	}
	portrait, err := process.Portrait(checkout)
	if err != nil {
		return nil, err
	}
	t = &target{}
	if t.picture, err = process.JPEG(portrait); err != nil {
		return nil, err
	}
	if t.recording, err = process.Film(portrait, 2); err != nil {
		return nil, err
	}
	if t.folder, err = os.MkdirTemp("", "bonafide-load-"); err != nil {
		return nil, err
	}
	program, err := process.Build(checkout, t.folder)
	if err != nil {
		return nil, err
	}
	t.server, err = process.Start(process.Options{
		Program: program, Models: models, Data: t.folder + "/data", Flags: []string{"--picture-wait", queueWait.String(), "--recording-wait", queueWait.String()},
	})
	if err != nil {
		return nil, err
	}
	key, err := t.server.Key("load")
	t.client = t.server.Client(key, time.Minute)
	return t, err
}

// stop ends the server as an operator does, and fails where it does not end well.
func (t *target) stop() error {
	defer os.RemoveAll(t.folder)
	t.client.Close()
	return t.server.Stop()
}
