package srt

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/trace"
)

const (
	// look is how often a connection is measured, and whether it is still wanted.
	look = time.Second

	// maxHeld is how many bytes of one publisher may be held back for those that
	// are missing: a peer dates its packets itself.
	maxHeld = 16 << 20
)

// A conn is a peer that publishes.
type conn struct {
	server *Server
	nc     gosrt.Conn
	pub    ingest.Publication
	media  demuxer // belongs to run
	trace  *trace.Peer
	start  time.Time

	said  *atomic.Bool // the peer said farewell
	heard atomic.Int64 // when media last came, nanoseconds since 1970
	cause atomic.Pointer[error]
}

func newConn(s *Server, nc gosrt.Conn, pub ingest.Publication) *conn {
	c := &conn{server: s, nc: nc, pub: pub, start: time.Now()}
	c.media.out = pub
	c.heard.Store(time.Now().UnixNano())
	return c
}

// run reads the connection until it ends, and returns what Publication.End is to
// be told.
func (c *conn) run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	defer closeConn(c.nc)
	done := make(chan struct{})
	defer close(done)
	watching.Go(func() { c.watch(ctx, done) })
	for {
		p, err := c.nc.ReadPacket()
		if err != nil {
			return c.ended()
		}
		now := time.Now()
		err = c.media.feed(p.Data(), now)
		p.Decommission()
		if err != nil {
			return err
		}
		if c.media.heard.Equal(now) {
			c.heard.Store(now.UnixNano())
		}
	}
}

// watch closes the connection when it is to end, which ends run's reading.
func (c *conn) watch(ctx context.Context, done <-chan struct{}) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-c.pub.Done():
			c.close(c.pub.Cause())
			return
		case <-ctx.Done():
			c.close(errStopping)
			return
		case now := <-tick.C:
			if err := c.measure(now); err != nil {
				c.close(err)
				return
			}
		}
	}
}

// measure notes how the network does, and returns why the connection is to end,
// if it is.
func (c *conn) measure(now time.Time) error {
	var s gosrt.Statistics
	c.nc.Stats(&s)
	c.pub.SetLink(link(&s))
	if s.Instantaneous.ByteRecvBuf > maxHeld {
		return ivs.Errorf(ivs.Invalid, "the encoder's packets are dated too far ahead; restart the encoder")
	}
	if d := c.server.idleTimeout(); now.Sub(time.Unix(0, c.heard.Load())) > d {
		return ivs.Errorf(ivs.Invalid, "no media came for %v", d)
	}
	return nil
}

// link is what statistics say of the network.
func link(s *gosrt.Statistics) ingest.Link {
	return ingest.Link{
		RTT:           time.Duration(s.Instantaneous.MsRTT * float64(time.Millisecond)),
		Received:      int64(s.Accumulated.PktRecv),        //nolint:gosec // a count
		Lost:          int64(s.Accumulated.PktRecvLoss),    //nolint:gosec // a count
		Retransmitted: int64(s.Accumulated.PktRecvRetrans), //nolint:gosec // a count
		Dropped:       int64(s.Accumulated.PktRecvDrop),    //nolint:gosec // a count
	}
}

// close ends the connection for a cause.
func (c *conn) close(cause error) {
	c.cause.Store(&cause)
	closeConn(c.nc)
}

// closeConn closes a connection, which the library never fails to.
func closeConn(nc gosrt.Conn) { _ = nc.Close() }

// ended says why there is nothing more to read: nil if the encoder wanted it so.
// What is complete of its media was passed on.
func (c *conn) ended() error {
	if cause := c.cause.Load(); cause != nil {
		return *cause
	}
	var s gosrt.Statistics
	c.nc.Stats(&s)
	c.pub.SetLink(link(&s))
	if !c.said.Load() {
		return errUnreachable
	}
	return nil
}
