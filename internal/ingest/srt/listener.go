package srt

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	gosrt "github.com/datarhei/gosrt"
)

const (
	// defaultLatency is how long packets are held back for those that are missing
	// to be sent again, as libsrt has it.
	defaultLatency = 120 * time.Millisecond

	// peerIdle is how long a peer may say nothing at all before it counts as gone.
	peerIdle = 5 * time.Second
)

// A Listener is a UDP port that publishers come in by.
type Listener struct {
	ln        gosrt.Listener
	farewells *farewells
}

// Listen opens a UDP port. latency is how long packets are held back for those
// that are missing, unless the peer wants more; 0: 120 ms.
func Listen(address string, latency time.Duration) (*Listener, error) {
	at, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	// The library would share a port that is in use.
	free, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, err
	}
	if err := free.Close(); err != nil {
		return nil, err
	}
	c := gosrt.DefaultConfig()
	c.ReceiverLatency = cmp.Or(latency, defaultLatency)
	c.PeerIdleTimeout = peerIdle
	said := new(farewells)
	c.Logger = said
	host := ""
	if at.IP != nil {
		host = at.IP.String()
	}
	ln, err := gosrt.Listen("srt", net.JoinHostPort(host, fmt.Sprint(at.Port)), c)
	if err != nil {
		return nil, err
	}
	return &Listener{ln: ln, farewells: said}, nil
}

// Addr is where the listener listens.
func (l *Listener) Addr() netip.AddrPort {
	a, ok := l.ln.Addr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return a.AddrPort()
}

// Close closes the port, and all that came in by it.
func (l *Listener) Close() { l.ln.Close() }

// accept returns the next that asks to come in. What the library cannot read is
// passed over.
func (l *Listener) accept(log *slog.Logger) (req gosrt.ConnRequest, err error) {
	for req == nil && err == nil {
		req, err = l.acceptOne(log)
	}
	return req, err
}

func (l *Listener) acceptOne(log *slog.Logger) (req gosrt.ConnRequest, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("handshake failed", "err", fmt.Errorf("panic: %v", p), "stack", string(debug.Stack()))
			req, err = nil, nil
		}
	}()
	return l.ln.Accept2()
}
