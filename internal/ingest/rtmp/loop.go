package rtmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tick is how often the connections of publishers are read. What it delays
	// media by is small beside a part's length; what it saves is a wake-up for
	// each message, which costs more than the message's bytes.
	tick = 10 * time.Millisecond

	// tickBuffer is how many bytes a loop reads at once.
	tickBuffer = 64 << 10

	// maxTurn is how many bytes are read from one connection in one tick, many
	// times what any encoder sends. A peer that sends more waits for the next.
	maxTurn = 256 << 10

	// tickPoll is how long a loop reads from a connection before it looks whether
	// it is still wanted.
	tickPoll = 50 * time.Millisecond

	// fewConns is how many connections a loop has before the next begins to be
	// used. One loop's wake-ups serve them all.
	fewConns = 64
)

// A socket is a TCP connection that the runtime does not watch: what arrives
// wakes nobody. Read and Write do not wait, and deadlines mean nothing. A Read
// that finds nothing fails with os.ErrDeadlineExceeded, as do those that follow
// until renew.
type socket interface {
	net.Conn

	renew()           // has Read look again
	flush() error     // sends what Write could not
	stuck() time.Time // since when the peer has not taken what was written; zero: it has

	// attach gives the connection back to the runtime, or closes it. The socket
	// is of no use then.
	attach() (net.Conn, error)
}

// A rebaser is a connection made on top of another, which can be exchanged
// while nobody reads or writes. If exchange fails nothing has changed.
type rebaser interface {
	Rebase(exchange func(net.Conn) (net.Conn, error)) error
}

// loops read the connections of publishers on a shared tick.
type loops []*loop

// newLoops returns as many loops as can run at once. They count in conns the
// connections that they have, and those that leave them.
func newLoops(s *Server, conns *sync.WaitGroup) loops {
	ls := make(loops, runtime.GOMAXPROCS(0))
	for i := range ls {
		ls[i] = &loop{server: s, counted: conns, join: make(chan *conn)}
	}
	return ls
}

// run runs all loops until ctx ends, and returns when all their connections end.
func (ls loops) run(ctx context.Context) {
	var running sync.WaitGroup
	for _, l := range ls {
		running.Go(func() { l.run(ctx) })
	}
	running.Wait()
}

// take hands c to the loop that is best for it, unless ctx ends before.
func (ls loops) take(ctx context.Context, c *conn) bool {
	to := ls[0]
	for _, l := range ls {
		n := l.size.Load()
		if n < to.size.Load() {
			to = l
		}
		if n < fewConns {
			to = l
			break
		}
	}
	to.counted.Add(1)
	select {
	case to.join <- c:
		return true
	case <-ctx.Done():
		to.counted.Done()
		return false
	}
}

// A loop owns the connections it was handed until they end.
type loop struct {
	server  *Server
	counted *sync.WaitGroup
	join    chan *conn
	size    atomic.Int64 // of conns; run sets it

	conns []*conn
	buf   []byte
}

// run reads the connections on each tick. Without any it sleeps.
func (l *loop) run(ctx context.Context) {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	ticks.Stop()
	for {
		select {
		case c := <-l.join:
			if len(l.conns) == 0 {
				ticks.Reset(tick)
				l.buf = make([]byte, tickBuffer)
			}
			l.conns = append(l.conns, c)
		case <-ticks.C:
			l.round(ctx)
		case <-ctx.Done():
			l.round(ctx)
			return
		}
		if len(l.conns) == 0 {
			ticks.Stop()
			l.buf = nil
		}
		l.size.Store(int64(len(l.conns)))
	}
}

// round gives every connection its turn. Those that end leave on a goroutine
// each, because their peers may take time to hear why.
func (l *loop) round(ctx context.Context) {
	now := time.Now()
	for i := 0; i < len(l.conns); {
		c := l.conns[i]
		err := l.server.protect(func() error { return c.turn(ctx, l.buf, now) })
		if err == nil {
			i++
			continue
		}
		last := len(l.conns) - 1
		l.conns[i], l.conns[last] = l.conns[last], nil
		l.conns = l.conns[:last]
		l.counted.Go(func() { l.server.leave(c, err) })
		l.counted.Done()
	}
}

// turn reads what arrived since the last tick, without waiting. A peer that does
// not take its answers is not read from.
func (c *conn) turn(ctx context.Context, buf []byte, now time.Time) error {
	if now.After(c.armed) || ctx.Err() != nil {
		c.armed = now.Add(tickPoll)
		if err := c.wanted(ctx, now); err != nil {
			return err
		}
	}
	if err := c.sock.flush(); err != nil {
		return err
	}
	c.sock.renew()
	for left := maxTurn; left > 0; {
		if since := c.sock.stuck(); !since.IsZero() {
			if now.Sub(since) > c.server.writeTimeout() {
				return fmt.Errorf("write: %w", os.ErrDeadlineExceeded)
			}
			return nil
		}
		n, err := c.nc.Read(buf)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if n == 0 && err != nil {
			return err
		}
		left -= n
		if err := c.session.feed(ctx, buf[:n], now); err != nil {
			return err
		}
		if err := c.flush(now); err != nil {
			return err
		}
	}
	return nil
}

// detach takes the connection from the runtime, if that can be done.
func (c *conn) detach() error {
	return c.rebase(func(nc net.Conn) (net.Conn, error) {
		s, err := detach(nc)
		if err == nil {
			c.sock = s
		}
		return s, err
	})
}

// attach gives the connection back to the runtime.
func (c *conn) attach() error {
	return c.rebase(func(net.Conn) (net.Conn, error) { return c.sock.attach() })
}

// rebase exchanges what carries the bytes of the connection, below TLS.
func (c *conn) rebase(exchange func(net.Conn) (net.Conn, error)) error {
	if r, ok := c.nc.(rebaser); ok {
		return r.Rebase(exchange)
	}
	nc, err := exchange(c.nc)
	if err == nil {
		c.nc = nc
	}
	return err
}
