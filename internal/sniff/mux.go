// Package sniff tells apart, by the first bytes that a client sends, the
// protocols that share a TCP port: TLS, and inside it or without it HTTP or
// RTMP.
//
// It speaks none of them but TLS. Connections come out of two listeners, one
// for net/http and one for package ingest/rtmp, with nothing lost of what was
// read to tell them apart.
package sniff

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"openivs/internal/limit"
)

// A Mux takes connections from any number of listeners and hands each to the
// outlet of its protocol. Set the fields before the first Serve and leave them
// alone afterwards.
//
// A connection that was encrypted has a ConnectionState method, and no other
// has; net/http fills Request.TLS by the same rule. Where ALPN chose h2 the
// connection is the *tls.Conn itself, so that net/http serves HTTP/2.
type Mux struct {
	TLS *tls.Config  // nil: TLS is refused. With no NextProtos, h2 and http/1.1 are offered
	Log *slog.Logger // nil: nothing is logged

	Timeout           time.Duration // from accept to hand-over, the TLS handshake included; 0: 10 s
	MaxPending        int           // connections between accept and hand-over; 0: 2048
	MaxPendingPerAddr int           // the same from one IPv4 address or IPv6 /64; 0: 256, but no limit for this host, where a proxy stands for many clients

	// Proxy reports whether an address is one of a proxy whose connections may
	// begin with a header of the PROXY protocol, version 2, which then says where
	// they come from; nil: there is none. Nobody else's may.
	Proxy func(netip.Addr) bool

	HTTP Outlet // HTTP/1, HTTP/2 over TLS, and HTTP/2 with prior knowledge
	RTMP Outlet

	pending limit.Counter
}

// The pauses after an accept that failed for want of a resource.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// Serve accepts connections on ln until ctx ends, then closes ln and whatever
// has not been handed over, and returns nil. It leaves the outlets open: other
// listeners may feed them too.
func (m *Mux) Serve(ctx context.Context, ln net.Listener) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { ln.Close() })()

	cfg := m.tlsConfig()
	var pause time.Duration
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
		case ctx.Err() != nil:
			return nil
		case passing(err):
			pause = min(max(2*pause, minPause), maxPause)
			m.log().Error("accept", "err", err)
			wait(ctx, pause)
			continue
		default:
			ln.Close()
			return fmt.Errorf("accept: %w", err)
		}
		from := limit.Network(c.RemoteAddr())
		if !m.pending.Acquire(from, 1, m.maxPending(), m.maxFrom(from)) {
			c.Close()
			continue
		}
		conns.Go(func() {
			defer m.pending.Release(from, 1)
			m.serve(ctx, c, cfg)
		})
	}
}

func (m *Mux) maxPending() int64 { return int64(cmp.Or(m.MaxPending, 2048)) }

func (m *Mux) maxFrom(p netip.Prefix) int64 {
	if m.MaxPendingPerAddr == 0 && p.Addr().IsLoopback() {
		return m.maxPending()
	}
	return int64(cmp.Or(m.MaxPendingPerAddr, 256))
}

// serve hands c over or closes it.
func (m *Mux) serve(ctx context.Context, c net.Conn, cfg *tls.Config) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(m.Timeout, 10*time.Second))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Close() })

	told, out, err := m.tell(ctx, c, cfg)
	if !stop() || err != nil {
		c.Close()
		m.log().Debug("connection of no known protocol", "remote", c.RemoteAddr().String(), "err", errors.Join(err, context.Cause(ctx)))
		return
	}
	out.deliver(ctx, told)
}

// tell finds the outlet for c and wraps c so that what was read is read again.
func (m *Mux) tell(ctx context.Context, c net.Conn, cfg *tls.Config) (net.Conn, *Outlet, error) {
	first, from, err := m.preface(c)
	if err != nil {
		return nil, nil, fmt.Errorf("PROXY protocol: %w", err)
	}
	p, plain, err := peek(c, first...)
	if err != nil {
		return nil, nil, err
	}
	plain.from = from
	if p != protocolTLS {
		out, err := m.outlet(p)
		return plain, out, err
	}
	if cfg == nil {
		return nil, nil, errors.New("TLS is not served here")
	}
	t := tls.Server(plain, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if t.ConnectionState().NegotiatedProtocol == "h2" {
		return t, &m.HTTP, nil
	}
	p, inner, err := peek(t)
	if err != nil {
		return nil, nil, fmt.Errorf("inside TLS: %w", err)
	}
	out, err := m.outlet(p)
	return &secureConn{conn: inner, tls: t, base: plain}, out, err
}

func (m *Mux) outlet(p protocol) (*Outlet, error) {
	switch p {
	case protocolHTTP:
		return &m.HTTP, nil
	case protocolRTMP:
		return &m.RTMP, nil
	default:
		return nil, fmt.Errorf("%v is not served here", p)
	}
}

func (m *Mux) tlsConfig() *tls.Config {
	if m.TLS == nil {
		return nil
	}
	cfg := m.TLS.Clone()
	if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	return cfg
}

func (m *Mux) log() *slog.Logger {
	if m.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return m.Log
}

// passing reports whether an accept that failed with err may succeed later.
func passing(err error) bool {
	for _, e := range [...]syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPROTO,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
