package rtmp_test

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/media"
)

// nestedObjects are objects in one another that never end.
func nestedObjects(n int) []byte { return bytes.Repeat([]byte{3, 0, 1, 'a'}, n) }

// chunkHeader begins a message of a length on a chunk stream.
func chunkHeader(id, length int) []byte {
	return []byte{1, byte(id - 64), byte((id - 64) >> 8), 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), 9, 1, 0, 0, 0}
}

// Whatever one peer does, the memory that it takes is bounded, and a publisher
// beside it loses nothing.
func TestHostilePeers(t *testing.T) {
	const (
		peers      = 20
		unadmitted = 400 << 10 // what a peer that does not publish may take: 256 KiB, buffers, sockets
		admitted   = 20 << 20  // a publisher: 16 MiB and the same
	)
	unknown := bytes.Repeat((&rtmptest.Writer{}).Append(nil, 0, rtmptest.Message{Chunks: 5, Type: 77, Body: make([]byte, 1000)}), 20)
	hello := func(c *rtmptest.Client, more ...rtmptest.Message) {
		if c.Handshake() == nil {
			_ = c.Send(more...)
		}
	}
	public := func(c *rtmptest.Client) { _, _ = c.Publish("app", "sk_1") }
	for _, tc := range []struct {
		name   string
		most   int64
		attack func(c *rtmptest.Client)
	}{
		{"a handshake cut off", unadmitted, func(c *rtmptest.Client) { _, _ = c.Conn.Write(make([]byte, 700)) }},
		{"a message cut off", unadmitted, func(c *rtmptest.Client) {
			hello(c)
			_, _ = c.Conn.Write(append(chunkHeader(64, 65536), make([]byte, 100)...))
		}},
		{"an oversized message", unadmitted, func(c *rtmptest.Client) {
			hello(c)
			_, _ = c.Conn.Write(chunkHeader(64, 1<<24-1))
		}},
		{"many messages declared and not sent", unadmitted, func(c *rtmptest.Client) {
			hello(c)
			for id := 64; id < 20000; id++ {
				if _, err := c.Conn.Write(append(chunkHeader(id, 65536), make([]byte, 128)...)); err != nil {
					return
				}
			}
		}},
		{"an endless stream before publish", unadmitted, func(c *rtmptest.Client) {
			hello(c, connectCall())
			for range 1000 {
				if _, err := c.Conn.Write(unknown); err != nil {
					return
				}
			}
		}},
		{"10,000 nested objects in connect", unadmitted, func(c *rtmptest.Client) {
			hello(c, rtmptest.Message{Chunks: 3, Type: rtmptest.Command, Body: append(rtmptest.AMF("connect", 1.0), nestedObjects(10000)...)})
		}},
		{"100,000 chunk streams", unadmitted, func(c *rtmptest.Client) {
			hello(c, connectCall())
			for i := range 100000 {
				if _, err := c.Conn.Write(append(chunkHeader(64+i%65536, 1), 0)); err != nil {
					return
				}
			}
		}},
		{"a publisher's messages declared and not sent", admitted, func(c *rtmptest.Client) {
			public(c)
			for id := 64; id < 20000; id++ {
				if _, err := c.Conn.Write(append(chunkHeader(id, 8<<20), make([]byte, 128)...)); err != nil {
					return
				}
			}
		}},
		{"a publisher's 10,000 nested objects, again and again", admitted, func(c *rtmptest.Client) {
			public(c)
			for range 50 {
				_ = c.Send(rtmptest.Message{Chunks: 4, Type: rtmptest.Data, Stream: 1, Body: append(rtmptest.AMF("onMetaData"), nestedObjects(10000)...)})
			}
		}},
		{"a publisher that sends what nobody knows", unadmitted, func(c *rtmptest.Client) {
			public(c)
			for range 100 {
				_, _ = c.Conn.Write(unknown)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGate()
			addr := listen(t, &rtmp.Server{Gate: g})
			good := dial(t, addr)
			if r, err := good.Publish("app", "sk_good"); err != nil || r.Level != "status" {
				t.Fatal(r, err)
			}
			p := <-g.admitted
			send(t, good, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)))

			before := heap()
			var attacks sync.WaitGroup
			for range peers {
				c := dial(t, addr)
				attacks.Go(func() { tc.attack(c) })
			}
			for i := range 30 {
				send(t, good, video(uint32(i*33), rtmptest.Frame(1, 1000, 0)))
			}
			attacks.Wait()
			if grown := heap() - before; grown > peers*tc.most {
				t.Errorf("%d peers take %d KiB each, at most %d are all right", peers, grown>>10/peers, tc.most>>10)
			}
			quit(t, good, p)
			if n := len(p.kind(media.Video)); n != 30 {
				t.Errorf("%d of the publisher's 30 frames arrived", n)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// A tape is a connection that a recording comes from.
type tape struct {
	net.Conn
	r io.Reader
}

func (c tape) Read(p []byte) (int, error)       { return c.r.Read(p) }
func (c tape) Write(p []byte) (int, error)      { return len(p), nil }
func (c tape) Close() error                     { return nil }
func (c tape) SetReadDeadline(time.Time) error  { return nil }
func (c tape) SetWriteDeadline(time.Time) error { return nil }
func (c tape) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func FuzzSession(f *testing.F) {
	for _, e := range encoders() {
		c := &rtmptest.Client{}
		var b []byte
		for _, m := range append(e.connect(c), e.media(c)...) {
			b = c.Append(b, 0, m)
			if m.Type == rtmptest.SetChunkSize {
				c.Size = int(m.Body[2])<<8 | int(m.Body[3])
			}
		}
		f.Add(b)
	}
	c := &rtmptest.Client{}
	f.Add(c.Append(nil, 0, rtmptest.Message{Chunks: 3, Type: rtmptest.Command, Body: append(rtmptest.AMF("connect", 1.0), nestedObjects(40)...)}))
	f.Add(append(c.Append(nil, 0, connectCall()), chunkHeader(64, 1<<24-1)...))
	f.Fuzz(func(t *testing.T, wire []byte) {
		shake := make([]byte, 1+2*1536)
		shake[0] = 3
		g := newGate()
		s := &rtmp.Server{Gate: g}
		s.ServeConn(t.Context(), tape{r: io.MultiReader(bytes.NewReader(shake), bytes.NewReader(wire))}, false)
		for _, p := range g.pubs {
			if len(p.ends) != 1 {
				t.Fatalf("a publication was ended %d times", len(p.ends))
			}
			last := map[media.Kind]media.Ticks{}
			for _, u := range p.units {
				if dts, ok := last[u.Track.Kind]; ok && u.DTS <= dts {
					t.Fatalf("DTS %d follows %d", u.DTS, dts)
				}
				last[u.Track.Kind] = u.DTS
				if len(u.Data) == 0 || u.At.IsZero() {
					t.Fatalf("unit %+v", u)
				}
			}
		}
	})
}
