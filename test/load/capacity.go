package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// overload is how many times its capacity the server is sent.
const overload = 5

// clients are how many clients send concurrently to find the capacity: enough to keep every worker busy.
const clients = 4

// What must hold at overload.
const (
	minGoodput   = 0.9
	promptly     = 50 * time.Millisecond
	minPrompt    = 0.99
	minBeside    = 0.4 // of two kinds that share the cores, each should have about half
	maxMemory    = 2 << 30
	maxOverLimit = 2 // of the longest wait, at the 99th percentile
)

func capacity(ctx context.Context, t *target, round time.Duration, rounds int) error {
	for _, k := range []kind{t.pictures(), t.recordings()} {
		runClosed(ctx, k, clients, round/2) // warm
	}
	var faults []error
	for _, k := range []kind{t.pictures(), t.recordings()} {
		faults = append(faults, t.alone(ctx, k, round, rounds))
	}
	faults = append(faults, measureStarvation(ctx, t, round, rounds), large(ctx, t))
	held, err := t.server.Held()
	fmt.Println("\nat the end the server holds", held)
	return errors.Join(append(faults, ctx.Err(), err)...)
}

// check returns an error that says what did not hold, or nil.
func check(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// alone finds what one kind alone can have, and what is left of it when it is sent five times as much. The two take turns,
// so that whatever else the machine does falls on both. Whether it did is told by the processor time that others took.
func (t *target) alone(ctx context.Context, k kind, round time.Duration, rounds int) error {
	var peak, over outcome
	for range rounds {
		peak.merge(t.addCost(func() outcome { return runClosed(ctx, k, clients, round) }))
		over.merge(t.addCost(func() outcome { return runOpen(ctx, k, overload*peak.goodput(), round) }))
	}
	fmt.Printf("\n%s\n  at capacity:      %v\n                    %s\n  at %d times that:  %v\n                    %s\n",
		k.name, peak, t.cost(peak), overload, over, t.cost(over))
	kept, late := over.goodput()/peak.goodput(), percentile(over.answered, 99).Seconds()/queueWait.Seconds()
	prompt := isWithin(over.refused, promptly)
	fmt.Printf("  goodput kept: %.0f%%; 99th percentile of the answered over the queue's limit: %.2f; refused in less than %v: %.1f%%\n",
		100*kept, late, promptly, 100*prompt)
	return errors.Join(
		check(len(peak.failed)+len(over.failed) == 0, "%s: requests failed", k.name),
		check(kept >= minGoodput, "%s: %.0f%% of the goodput was kept", k.name, 100*kept),
		check(late < maxOverLimit, "%s: the answered took %.1f times the queue's limit", k.name, late),
		check(prompt >= minPrompt, "%s: %.1f%% of the refused were told within %v", k.name, 100*prompt, promptly))
}

func isWithin(of []time.Duration, limit time.Duration) float64 {
	n := 0
	for _, d := range of {
		if d <= limit {
			n++
		}
	}
	return float64(n) / max(1, float64(len(of)))
}

// measureStarvation sends far too many recordings, and looks at what the pictures of a few clients get meanwhile.
func measureStarvation(ctx context.Context, t *target, round time.Duration, rounds int) error {
	var free, beset, recordings outcome
	capacity := runClosed(ctx, t.recordings(), clients, round).goodput()
	for range rounds {
		free.merge(runClosed(ctx, t.pictures(), 2, round))
		var both sync.WaitGroup
		both.Go(func() { recordings.merge(runOpen(ctx, t.recordings(), overload*capacity, round)) })
		beset.merge(runClosed(ctx, t.pictures(), 2, round))
		both.Wait()
	}
	fmt.Printf("\nboth kinds\n  two clients' pictures alone:                      %v\n  the same beside %d times too many recordings:      %v\n  those recordings:                                 %v\n", free, overload, beset, recordings)
	kept := beset.goodput() / free.goodput()
	fmt.Printf("  goodput that the pictures keep: %.0f%%; refused: %d\n", 100*kept, len(beset.refused))
	return check(kept >= minBeside && len(beset.refused)+len(beset.failed) == 0, "recordings starve pictures")
}

// large sends many of the largest pictures at the same time.
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
		d.sent.Go(func() { d.sendOne(ctx, t.picturesOf(picture)) })
	}
	d.sent.Wait()
	d.out.lasted = time.Since(began)
	after, err := t.server.Held()
	fmt.Printf("\n%d pictures of %d MB at the same time, as JSON\n  %v\n  memory at most %d MB before, %d MB after\n", most, bytesEach>>20, d.out, before.Peak>>20, after.Peak>>20)
	return errors.Join(err,
		check(len(d.out.failed) == 0, "large pictures: requests failed"),
		check(after.Peak < maxMemory, "large pictures took %d MB", after.Peak>>20))
}
