// Package forward tells where an HTTP request comes from that proxies may have
// passed on.
//
// It believes proxies that it was told to trust and nobody else.
package forward

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many addresses of a request are looked at, the nearest first.
const maxHops = 32

// Trusted are the networks of proxies whose word is taken.
type Trusted []netip.Prefix

// Has reports whether an address is one of a trusted proxy.
func (t Trusted) Has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range t {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Client returns the address of who sent a request. It is that of the socket,
// unless this is a trusted proxy: then the last address in X-Forwarded-For that
// is no trusted proxy's. Where a proxy says something that is no address, the
// proxy is the client. The zero address stands for one that is not known.
func (t Trusted) Client(r *http.Request) netip.Addr {
	socket, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := socket.Addr().Unmap().WithZone("")
	if len(t) == 0 {
		return client
	}
	lines := r.Header["X-Forwarded-For"]
	for hops, n := 0, len(lines)-1; n >= 0; n-- {
		for rest := lines[n]; rest != ""; hops++ {
			if hops == maxHops || !t.Has(client) {
				return client
			}
			hop := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				rest = ""
			}
			a, ok := parse(strings.TrimSpace(hop))
			if !ok {
				return client
			}
			client = a
		}
	}
	return client
}

// parse reads an address as proxies write it: alone, in brackets, or with a port.
func parse(s string) (netip.Addr, bool) {
	const longest = 64 // characters; an IPv6 address with brackets and a port has 47
	if len(s) > longest {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(s)
		a = withPort.Addr()
	}
	return a.Unmap().WithZone(""), err == nil
}
