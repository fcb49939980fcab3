package server

import "testing"

const mb = 1 << 20

// One account takes what it can. Whoever comes after it still gets a recording's memory, and so does the next.
func TestNoAccountTakesAllUploadMemory(t *testing.T) {
	m := newUploadMemory(256 * mb)
	for _, c := range []struct {
		who    owner
		most   int64 // what it gets, in MB, of single MB
		single int64 // what one upload more of a newcomer could be
	}{
		{owner{account: "greedy"}, 128, 128},
		{owner{account: "second"}, 64, 64},
		{owner{account: "third"}, 32, 32},
	} {
		var got int64
		for m.reserve(c.who, 0, mb) {
			got++
		}
		if got != c.most || m.freeBytes() != c.single*mb {
			t.Errorf("%v got %d MB and left %d, want %d and %d", c.who, got, m.freeBytes()/mb, c.most, c.single)
		}
	}
}

// An address with browser tokens gets half of what its account does, so that other visitors and the account itself go on.
func TestNoAddressTakesItsAccountsShare(t *testing.T) {
	m := newUploadMemory(300 * mb)
	count := func(who owner) (got int) {
		for m.reserve(who, 0, mb) {
			got++
		}
		return got
	}
	if got := count(owner{"shop", "192.0.2.7"}); got != 100 {
		t.Errorf("the first address got %d MB", got)
	}
	if got := count(owner{"shop", "192.0.2.8"}); got != 50 {
		t.Errorf("the second address got %d MB", got)
	}
	if m.reserve(owner{"shop", "192.0.2.7"}, 0, mb) || m.reserve(owner{account: "shop"}, 0, mb) {
		t.Error("the account has over half")
	}
	if got := count(owner{account: "other"}); got != 75 {
		t.Errorf("another account got %d MB", got)
	}
}

// A single upload may be as large as the memory, and all of it comes back.
func TestASingleUploadNeedsMemoryOnly(t *testing.T) {
	m := newUploadMemory(50 * mb)
	who := owner{"shop", "192.0.2.7"}
	if !m.reserve(who, 0, 40*mb) || !m.reserve(who, 40*mb, 10*mb) {
		t.Fatal("refused")
	}
	if m.reserve(owner{account: "other"}, 0, 1) {
		t.Error("more than there is")
	}
	m.release(who, 50*mb)
	if m.freeBytes() != 50*mb || len(m.held) != 0 {
		t.Errorf("%d bytes left, %v held", m.freeBytes(), m.held)
	}
}
