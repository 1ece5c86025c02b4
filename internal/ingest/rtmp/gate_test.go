package rtmp_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/media"
)

// A gate lets everybody in, unless it has an error, and records.
type gate struct {
	err    error
	refuse func(media.Unit) error // what WriteUnit returns; nil: nil

	mu       sync.Mutex
	requests []ingest.Request
	pubs     []*publication

	admitted chan *publication
}

func newGate() *gate { return &gate{admitted: make(chan *publication, 100)} }

func (g *gate) Admit(_ context.Context, r ingest.Request) (ingest.Publication, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, r)
	if g.err != nil {
		return nil, g.err
	}
	p := &publication{gate: g, done: make(chan struct{}), ended: make(chan struct{})}
	g.pubs = append(g.pubs, p)
	g.admitted <- p
	return p, nil
}

func (g *gate) request(t *testing.T) ingest.Request {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.requests) != 1 {
		t.Fatalf("the gate was asked %d times, want once", len(g.requests))
	}
	return g.requests[0]
}

// A publication records all that it is told.
type publication struct {
	gate  *gate
	done  chan struct{}
	ended chan struct{}

	mu       sync.Mutex
	declared []ingest.Declaration
	tracks   [][]*media.Track
	units    []media.Unit
	ends     []error
	cause    error
}

func (p *publication) Declare(d ingest.Declaration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.declared = append(p.declared, d)
}

func (p *publication) SetTracks(tracks []*media.Track) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tracks = append(p.tracks, tracks)
}

func (p *publication) WriteUnit(u media.Unit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.units = append(p.units, u)
	if p.gate.refuse != nil {
		return p.gate.refuse(u)
	}
	return nil
}

func (p *publication) SetLink(ingest.Link) {}

func (p *publication) Takes(c media.Codec) bool { return c != media.HEVC }

func (p *publication) Done() <-chan struct{} { return p.done }

func (p *publication) Cause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

func (p *publication) End(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends = append(p.ends, cause); len(p.ends) == 1 {
		close(p.ended)
	}
}

func (p *publication) stop(cause error) {
	p.mu.Lock()
	p.cause = cause
	p.mu.Unlock()
	close(p.done)
}

// end waits for the end and returns its cause.
func (p *publication) end(t *testing.T) error {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the publication was not ended within 20 s")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ends) != 1 {
		t.Fatalf("the publication was ended %d times: %v", len(p.ends), p.ends)
	}
	return p.ends[0]
}

// video and audio return the units of each kind.
func (p *publication) kind(k media.Kind) (units []media.Unit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.units {
		if u.Track.Kind == k {
			units = append(units, u)
		}
	}
	return units
}

// A veil hides that connections are TCP's.
type veil struct{ net.Listener }

func (v veil) Accept() (net.Conn, error) {
	c, err := v.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct {
		net.Conn
		tcp
	}{c, c.(*net.TCPConn)}, nil
}

type tcp interface{ CloseWrite() error }

// veiled has listen hide that connections are TCP's, so that each has a
// goroutine and no loop takes it.
var veiled bool

// listen serves RTMP on a port of the loopback interface until the test ends.
func listen(t testing.TB, s *rtmp.Server) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if veiled {
		ln = veil{ln}
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

// dial connects an encoder.
func dial(t testing.TB, addr string) *rtmptest.Client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &rtmptest.Client{Conn: c}
}

// publish connects an encoder that is let in.
func publish(t *testing.T, g *gate) (*rtmptest.Client, *publication) {
	t.Helper()
	c := dial(t, listen(t, &rtmp.Server{Gate: g}))
	r, err := c.Publish("app", "sk_us-east-1_abc_def")
	if err != nil || r.Code != "NetStream.Publish.Start" || r.Level != "status" {
		t.Fatalf("publish is answered with %q %q, %v; want status NetStream.Publish.Start", r.Level, r.Code, err)
	}
	return c, <-g.admitted
}

// send sends messages and fails the test if it cannot.
func send(t testing.TB, c *rtmptest.Client, messages ...rtmptest.Message) {
	t.Helper()
	if err := c.Send(messages...); err != nil {
		t.Fatal(err)
	}
}

func video(ts uint32, body []byte) rtmptest.Message {
	return rtmptest.Message{Chunks: 6, Type: rtmptest.Video, Stream: 1, Timestamp: ts, Body: body}
}

func audio(ts uint32, body []byte) rtmptest.Message {
	return rtmptest.Message{Chunks: 4, Type: rtmptest.Audio, Stream: 1, Timestamp: ts, Body: body}
}

// quit ends the stream as encoders do, and waits for the end.
func quit(t *testing.T, c *rtmptest.Client, p *publication) {
	t.Helper()
	send(t, c, rtmptest.Call(0, "FCUnpublish", 6, nil, "key"), rtmptest.Call(0, "deleteStream", 7, nil, float64(1)))
	if err := p.end(t); err != nil {
		t.Fatalf("ended with %v, want nil", err)
	}
}
