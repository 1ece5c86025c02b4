// Package rtmp lets encoders in over RTMP and RTMPS: it reads the chunk stream,
// answers the commands, and makes units of the media.
//
// Who may publish is the Gate's to say. TLS, and telling RTMP from other
// protocols, happened before (package sniff).
package rtmp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/limit"
	"openivs/internal/trace"
)

// A Server serves publishers. Set the fields before the first connection and
// leave them alone afterwards.
type Server struct {
	Gate ingest.Gate  // required
	Log  *slog.Logger // nil: nothing is logged

	HandshakeTimeout time.Duration // from the first byte to an accepted publish; 0: 10 s
	IdleTimeout      time.Duration // without media; 0: 30 s
	WriteTimeout     time.Duration // for an answer to be taken; 0: 10 s

	MaxWaiting        int // connections that do not publish yet; 0: 1024
	MaxWaitingPerAddr int // the same from one IPv4 address or IPv6 /64; 0: 256

	waiting limit.Counter
}

var errStopping = ivs.Errorf(ivs.Unavailable, "the server is stopping; connect again in a moment")

// Serve accepts publishers until ln is closed or ctx ends, and returns when the
// last connection is gone. Those that are there when ln is closed stay until
// their publications end them; the end of ctx ends them all. A connection that
// has a ConnectionState method is one inside TLS.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var conns, reading sync.WaitGroup
	defer reading.Wait()
	defer conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	ls := newLoops(s, &conns)
	reading.Go(func() { ls.run(ctx) })
	for {
		nc, err := ln.Accept()
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			conns.Wait()
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		_, secure := nc.(interface{ ConnectionState() tls.ConnectionState })
		conns.Go(func() { s.serve(ctx, nc, secure, ls) })
	}
}

// ServeConn serves one connection until the peer leaves, a timeout, the
// Publication's wish, or the end of ctx, and closes it. secure says that it is
// encrypted.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn, secure bool) {
	s.serve(ctx, nc, secure, nil)
}

// serve serves one connection until its end, or until one of the loops takes it.
func (s *Server) serve(ctx context.Context, nc net.Conn, secure bool, ls loops) {
	from := limit.Network(nc.RemoteAddr())
	if !s.waiting.Acquire(from, 1, int64(cmp.Or(s.MaxWaiting, 1024)), int64(cmp.Or(s.MaxWaitingPerAddr, 256))) {
		nc.Close()
		return
	}
	release := sync.OnceFunc(func() { s.waiting.Release(from, 1) })
	defer release()

	c := &conn{server: s, nc: nc, admit: release}
	c.session.gate = s.Gate
	c.session.request = ingest.Request{Protocol: "rtmp", Secure: secure, Remote: nc.RemoteAddr().String(), Trace: new(trace.Peer)}
	if secure {
		c.session.request.Protocol = "rtmps"
	}
	c.noteConnected()
	c.watch(ctx)
	err := s.protect(func() error { return c.run(ctx, ls) })
	if errors.Is(err, errTaken) {
		return
	}
	s.leave(c, err)
}

// leave ends a connection, and returns when it is closed.
func (s *Server) leave(c *conn, err error) {
	if c.session.pub != nil {
		c.noteEnd(err, time.Now())
		c.session.pub.End(ending(err))
	}
	s.report(c, err)
	c.unwatch()
	c.end(err)
}

// protect turns a panic into an error: one encoder's odd stream must not end
// everyone's.
func (s *Server) protect(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			s.log().Error("publisher's connection failed", "err", err, "stack", string(debug.Stack()))
		}
	}()
	return run()
}

// report logs what the gate does not hear of, or decided.
func (s *Server) report(c *conn, err error) {
	log := s.log().With("remote", c.session.request.Remote)
	if _, ok := errors.AsType[*refusal](err); ok {
		log.Info("publisher refused", "err", err)
		return
	}
	m := &c.session.media
	log.Debug("RTMP connection ended", "err", err, "dropped", m.dropped, "malformed", m.bad)
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

func (s *Server) handshakeTimeout() time.Duration { return cmp.Or(s.HandshakeTimeout, 10*time.Second) }
func (s *Server) idleTimeout() time.Duration      { return cmp.Or(s.IdleTimeout, 30*time.Second) }
func (s *Server) writeTimeout() time.Duration     { return cmp.Or(s.WriteTimeout, 10*time.Second) }
