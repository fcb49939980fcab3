package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/bonafide-id/bonafide/test/process"
)

// mixture returns what a soak sends, each from a client of its own, over and over. It has good and broken media, requests that are not
// allowed, and clients that hang up.
func (t *target) mixture() []kind {
	impatient := func(k kind, patience time.Duration) kind {
		return kind{k.name + ", given up", func(ctx context.Context) (process.Reply, error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			reply, err := k.send(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				return process.Reply{Status: http.StatusOK}, nil
			}
			return reply, err
		}}
	}
	stranger := *t.client
	stranger.Key.Password = "wrong"
	broken := *t
	broken.picture, broken.recording = t.picture[:len(t.picture)/2], t.recording[:len(t.recording)/2]
	return []kind{
		t.pictures(), t.pictures(), t.recordings(), t.recordings(),
		{"selfies", func(ctx context.Context) (process.Reply, error) { return t.client.Selfie(ctx, t.picture) }},
		broken.pictures(), broken.recordings(),
		impatient(t.pictures(), 30*time.Millisecond), impatient(t.recordings(), 300*time.Millisecond),
		{"strangers", func(ctx context.Context) (process.Reply, error) {
			time.Sleep(time.Second)
			reply, err := stranger.FaceLiveness(ctx, t.picture)
			if reply.Status == http.StatusUnauthorized || reply.Status == http.StatusTooManyRequests {
				reply.Status = http.StatusOK
			}
			return reply, err
		}},
	}
}

// Slack is what a process may hold more after a soak than before. Connections may not be closed yet, recurring work may have
// begun, and the collector may not have returned memory yet. A leak would be as many as there were requests.
const (
	slackHeld   = 16
	slackMemory = 96 << 20
)

// soak loads the server for so long and fails where it then holds more than it did when it was warm.
func soak(ctx context.Context, t *target, lasting time.Duration, out io.Writer) error {
	load(ctx, t, min(lasting/4, 2*time.Minute)) // the memory that stays for good is there after a while
	before, err := waitUntilIdle(t, process.Held{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "warm: %v\n", before)
	done := make(chan struct{})
	go watch(t, max(lasting/30, 5*time.Second), out, done)
	total := load(ctx, t, lasting)
	close(done)
	after, err := waitUntilIdle(t, before)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%v of mixed load: %v\nbefore: %v\nafter:  %v\n", lasting, total, before, after)
	return leaks(t, before, after, total)
}

func waitUntilIdle(t *target, before process.Held) (process.Held, error) {
	t.client.Close()
	return t.server.Settle(before, 15*time.Second)
}

func leaks(t *target, before, after process.Held, total outcome) error {
	var faults []error
	leak := func(bad bool, what string) {
		if bad {
			faults = append(faults, errors.New(what))
		}
	}
	leak(len(total.answered) == 0, "nothing was answered")
	leak(len(total.failed) > 0, fmt.Sprintf("requests failed: %v", total.failed))
	leak(after.Goroutines > before.Goroutines+slackHeld, "goroutines were left behind")
	leak(after.Files > before.Files+slackHeld, "file descriptors were left behind")
	leak(after.Children > 0, "child processes were left behind")
	leak(after.Temporary > before.Temporary, "temporary files were left behind")
	leak(after.Memory > before.Memory+before.Memory/5+slackMemory, "memory was left behind")
	leak(len(t.server.Logs.Lines(`"level":"ERROR"`)) > 0, "errors were logged")
	return errors.Join(faults...)
}

// load sends the mixture for so long.
func load(ctx context.Context, t *target, lasting time.Duration) outcome {
	var total outcome
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, k := range t.mixture() {
		all.Go(func() {
			out := runClosed(ctx, k, 1, lasting)
			mu.Lock()
			defer mu.Unlock()
			total.merge(out)
		})
	}
	all.Wait()
	total.lasted = lasting
	return total
}

// watch prints what the server holds, from time to time, until done is closed.
func watch(t *target, every time.Duration, out io.Writer, done <-chan struct{}) {
	for began := time.Now(); ; {
		select {
		case <-done:
			return
		case <-time.After(every):
			if held, err := t.server.Held(); err == nil {
				fmt.Fprintf(out, "after %6v: %v\n", time.Since(began).Round(time.Second), held)
			}
		}
	}
}
