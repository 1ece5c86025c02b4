package sniff

import (
	"net"
	"net/netip"
	"sync"
)

// A limiter counts connections, in all and by the network they come from.
type limiter struct {
	mu    sync.Mutex
	total int
	from  map[netip.Prefix]int
}

// acquire counts one more, unless that is more than most in all or mostFrom
// from there.
func (l *limiter) acquire(from netip.Prefix, most, mostFrom int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= most || l.from[from] >= mostFrom {
		return false
	}
	if l.from == nil {
		l.from = make(map[netip.Prefix]int)
	}
	l.total++
	l.from[from]++
	return true
}

// release takes back one acquire.
func (l *limiter) release(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	l.from[from]--
	if l.from[from] == 0 {
		delete(l.from, from)
	}
}

// network returns what one peer may be expected to hold: an IPv4 address, or an
// IPv6 /64.
func network(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := t.AddrPort().Addr().Unmap()
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
