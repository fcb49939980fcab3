package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"
)

// overload is how many times its capacity the server is sent.
const overload = 5

// clients are how many send at once when the capacity is sought: enough to keep every worker busy.
const clients = 4

func capacity(ctx context.Context, t *target, round time.Duration, rounds int) error {
	for _, k := range []kind{t.pictures(), t.recordings()} {
		closed(ctx, k, clients, round/2) // warm
	}
	for _, k := range []kind{t.pictures(), t.recordings()} {
		alone(ctx, k, round, rounds)
	}
	starving(ctx, t, round, rounds)
	if err := large(ctx, t); err != nil {
		return err
	}
	held, err := t.server.Held()
	fmt.Println("\nat the end the server holds", held)
	return err
}

// alone finds what one kind alone can have, and what is left of it when it is sent five times as much. The two take turns,
// so that whatever else the machine does falls on both.
func alone(ctx context.Context, k kind, round time.Duration, rounds int) {
	var peak, over outcome
	for range rounds {
		peak.merge(closed(ctx, k, clients, round))
		over.merge(open(ctx, k, overload*peak.goodput(), round))
	}
	fmt.Printf("\n%s\n  at capacity:      %v\n  at %d times that:  %v\n", k.name, peak, overload, over)
	fmt.Printf("  goodput kept: %.0f%%; 99th percentile of the answered over the queue's limit: %.2f; refused in less than 50 ms: %.1f%%\n",
		100*over.goodput()/peak.goodput(), percentile(over.answered, 99).Seconds()/queueWait.Seconds(), 100*within(over.refused, 50*time.Millisecond))
}

func within(of []time.Duration, limit time.Duration) float64 {
	n := 0
	for _, d := range of {
		if d <= limit {
			n++
		}
	}
	return float64(n) / max(1, float64(len(of)))
}

// starving sends far too many recordings, and looks at what the pictures of a few clients get meanwhile.
func starving(ctx context.Context, t *target, round time.Duration, rounds int) {
	var free, beset, recordings outcome
	capacity := closed(ctx, t.recordings(), clients, round).goodput()
	for range rounds {
		free.merge(closed(ctx, t.pictures(), 2, round))
		var both sync.WaitGroup
		both.Go(func() { recordings.merge(open(ctx, t.recordings(), overload*capacity, round)) })
		beset.merge(closed(ctx, t.pictures(), 2, round))
		both.Wait()
	}
	fmt.Printf("\nboth kinds\n  two clients' pictures alone:                      %v\n  the same beside %d times too many recordings:      %v\n  those recordings:                                 %v\n", free, overload, beset, recordings)
	fmt.Printf("  goodput that the pictures keep: %.0f%%; refused: %d\n", 100*beset.goodput()/free.goodput(), len(beset.refused))
}

// large sends many of the largest pictures at once.
func large(ctx context.Context, t *target) error {
	before, err := t.server.Held()
	if err != nil {
		return err
	}
	const bytesEach, most = 11 << 20, 64
	picture := append(bytes.Clone(t.picture), make([]byte, bytesEach-len(t.picture))...)
	d := &drive{}
	began := time.Now()
	for range most {
		d.sent.Go(func() { d.one(ctx, t.picturesOf(picture)) })
	}
	d.sent.Wait()
	d.out.lasted = time.Since(began)
	after, err := t.server.Held()
	fmt.Printf("\n%d pictures of %d MB at once, as JSON\n  %v\n  memory at most %d MB before, %d MB after\n", most, bytesEach>>20, d.out, before.Peak>>20, after.Peak>>20)
	return err
}
