package rtmp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/ivs"
	"openivs/internal/media"
	"openivs/internal/sniff"
)

// Where connections are not the operating system's own, each is read by a
// goroutine of its own, and all is as it is in a loop.
func TestWithoutLoops(t *testing.T) {
	veiled = true
	defer func() { veiled = false }()
	for _, tc := range []struct {
		name string
		test func(t *testing.T)
	}{
		{"encoders publish", TestEncodersPublish},
		{"refusals say why", TestRefusalsSayWhy},
		{"media that is not taken ends the stream", TestMediaThatIsNotTakenEndsTheStream},
		{"the server ends a stream", TestTheServerEndsAStream},
		{"a unit that is refused ends the stream", TestAUnitThatIsRefusedEndsTheStream},
		{"a panic ends one connection", TestAPanicEndsOneConnection},
		{"ways to leave", TestWaysToLeave},
		{"pings and windows are answered", TestPingsAndWindowsAreAnswered},
		{"timestamps are unwrapped", TestTimestampsAreUnwrapped},
		{"headers", TestHeaders},
		{"malformed tags are skipped until there are too many", TestMalformedTagsAreSkippedUntilThereAreTooMany},
		{"hostile peers", TestHostilePeers},
		{"connections that come and go leave nothing", TestConnectionsThatComeAndGoLeaveNothing},
		{"the end of the server ends publishers", TestTheEndOfTheServerEndsPublishers},
	} {
		t.Run(tc.name, tc.test)
	}
}

// secured serves RTMP and RTMPS behind a sniff.Mux until the test ends.
func secured(t *testing.T, s *rtmp.Server) (addr string, trust *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trust = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1"}
	trust.RootCAs.AddCert(leaf)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &sniff.Mux{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Serve(ctx, ln); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	running.Go(func() {
		if err := s.Serve(ctx, &m.RTMP); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		m.RTMP.Close()
		running.Wait()
	})
	return ln.Addr().String(), trust
}

func TestPublishersOfOnePortAreEncryptedOrNot(t *testing.T) {
	g := newGate()
	addr, trust := secured(t, &rtmp.Server{Gate: g})
	for _, protocol := range []string{"rtmp", "rtmps"} {
		for range 3 {
			c := dial(t, addr)
			tcp := c.Conn
			if protocol == "rtmps" {
				c.Conn = tls.Client(c.Conn, trust)
			}
			if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
				t.Fatal(r, err)
			}
			p := <-g.admitted
			if r := g.requests[len(g.requests)-1]; r.Protocol != protocol || r.Secure != (protocol == "rtmps") {
				t.Errorf("the gate was asked for %+v", r)
			}
			send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)))
			for i := range 100 {
				send(t, c, video(uint32(i*33), rtmptest.Frame(1, 100+700*i, 0)))
			}
			send(t, c, rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 6, 1, 2, 3, 4}})
			if m, err := c.Read(); err != nil || string(m.Body) != "\x00\x07\x01\x02\x03\x04" {
				t.Errorf("ping is answered with %+v, %v", m, err)
			}
			p.stop(ivs.Errorf(ivs.NotLive, "stopped by StopStream"))
			if r, err := c.Expect("onStatus"); err != nil || r.Description != "stopped by StopStream" {
				t.Errorf("got %+v, %v", r, err)
			}
			if err := p.end(t); ivs.CodeOf(err) != ivs.NotLive {
				t.Errorf("ended with %v", err)
			}
			units := p.kind(media.Video)
			for i, u := range units {
				if len(u.Data) != 104+700*i {
					t.Fatalf("unit %d has %d bytes", i, len(u.Data))
				}
			}
			if len(units) != 100 {
				t.Errorf("%d of 100 frames arrived", len(units))
			}
			tcp.Close()
		}
	}
}

// One byte at a time, or all at once: what arrives in one tick is no unit of
// anything.
func TestBytesComeAsTheyLike(t *testing.T) {
	g := newGate()
	addr, trust := secured(t, &rtmp.Server{Gate: g})
	for _, encrypted := range []bool{false, true} {
		c := dial(t, addr)
		if encrypted {
			c.Conn = tls.Client(c.Conn, trust)
		}
		if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
			t.Fatal(r, err)
		}
		p := <-g.admitted
		b := c.Append(nil, 0, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)))
		b = c.Append(b, 0, video(0, rtmptest.Frame(5, 300, 0)))
		for i := range b {
			if _, err := c.Conn.Write(b[i : i+1]); err != nil {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
		send(t, c, video(33, rtmptest.Frame(1, 3<<20, 0)), video(66, rtmptest.Frame(1, 300, 0)))
		quit(t, c, p)
		var sizes []int
		for _, u := range p.kind(media.Video) {
			sizes = append(sizes, len(u.Data))
		}
		if !slices.Equal(sizes, []int{304, 3<<20 + 4, 304}) {
			t.Errorf("encrypted %v: units of %v bytes", encrypted, sizes)
		}
	}
}

func TestASilentPublisherInALoopIsEnded(t *testing.T) {
	g := newGate()
	c := dial(t, listen(t, &rtmp.Server{Gate: g, IdleTimeout: 200 * time.Millisecond}))
	if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
		t.Fatal(r, err)
	}
	if r, err := c.Expect("onStatus"); err != nil || r.Description != "no media came for 200ms" {
		t.Errorf("got %+v, %v", r, err)
	}
	if err := (<-g.admitted).end(t); ivs.CodeOf(err) != ivs.Invalid {
		t.Errorf("ended with %v", err)
	}
}

// One that asks and does not listen to the answers, and one that sends as much
// as it can, share a loop with a publisher that does neither.
func TestPeersInALoopDoNotHinderEachOther(t *testing.T) {
	g := newGate()
	addr := listen(t, &rtmp.Server{Gate: g, WriteTimeout: time.Second})
	join := func() (*rtmptest.Client, *publication) {
		c := dial(t, addr)
		if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
			t.Fatal(r, err)
		}
		return c, <-g.admitted
	}
	deaf, deafs := join()
	loud, louds := join()
	good, goods := join()
	send(t, good, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)))

	pings := bytes.Repeat(deaf.Append(nil, 0, rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 6, 0, 0, 0, 1}}), 1000)
	noise := bytes.Repeat(loud.Append(nil, 0, rtmptest.Message{Chunks: 5, Type: 77, Body: make([]byte, 1000)}), 100)
	var sending sync.WaitGroup
	for c, b := range map[*rtmptest.Client][]byte{deaf: pings, loud: noise} {
		sending.Go(func() {
			for {
				if _, err := c.Conn.Write(b); err != nil {
					return
				}
			}
		})
	}
	for i := range 50 {
		send(t, good, video(uint32(i*33), rtmptest.Frame(1, 1000, 0)))
		if i == 25 { // the deaf one's time is up meanwhile
			if err := deafs.end(t); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the deaf one was ended with %v", err)
			}
		}
	}
	quit(t, good, goods)
	if n := len(goods.kind(media.Video)); n != 50 {
		t.Errorf("%d of 50 frames arrived", n)
	}
	deaf.Conn.Close()
	loud.Conn.Close()
	sending.Wait()
	if err := louds.end(t); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the loud one was ended with %v", err)
	}
}

func TestTheEndOfTheServerEndsPublishers(t *testing.T) {
	g := newGate()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if veiled {
		ln = veil{ln}
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- (&rtmp.Server{Gate: g}).Serve(ctx, ln) }()
	var clients []*rtmptest.Client
	var publications []*publication
	for range 200 { // more than one loop has
		c := dial(t, addr)
		if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
			t.Fatal(r, err)
		}
		clients = append(clients, c)
		publications = append(publications, <-g.admitted)
	}
	cancel()
	for _, c := range clients {
		if r, err := c.Expect("onStatus"); err != nil || r.Code != "NetStream.Failed" || !strings.Contains(r.Description, "the server is stopping") {
			t.Fatalf("got %+v, %v", r, err)
		}
		c.Conn.Close()
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	for _, p := range publications {
		if err := p.end(t); ivs.CodeOf(err) != ivs.Unavailable {
			t.Errorf("ended with %v", err)
		}
	}
}

// A connection that has come and gone leaves no goroutine, no memory and no
// file descriptor.
func TestConnectionsThatComeAndGoLeaveNothing(t *testing.T) {
	const cycles, atOnce = 1000, 16
	g := newGate()
	addr := listen(t, &rtmp.Server{Gate: g})
	cycle := func(end bool) {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		c := &rtmptest.Client{Conn: nc}
		if r, err := c.Publish("app", "sk_1"); err != nil || r.Level != "status" {
			t.Errorf("%+v, %v", r, err)
			return
		}
		p := <-g.admitted
		if err := c.Send(video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)), video(0, rtmptest.Frame(5, 20000, 0))); err != nil {
			t.Error(err)
		}
		if end {
			if err := c.Send(rtmptest.Call(0, "deleteStream", 7, nil, float64(1))); err != nil {
				t.Error(err)
			}
		} else {
			nc.Close()
		}
		<-p.ended
	}
	run := func(n int) {
		var all sync.WaitGroup
		for i := range atOnce {
			all.Go(func() {
				for j := range n / atOnce {
					cycle((i+j)%2 == 0)
				}
			})
		}
		all.Wait()
		g.mu.Lock()
		g.pubs, g.requests = nil, nil
		g.mu.Unlock()
	}
	run(atOnce * 4)
	goroutines, files := settled(runtime.NumGoroutine, 0), settled(descriptors, 0)
	before := heap()
	run(cycles)
	if n := settled(runtime.NumGoroutine, goroutines); n > goroutines {
		t.Errorf("%d goroutines, before %d", n, goroutines)
	}
	if n := settled(descriptors, files); n > files {
		t.Errorf("%d file descriptors, before %d", n, files)
	}
	if grown := heap() - before; grown > 256<<10 {
		t.Errorf("%d KiB more are in use than before", grown>>10)
	}
}

// settled returns a number once it has fallen to low, or has not fallen for a
// while.
func settled(number func() int, low int) int {
	least := number()
	for quiet := 0; quiet < 20 && least > low; quiet++ {
		<-time.After(20 * time.Millisecond)
		if n := number(); n < least {
			least, quiet = n, 0
		}
	}
	return least
}

// descriptors counts the open files of this process, or says 0 where that
// cannot be known.
func descriptors() int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(files)
}
