package server

import (
	"sync"

	"github.com/bonafide-id/bonafide/internal/protocol"
)

// owner is who pays for a request's upload memory and queue slot. It is the account and, for media that a browser sends with a
// token, the browser's address.
type owner struct{ account, address string }

func ownerOf(c *protocol.Call) owner { return owner{c.Account, c.Visitor} }

// accountAndAddress returns the account, and the address where there is one.
func (o owner) accountAndAddress() []owner {
	if o.address == "" {
		return []owner{o}
	}
	return []owner{{account: o.account}, o}
}

// uploadMemory is the bytes that requests with media may hold at the same time. An account may hold as much as it leaves free for
// others, and an address of browsers half of that. So nobody can take it all. A single upload may be larger: it needs memory
// only.
type uploadMemory struct {
	mu   sync.Mutex
	free int64
	held map[owner]int64 // by each part of the owners
}

func newUploadMemory(bytes int64) *uploadMemory {
	return &uploadMemory{free: bytes, held: map[owner]int64{}}
}

// reserve takes bytes for an upload that holds own bytes already. It says whether the owner may have them.
func (m *uploadMemory) reserve(o owner, own, bytes int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	free := m.free - bytes
	share := free
	for _, part := range o.accountAndAddress() {
		if free < 0 || m.held[part] > own && m.held[part]+bytes > share {
			return false
		}
		share /= 2
	}
	m.add(o, bytes)
	return true
}

func (m *uploadMemory) release(o owner, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(o, -bytes)
}

func (m *uploadMemory) add(o owner, bytes int64) {
	m.free -= bytes
	for _, part := range o.accountAndAddress() {
		if m.held[part] += bytes; m.held[part] == 0 {
			delete(m.held, part)
		}
	}
}

// freeBytes returns how many bytes are free.
func (m *uploadMemory) freeBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free
}

// upload is one request's part of the upload memory.
type upload struct {
	memory *uploadMemory
	pool   *pool
	call   *protocol.Call
	owner  owner
	stated int64 // -1 where the client does not say
	// held is what the request holds in all, forBody what of it is for the body, of which read bytes are there.
	held, forBody, read int64
}

// reserveStated takes what the client says that it will send. It is called when the owner is known and nothing has been read.
func (u *upload) reserveStated() error {
	u.owner = ownerOf(u.call)
	if u.pool.wouldRefuse(u.owner) {
		return protocol.ErrOverloaded
	}
	u.forBody = max(u.stated, 0)
	return u.charge(u.forBody)
}

// chargeArrived takes what came of a body whose length nobody stated.
func (u *upload) chargeArrived(bytes int64) error {
	u.read += bytes
	more := max(0, u.read-u.forBody)
	u.forBody += more
	return u.charge(more)
}

// charge takes bytes, until release, or fails with protocol.ErrOverloaded.
func (u *upload) charge(bytes int64) error {
	if !u.memory.reserve(u.owner, u.held, bytes) {
		return protocol.ErrOverloaded
	}
	u.held += bytes
	return nil
}

func (u *upload) release() { u.memory.release(u.owner, u.held) }
