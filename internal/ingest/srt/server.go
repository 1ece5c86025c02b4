// Package srt lets encoders in over SRT: it reads what they say of themselves in
// the handshake, and makes units of the transport stream that they send.
//
// Who may publish is the Gate's to say. The protocol itself is a library's.
package srt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	gosrt "github.com/datarhei/gosrt"

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

	AdmitTimeout time.Duration // for the gate to answer; 0: 10 s
	IdleTimeout  time.Duration // without media; 0: 30 s

	MaxWaiting        int // peers that the gate is asked about; 0: 1024
	MaxWaitingPerAddr int // the same from one IPv4 address or IPv6 /64; 0: 256

	waiting limit.Counter
	quiet   quiet
}

var (
	errStopping    = ivs.Errorf(ivs.Unavailable, "the server is stopping; connect again in a moment")
	errUnreachable = ivs.Errorf(ivs.Unavailable, "nothing was heard of the encoder for %v", peerIdle)
	errPassphrase  = errors.New("wrong passphrase")
)

// Serve accepts publishers until ctx ends or ln is closed, and returns when the
// last connection is gone.
func (s *Server) Serve(ctx context.Context, ln *Listener) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer ln.Close()
	defer context.AfterFunc(ctx, ln.Close)()
	for {
		req, err := ln.accept(s.log())
		if err != nil && (ctx.Err() != nil || errors.Is(err, gosrt.ErrListenerClosed)) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		conns.Go(func() { s.serve(ctx, ln, req) })
	}
}

// serve answers one peer, and serves it if it is let in until it leaves, a
// timeout, the Publication's wish, or the end of ctx.
func (s *Server) serve(ctx context.Context, ln *Listener, req gosrt.ConnRequest) {
	from := limit.NetworkOf(req.RemoteAddr().String())
	if !s.waiting.Acquire(from, 1, int64(cmp.Or(s.MaxWaiting, 1024)), int64(cmp.Or(s.MaxWaitingPerAddr, 256))) {
		req.Reject(gosrt.REJX_OVERLOAD)
		return
	}
	said := ln.farewells.expect(req.SocketId()) // a peer may leave as soon as it is accepted
	defer ln.farewells.forget(req.SocketId())
	var c *conn
	err := s.protect(func() (err error) {
		defer s.waiting.Release(from, 1)
		c, err = s.admit(ctx, req)
		return err
	})
	if err != nil {
		req.Reject(reason(err))
		if s.quiet.may(from, string(ivs.CodeOf(err)), time.Now()) {
			s.log().Info("publisher refused", "remote", req.RemoteAddr().String(), "err", err)
		}
		return
	}
	defer closeConn(c.nc)
	c.said = said
	err = s.protect(func() error { return c.run(ctx) })
	c.noteEnd(err)
	c.pub.End(err)
	s.log().Debug("SRT connection ended", "remote", req.RemoteAddr().String(), "err", err,
		"dropped", c.media.dropped+c.media.reader.Lost, "malformed", c.media.bad)
}

// admit asks the gate, and accepts the peer if it may come in.
func (s *Server) admit(ctx context.Context, req gosrt.ConnRequest) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.AdmitTimeout, 10*time.Second))
	defer cancel()
	key, query, err := parseStreamID(req.StreamId())
	if err != nil {
		return nil, err
	}
	q := ingest.Request{
		Protocol: "srt", Secure: req.IsEncrypted(), Key: key, Query: query, Remote: req.RemoteAddr().String(), Trace: new(trace.Peer),
	}
	noteRequest(q, req.StreamId())
	var wrong bool
	if q.Secure {
		q.Unlock = func(passphrase ivs.Secret) error {
			if err := req.SetPassphrase(string(passphrase)); err != nil {
				wrong = true
				return errPassphrase
			}
			return nil
		}
	}
	pub, err := s.Gate.Admit(ctx, q)
	if wrong {
		return nil, &passphraseError{err}
	}
	if err != nil {
		return nil, err
	}
	nc, err := req.Accept()
	if err != nil {
		err = fmt.Errorf("accept: %w", err)
		pub.End(err)
		return nil, err
	}
	c := newConn(s, nc, pub)
	c.trace = q.Trace
	c.noteAccepted()
	return c, nil
}

// A passphraseError is the refusal of a peer that has the wrong passphrase.
type passphraseError struct{ err error }

func (e *passphraseError) Error() string { return e.err.Error() }
func (e *passphraseError) Unwrap() error { return e.err }

// reason is what a peer is told of a refusal: a number (SRT Access Control
// Guidelines).
func reason(err error) gosrt.RejectionReason {
	if _, ok := errors.AsType[*passphraseError](err); ok {
		return gosrt.REJ_BADSECRET
	}
	switch ivs.CodeOf(err) {
	case ivs.Invalid:
		return gosrt.REJX_BAD_REQUEST
	case ivs.NotFound:
		return gosrt.REJX_UNAUTHORIZED
	case ivs.Denied:
		return gosrt.REJ_UNSECURE
	case ivs.Conflict:
		return gosrt.REJX_CONFLICT
	case ivs.QuotaExceeded, ivs.Throttled:
		return gosrt.REJX_OVERLOAD
	case ivs.Unavailable:
		return gosrt.REJX_DOWN
	default:
		return gosrt.REJX_ISE
	}
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

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

func (s *Server) idleTimeout() time.Duration { return cmp.Or(s.IdleTimeout, 30*time.Second) }
