package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/bluenviron/gortmplib/pkg/handshake"

	"openivs/internal/ivs"
)

const (
	// smallBuffer and largeBuffer are how many bytes are read at once before and
	// after publish is accepted.
	smallBuffer = 4 << 10
	largeBuffer = 32 << 10

	// poll is how long a read waits before the connection looks whether it is
	// still wanted.
	poll = 250 * time.Millisecond

	// lingerTime is how long a connection that we end is read from, for the peer
	// to see why before it sees a reset.
	lingerTime = 2 * time.Second

	// maxLinger is how many bytes are read for that.
	maxLinger = 8 << 20
)

// A conn joins a session to its socket.
type conn struct {
	server  *Server
	nc      net.Conn
	admit   func()      // called once publish is accepted
	unwatch func() bool // ends watch, and reports whether it had nothing to do

	session session
	start   time.Time
	armed   time.Time // the read deadline, or in a loop when it looks next whether it is wanted
	buf     []byte
	unread  []byte // of buf

	sock socket // what carries nc while a loop has it
}

// errTaken means that a loop goes on with the connection.
var errTaken = errors.New("taken by a loop")

// run serves the connection until it ends, and returns why. Once it publishes,
// one of the loops takes it, where that can be done.
func (c *conn) run(ctx context.Context, ls loops) error {
	c.start = time.Now()
	c.buf = make([]byte, smallBuffer)
	limit, cancel := context.WithDeadline(ctx, c.start.Add(c.server.handshakeTimeout()))
	defer cancel()

	err := c.handshake(ctx)
	at := time.Now()
	for err == nil {
		err = c.session.feed(limit, c.unread, at)
		if err == nil {
			err = c.wanted(ctx, at)
		}
		if err == nil {
			err = c.flush(at)
		}
		if err == nil && c.session.pub != nil && len(c.buf) < largeBuffer {
			err = c.settle(ctx, ls)
		}
		if err == nil {
			at, err = c.fill(ctx)
		}
	}
	return err
}

// watch has reads end when ctx does.
func (c *conn) watch(ctx context.Context) {
	nc := c.nc
	c.unwatch = context.AfterFunc(ctx, func() { nc.SetReadDeadline(time.Unix(1, 0)) })
}

// settle prepares for media, and returns errTaken if a loop will read it.
func (c *conn) settle(ctx context.Context, ls loops) error {
	if len(ls) > 0 && c.unwatch() {
		c.armed = time.Time{}
		if c.detach() == nil && ls.take(ctx, c) {
			return errTaken
		}
		if c.sock != nil {
			return errStopping
		}
		c.watch(ctx)
	}
	c.buf = make([]byte, largeBuffer)
	return nil
}

// handshake does not answer RTMPE, which is no protection.
func (c *conn) handshake(ctx context.Context) error {
	for len(c.unread) == 0 {
		if err := c.more(ctx); err != nil {
			return err
		}
	}
	if c.unread[0] != 3 {
		return fmt.Errorf("RTMP version %d, only 3 is served", c.unread[0])
	}
	read := func(p []byte) (int, error) {
		for len(c.unread) == 0 {
			if err := c.more(ctx); err != nil {
				return 0, err
			}
		}
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	if _, _, err := handshake.DoServer(shaker{read, &c.session.out}, false); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.session.received = 1 + 2*1536
	c.session.request.Trace.Note("handshake", "done")
	return c.flush(time.Now())
}

// A shaker is a conn during the handshake. What is written waits for the next
// read.
type shaker struct {
	read func([]byte) (int, error)
	io.Writer
}

func (s shaker) Read(p []byte) (int, error) { return s.read(p) }

// more sends what waits to be sent, and reads once.
func (c *conn) more(ctx context.Context) error {
	now := time.Now()
	if err := c.flush(now); err != nil {
		return err
	}
	if err := c.wanted(ctx, now); err != nil {
		return err
	}
	_, err := c.fill(ctx)
	return err
}

// fill reads once, and returns when. It may come back with nothing after a
// while.
func (c *conn) fill(ctx context.Context) (time.Time, error) {
	c.unread = nil
	if now := time.Now(); c.armed.Sub(now) < poll/2 {
		c.armed = now.Add(poll)
		if err := c.nc.SetReadDeadline(c.armed); err != nil {
			return now, err
		}
	}
	select {
	case <-ctx.Done(): // which may have come before the deadline was set
		return time.Now(), nil
	default:
	}
	n, err := c.nc.Read(c.buf)
	c.unread = c.buf[:n]
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return time.Now(), err
}

// wanted returns why the connection is to end, if it is.
func (c *conn) wanted(ctx context.Context, now time.Time) error {
	pub := c.session.pub
	if pub == nil {
		if ctx.Err() != nil {
			return errStopping
		}
		if d := c.server.handshakeTimeout(); now.Sub(c.start) > d {
			return ivs.Errorf(ivs.Invalid, "nothing was published within %v", d)
		}
		return nil
	}
	if c.admit != nil {
		c.admit()
		c.admit = nil
	}
	select {
	case <-pub.Done():
		return &stop{pub.Cause()}
	default:
	}
	if ctx.Err() != nil {
		return errStopping
	}
	if d := c.server.idleTimeout(); now.Sub(c.session.media.heard) > d {
		return ivs.Errorf(ivs.Invalid, "no media came for %v", d)
	}
	return nil
}

// flush sends what the session has for the peer.
func (c *conn) flush(now time.Time) error {
	out := &c.session.out
	if out.Len() == 0 {
		return nil
	}
	if err := c.nc.SetWriteDeadline(now.Add(c.server.writeTimeout())); err != nil {
		return err
	}
	_, err := c.nc.Write(out.Bytes())
	out.Reset()
	return err
}

// end tells the peer why the connection ends, and closes it when the peer has
// had time to read that.
func (c *conn) end(cause error) {
	if c.sock != nil && c.attach() != nil {
		return
	}
	defer c.nc.Close()
	if err := c.session.goodbye(cause); err != nil || c.session.out.Len() == 0 {
		return
	}
	now := time.Now()
	if c.nc.SetWriteDeadline(now.Add(lingerTime)) != nil {
		return
	}
	if _, err := c.nc.Write(c.session.out.Bytes()); err != nil {
		return
	}
	w, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil || c.nc.SetReadDeadline(now.Add(lingerTime)) != nil {
		return
	}
	for got := 0; got < maxLinger; {
		n, err := c.nc.Read(c.buf)
		if err != nil {
			return
		}
		got += n
	}
}
