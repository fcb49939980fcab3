package storetest

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// BenchmarkFindAndSettle measures the life of a transaction without its check: opened, taken twice as the verifier does,
// settled with its record. Clients run side by side on one account that has a quota: the worst that one account can do.
func BenchmarkFindAndSettle(b *testing.B, s store.Store) {
	a := anAccount("a")
	a.MonthlyQuota = 1 << 40
	if err := s.AddAccount(ctx, a); err != nil {
		b.Fatal(err)
	}
	var ids atomic.Int64
	sideBySide(b, func() error {
		id := fmt.Sprint("t", ids.Add(1))
		if err := s.AddTransaction(ctx, aTransaction(id, "a")); err != nil {
			return err
		}
		for range 2 {
			if _, err := s.Transaction(ctx, "a", id); err != nil {
				return err
			}
		}
		return s.Settle(ctx, aRecord("r"+id, "a", id))
	})
}

// BenchmarkCountRequest measures what a request costs before its check: its credentials found, counted against the rate.
func BenchmarkCountRequest(b *testing.B, s store.Store) {
	if err := s.AddAccount(ctx, anAccount("a")); err != nil {
		b.Fatal(err)
	}
	if err := s.AddKey(ctx, aKey("k", "a")); err != nil {
		b.Fatal(err)
	}
	sideBySide(b, func() error {
		now := time.Now()
		if _, err := s.FindCredential(ctx, "lips", "pub-k", now); err != nil {
			return err
		}
		return s.CountRequest(ctx, "a", now, 1<<30)
	})
}

// clients is how many clients a benchmark has at the same time, for each core.
const clients = 8

// sideBySide measures do when clients call it at the same time. What it costs to connect is not measured.
func sideBySide(b *testing.B, do func() error) {
	var connected sync.WaitGroup
	for range 4 * clients * runtime.GOMAXPROCS(0) {
		connected.Go(func() {
			if err := do(); err != nil {
				b.Error(err)
			}
		})
	}
	connected.Wait()
	b.SetParallelism(clients)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := do(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
