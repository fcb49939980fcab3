package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bonafide-id/bonafide/internal/store"
)

// BenchmarkTakeAndSettle measures the life of a transaction without its check: opened, taken twice as the verifier does,
// settled with its record. Clients run side by side on one account that has a quota: the worst that one account can do.
func BenchmarkTakeAndSettle(b *testing.B, s store.Store) {
	a := anAccount("a")
	a.MonthlyQuota = 1 << 40
	if err := s.AddAccount(ctx, a); err != nil {
		b.Fatal(err)
	}
	var ids atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			id := fmt.Sprint("t", ids.Add(1))
			if err := s.AddTransaction(ctx, aTransaction(id, "a")); err != nil {
				b.Fatal(err)
			}
			for range 2 {
				if _, err := s.Transaction(ctx, "a", id); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Settle(ctx, aRecord("r"+id, "a", id)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAdmit measures what a request costs before its check: its credentials found, counted against the rate.
func BenchmarkAdmit(b *testing.B, s store.Store) {
	if err := s.AddAccount(ctx, anAccount("a")); err != nil {
		b.Fatal(err)
	}
	if err := s.AddKey(ctx, aKey("k", "a")); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			now := time.Now()
			if _, err := s.FindCredential(ctx, "lips", "pub-k", now); err != nil {
				b.Fatal(err)
			}
			if err := s.CountRequest(ctx, "a", now, 1<<30); err != nil {
				b.Fatal(err)
			}
		}
	})
}
