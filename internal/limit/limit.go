// Package limit counts what clients hold of something scarce, in all and by the
// network they come from, so that no single one holds everything.
//
// It does not know what is counted, nor what becomes of who is refused.
package limit

import (
	"net"
	"net/netip"
	"sync"
)

// A Counter counts. The zero Counter has counted nothing.
type Counter struct {
	mu    sync.Mutex
	total int64
	from  map[netip.Prefix]int64
}

// Acquire counts n more, unless that makes more than most in all or more than
// mostFrom from there, and reports whether it did.
func (c *Counter) Acquire(from netip.Prefix, n, most, mostFrom int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > most-c.total || n > mostFrom-c.from[from] {
		return false
	}
	if c.from == nil {
		c.from = make(map[netip.Prefix]int64)
	}
	c.total += n
	c.from[from] += n
	return true
}

// Release takes back n that were acquired.
func (c *Counter) Release(from netip.Prefix, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total -= n
	c.from[from] -= n
	if c.from[from] == 0 {
		delete(c.from, from)
	}
}

// Network returns what one peer may be expected to have: an IPv4 address, or an
// IPv6 /64. What is no TCP address is of one network of its own.
func Network(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return NetworkOfIP(t.AddrPort().Addr())
}

// NetworkOf is Network for an address and port as text, as net/http tells them.
func NetworkOf(address string) netip.Prefix {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{}
	}
	return NetworkOfIP(a.Addr())
}

// NetworkOfIP is Network for an IP address.
func NetworkOfIP(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
