// Package publisher is a scripted RTMP encoder for tests, benchmarks and the
// measurements of this project: it sends exactly the messages it is told to.
//
// It encodes nothing (clips come from ffmpeg) and decides nothing about time;
// Play, which keeps a clip's own pace, is the one exception.
package publisher

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The types of message that are not media (RTMP 1.0, 5.4 and 7.1).
const (
	typeSetChunkSize = 1
	typeUserControl  = 4
	typeCommand      = 20
)

const (
	handshakeSize = 1536 // bytes of C1, C2, S1 and S2 (RTMP 1.0, 5.2.3)
	chunkSize     = 4096 // bytes, what this publisher sets
	mediaStream   = 1    // the message stream that servers give out first
	pingRequest   = 6    // user control event (RTMP 1.0, 7.1.7)
	pingResponse  = 7
)

// A RefusedError is the server's word for why a publisher may not go on.
type RefusedError struct {
	Code        string // such as NetStream.Publish.BadName
	Description string
}

// Error says what the server said.
func (r *RefusedError) Error() string { return r.Code + ": " + r.Description }

// A Conn is a connection that may publish. Its methods are called from one
// goroutine at a time, except Close, Ended and Err.
type Conn struct {
	conn net.Conn
	buf  []byte

	replies chan command  // results and statuses, as they come
	ended   chan struct{} // closed when the server has ended the connection
	err     error         // why; set before ended is closed

	write sync.Mutex // one message at a time; ping responses go between
}

// Dial connects to rtmp[s]://HOST:PORT/APP and goes as far as createStream.
// Certificates are not verified. The connection ends with ctx.
func Dial(ctx context.Context, address string) (*Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	if u.Scheme == "rtmps" {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // the server made its certificate itself
	}
	r := bufio.NewReader(conn)
	if err := handshake(conn, r); err != nil {
		return nil, errors.Join(fmt.Errorf("handshake: %w", err), conn.Close())
	}
	c := &Conn{conn: conn, replies: make(chan command, 16), ended: make(chan struct{})}
	go c.read(r)
	if err := c.open(ctx, u); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// handshake is the simple one (RTMP 1.0, 5.2).
func handshake(w io.Writer, r io.Reader) error {
	hello := make([]byte, 1+handshakeSize)
	hello[0] = 3 // version
	_, _ = rand.Read(hello[9:])
	if _, err := w.Write(hello); err != nil {
		return err
	}
	answer := make([]byte, 1+2*handshakeSize)
	if _, err := io.ReadFull(r, answer[:1+handshakeSize]); err != nil {
		return err
	}
	if _, err := w.Write(answer[1 : 1+handshakeSize]); err != nil {
		return err
	}
	_, err := io.ReadFull(r, answer[1+handshakeSize:])
	return err
}

// open sends what comes before publish, and waits for the media stream.
func (c *Conn) open(ctx context.Context, u *url.URL) error {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], chunkSize)
	app := strings.Trim(u.Path, "/")
	connect := amfObject(amfNumber(amfString(nil, "connect"), 1), []Property{
		{"app", app},
		{"type", "nonprivate"},
		{"flashVer", "FMLE/3.0 (compatible; openivs e2e)"},
		{"tcUrl", u.Scheme + "://" + u.Host + "/" + app},
	})
	err := errors.Join(
		c.send(controlStream, 0, Tag{Type: typeSetChunkSize, Body: size[:]}),
		c.send(commandStream, 0, Tag{Type: typeCommand, Body: connect}),
	)
	if err != nil {
		return err
	}
	if err := c.wait(ctx, "connect", func(r command) bool { return r.name == "_result" }); err != nil {
		return err
	}
	create := append(amfNumber(amfString(nil, "createStream"), 2), amfNullMark)
	if err := c.send(commandStream, 0, Tag{Type: typeCommand, Body: create}); err != nil {
		return err
	}
	return c.wait(ctx, "createStream", func(r command) bool { return r.name == "_result" })
}

// Publish asks to publish with a stream key. A *RefusedError says why not.
func (c *Conn) Publish(ctx context.Context, key string) error {
	b := append(amfNumber(amfString(nil, "publish"), 3), amfNullMark)
	b = amfString(amfString(b, key), "live")
	if err := c.send(commandStream, mediaStream, Tag{Type: typeCommand, Body: b}); err != nil {
		return err
	}
	return c.wait(ctx, "publish", func(r command) bool { return r.code == "NetStream.Publish.Start" })
}

// Send sends messages of media as they are.
func (c *Conn) Send(tags ...Tag) error {
	for _, t := range tags {
		csid := byte(audioStream)
		if t.Type == Video {
			csid = videoStream
		}
		if err := c.send(csid, mediaStream, t); err != nil {
			return err
		}
	}
	return nil
}

// Play sends a clip at its own pace, again and again, until ctx ends or the
// server does. Metadata and headers are sent the first time only. It reports
// when the last message was sent.
func (c *Conn) Play(ctx context.Context, clip []Tag) (last time.Time, err error) {
	start := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	length := Length(clip)
	for round := uint32(0); ; round++ {
		for _, t := range clip {
			if round > 0 && (t.Header() || t.Type == Data) {
				continue
			}
			t.Time += round * length
			wait.Reset(time.Until(start.Add(time.Duration(t.Time) * time.Millisecond)))
			select {
			case <-wait.C:
			case <-ctx.Done():
				return last, nil
			case <-c.ended:
				return last, c.err
			}
			if err := c.Send(t); err != nil {
				return last, err
			}
			last = time.Now()
		}
	}
}

// Length is how long a clip lasts, in milliseconds: up to the last picture, and
// one picture more.
func Length(clip []Tag) uint32 {
	var first, last, n uint32
	for _, t := range clip {
		if t.Type != Video || t.Header() || t.ofOtherTrack() {
			continue
		}
		if n == 0 {
			first = t.Time
		}
		last = t.Time
		n++
	}
	if n < 2 {
		return last
	}
	return last - first + (last-first)/(n-1)
}

// Unpublish takes leave as encoders do: FCUnpublish, deleteStream.
func (c *Conn) Unpublish(key string) error {
	leave := amfString(append(amfNumber(amfString(nil, "FCUnpublish"), 4), amfNullMark), key)
	remove := amfNumber(append(amfNumber(amfString(nil, "deleteStream"), 5), amfNullMark), mediaStream)
	return errors.Join(
		c.send(commandStream, 0, Tag{Type: typeCommand, Body: leave}),
		c.send(commandStream, 0, Tag{Type: typeCommand, Body: remove}),
		c.Close(),
	)
}

// Close drops the connection without a word.
func (c *Conn) Close() error { return c.conn.Close() }

// Ended is closed when the connection is over; Err then says why.
func (c *Conn) Ended() <-chan struct{} { return c.ended }

// Err is why the connection ended: a *RefusedError if the server said so. It is
// asked after Ended is closed.
func (c *Conn) Err() error { return c.err }

func (c *Conn) send(csid byte, stream uint32, t Tag) error {
	c.write.Lock()
	defer c.write.Unlock()
	chunk := chunkSize
	if t.Type == typeSetChunkSize {
		chunk = defaultChunk
	}
	c.buf = appendMessage(c.buf[:0], csid, stream, t, chunk)
	_, err := c.conn.Write(c.buf)
	return err
}

// wait waits for an answer that is good, or a refusal.
func (c *Conn) wait(ctx context.Context, what string, good func(command) bool) error {
	for {
		select {
		case r := <-c.replies:
			if good(r) {
				return nil
			}
		case <-c.ended:
			return fmt.Errorf("%s: %w", what, c.err)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

// read takes what the server sends until it ends, and answers its pings.
func (c *Conn) read(r *bufio.Reader) {
	defer close(c.ended)
	in := messageReader{r: r, chunk: defaultChunk, streams: map[int]*partial{}}
	var refused error
	for {
		t, err := in.next()
		if err != nil {
			c.err = errors.Join(refused, err)
			return
		}
		switch {
		case t.Type == typeUserControl && len(t.Body) == 6 && t.Body[1] == pingRequest:
			t.Body[1] = pingResponse
			if err := c.send(controlStream, 0, t); err != nil {
				c.err = errors.Join(refused, err)
				return
			}
		case t.Type == typeCommand:
			cmd := parseCommand(t.Body)
			if cmd.level == "error" {
				refused = &RefusedError{Code: cmd.code, Description: cmd.description}
				continue
			}
			select {
			case c.replies <- cmd:
			default: // nobody waits for so many answers
			}
		}
	}
}
