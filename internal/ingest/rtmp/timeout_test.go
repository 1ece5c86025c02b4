package rtmp_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/ingest"
	"openivs/internal/ingest/rtmp"
	"openivs/internal/ingest/rtmp/rtmptest"
	"openivs/internal/ivs"
)

// piped connects an encoder within a bubble. It returns when the connection has
// been served.
func piped(ctx context.Context, t *testing.T, s *rtmp.Server) (c *rtmptest.Client, wait func()) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close() })
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.ServeConn(ctx, far, false)
	}()
	return &rtmptest.Client{Conn: near}, func() { <-served }
}

// drip writes a byte a second until the server has had enough.
func drip(c *rtmptest.Client, b []byte) {
	for i := range b {
		if _, err := c.Conn.Write(b[i : i+1]); err != nil {
			return
		}
		<-time.After(time.Second)
	}
}

func TestAConnectionHasTenSecondsToPublish(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(c *rtmptest.Client) error
	}{
		{"silent", func(*rtmptest.Client) error { return nil }},
		{"silent after the handshake", func(c *rtmptest.Client) error { return c.Handshake() }},
		{"one byte a second", func(c *rtmptest.Client) error {
			drip(c, bytes.Repeat([]byte{3}, 100))
			return nil
		}},
		{"one byte a second after the handshake", func(c *rtmptest.Client) error {
			if err := c.Handshake(); err != nil {
				return err
			}
			drip(c, c.Append(nil, 0, connectCall()))
			return nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c, wait := piped(t.Context(), t, &rtmp.Server{Gate: newGate()})
				if err := tc.do(c); err != nil {
					t.Fatal(err)
				}
				wait()
				if took := time.Since(start); took < 10*time.Second || took > 11*time.Second {
					t.Errorf("closed after %v, want 10 s", took)
				}
			})
		})
	}
}

func TestAGateMayTakeNoLongerThanTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, wait := piped(t.Context(), t, &rtmp.Server{Gate: slowGate{}})
		r, err := c.Publish("app", "sk_1")
		if err != nil || r.Code != "NetStream.Failed" {
			t.Errorf("got %+v, %v", r, err)
		}
		wait()
	})
}

func TestAPublisherWithoutMediaIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c, wait := piped(t.Context(), t, &rtmp.Server{Gate: g})
		if _, err := c.Publish("app", "sk_1"); err != nil {
			t.Fatal(err)
		}
		p := <-g.admitted
		send(t, c, video(0, rtmptest.VideoHeader(rtmptest.AVC720p30)))
		<-time.After(20 * time.Second)
		send(t, c, video(0, rtmptest.Frame(5, 100, 0)))
		last := time.Now()
		ping := rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 3, 0, 0, 0, 1}}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for c.Send(ping, metadata("encoder", "x")) == nil {
				<-time.After(time.Second)
			}
		}()
		r, err := c.Expect("onStatus")
		if err != nil || r.Description != "no media came for 30s" {
			t.Errorf("got %+v, %v", r, err)
		}
		<-p.ended
		if took := time.Since(last); took < 30*time.Second || took > 31*time.Second {
			t.Errorf("ended after %v, want 30 s", took)
		}
		if err := p.end(t); ivs.CodeOf(err) != ivs.Invalid {
			t.Errorf("ended with %v", err)
		}
		for { // the server's last words
			if _, err := c.Read(); err != nil {
				break
			}
		}
		wait()
		<-sent
	})
}

// What nobody could ever play is no media, however much of it comes.
func TestAPublisherWithoutUsableMediaIsEnded(t *testing.T) {
	header := video(0, rtmptest.VideoHeader(rtmptest.AVC720p30))
	for _, tc := range []struct {
		name  string
		first []rtmptest.Message
		again func(ts uint32) rtmptest.Message
	}{
		{"video without its header", nil, func(ts uint32) rtmptest.Message { return video(ts, rtmptest.Frame(5, 100, 0)) }},
		{"audio without its header", nil, func(ts uint32) rtmptest.Message { return audio(ts, rtmptest.Sound(100)) }},
		{"headers alone", []rtmptest.Message{header}, func(uint32) rtmptest.Message { return header }},
		{"NAL units that hold no picture", []rtmptest.Message{header}, func(ts uint32) rtmptest.Message { return video(ts, rtmptest.Frame(6, 100, 0)) }},
		{"NAL units that are cut off", []rtmptest.Message{header}, func(ts uint32) rtmptest.Message {
			whole := rtmptest.Frame(1, 100, 0)
			return video(ts, whole[:len(whole)-1])
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate()
				c, wait := piped(t.Context(), t, &rtmp.Server{Gate: g})
				if _, err := c.Publish("app", "sk_1"); err != nil {
					t.Fatal(err)
				}
				p := <-g.admitted
				start := time.Now()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					err := c.Send(tc.first...)
					for ts := uint32(0); err == nil && ts < 60_000; ts += 1000 {
						<-time.After(time.Second)
						err = c.Send(tc.again(ts))
					}
				}()
				if r, err := c.Expect("onStatus"); err != nil || r.Description != "no media came for 30s" {
					t.Errorf("got %+v, %v", r, err)
				}
				<-p.ended
				if took := time.Since(start); took < 30*time.Second || took > 31*time.Second {
					t.Errorf("ended after %v, want 30 s", took)
				}
				c.Conn.Close()
				wait()
				<-sent
			})
		})
	}
}

func TestAPublisherThatTakesNoAnswersIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c, wait := piped(t.Context(), t, &rtmp.Server{Gate: g})
		if _, err := c.Publish("app", "sk_1"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		send(t, c, rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 6, 0, 0, 0, 1}})
		if err := (<-g.admitted).end(t); err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("ended with %v, want a timeout", err)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("ended after %v, want 10 s", took)
		}
		wait()
	})
}

func TestTheEndOfTheContextEndsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g := newGate()
		s := &rtmp.Server{Gate: g}
		c, wait := piped(ctx, t, s)
		if _, err := c.Publish("app", "sk_1"); err != nil {
			t.Fatal(err)
		}
		_, waitSilent := piped(ctx, t, s)
		synctest.Wait()
		start := time.Now()
		cancel()
		r, err := c.Expect("onStatus")
		if err != nil || r.Code != "NetStream.Failed" || !strings.Contains(r.Description, "the server is stopping") {
			t.Errorf("got %+v, %v", r, err)
		}
		if err := (<-g.admitted).end(t); ivs.CodeOf(err) != ivs.Unavailable {
			t.Errorf("ended with %v", err)
		}
		c.Conn.Close()
		wait()
		waitSilent()
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

// Closing the door ends nobody who is inside: whoever let them in does that.
func TestAClosedListenerLetsPublishersFinish(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := newGate()
	s := &rtmp.Server{Gate: g}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), ln) }()
	c := dial(t, ln.Addr().String())
	if _, err := c.Publish("app", "sk_1"); err != nil {
		t.Fatal(err)
	}
	p := <-g.admitted
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	send(t, c, rtmptest.Message{Chunks: 2, Type: rtmptest.UserControl, Body: []byte{0, 6, 0, 0, 0, 1}})
	for { // answered, so it is served
		m, err := c.Read()
		if err != nil {
			t.Fatalf("after the listener was closed: %v", err)
		}
		if m.Type == rtmptest.UserControl && bytes.Equal(m.Body, []byte{0, 7, 0, 0, 0, 1}) {
			break
		}
	}
	cause := ivs.Errorf(ivs.Unavailable, "server is stopping")
	p.stop(cause)
	if r, err := c.Expect("onStatus"); err != nil || r.Description != "server is stopping" {
		t.Errorf("got %+v, %v", r, err)
	}
	if err := p.end(t); !errors.Is(err, cause) {
		t.Errorf("ended with %v, want what the publication said", err)
	}
	c.Conn.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestOneAddressMayNotHoldAllConnections(t *testing.T) {
	g := newGate()
	s := &rtmp.Server{Gate: g, MaxWaitingPerAddr: 2}
	addr := listen(t, s)
	first := dial(t, addr)
	if r, err := first.Publish("app", "sk_1"); err != nil || r.Level != "status" {
		t.Fatal(r, err)
	}
	waiting := []*rtmptest.Client{dial(t, addr), dial(t, addr)}
	for _, c := range waiting {
		if err := c.Handshake(); err != nil {
			t.Fatalf("a connection beside the publisher, which no longer counts: %v", err)
		}
	}
	if err := dial(t, addr).Handshake(); err == nil {
		t.Error("the third waiting connection is served")
	}
	waiting[0].Conn.Close()
	for c := dial(t, addr); c.Handshake() != nil; c = dial(t, addr) { // until the server has noticed
	}
}

// A slowGate answers when it is told to give up.
type slowGate struct{}

func (slowGate) Admit(ctx context.Context, _ ingest.Request) (ingest.Publication, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
