package e2e

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An impaired network is a proxy for TCP that holds back what encoders send.
type impaired struct {
	net.Listener
	to string

	mu     sync.Mutex
	rng    *rand.Rand
	open   chan struct{} // closed while bytes flow
	jitter float64       // how much longer than it came each piece may take, at random
}

// impair puts one between encoders and a server.
func impair(t *testing.T, to string, seed int64) *impaired {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &impaired{Listener: ln, to: to, rng: rand.New(rand.NewPCG(uint64(seed), 4)), open: make(chan struct{})}
	close(p.open)
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.carry(ctx, c) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		serving.Wait()
	})
	return p
}

// carry copies both ways until an end is gone.
func (p *impaired) carry(ctx context.Context, c net.Conn) {
	s, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = c.Close()
		return
	}
	shut := func() {
		_ = c.Close()
		_ = s.Close()
	}
	defer context.AfterFunc(ctx, shut)()
	defer shut()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(c, s)
		shut()
	})
	defer back.Wait()
	buf := make([]byte, 4<<10)
	for last := time.Now(); ; last = time.Now() {
		n, err := c.Read(buf)
		if err != nil || !p.pass(ctx, time.Since(last)) {
			shut()
			return
		}
		if _, err := s.Write(buf[:n]); err != nil {
			shut()
			return
		}
	}
}

// pass waits until a piece that took so long to come may go on.
func (p *impaired) pass(ctx context.Context, took time.Duration) bool {
	p.mu.Lock()
	open := p.open
	more := time.Duration(p.rng.Float64() * p.jitter * float64(took))
	p.mu.Unlock()
	wait := time.NewTimer(more)
	defer wait.Stop()
	select {
	case <-open:
	case <-ctx.Done():
		return false
	}
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *impaired) stall() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = make(chan struct{})
	return time.Now()
}

func (p *impaired) flow(jitter float64) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jitter = jitter
	select {
	case <-p.open:
	default:
		close(p.open)
	}
	return time.Now()
}

// TestStarvationIsSeenInTimeAndDoesNotFlap streams through a network that
// jitters, stalls and recovers.
func TestStarvationIsSeenInTimeAndDoesNotFlap(t *testing.T) {
	t.Parallel()
	const noticed = 6 * time.Second
	s := serve(t)
	ch := s.channel(t)
	u, err := url.Parse(s.At.RTMP)
	if err != nil {
		t.Fatal(err)
	}
	p := impair(t, u.Host, built.seed)
	p.flow(0.03)
	stream(t, encode(t, small, voice), strings.Replace(ch.rtmp(), u.Host, p.Addr().String(), 1))
	id := str(ch.live().StreamId)
	steady := time.NewTimer(15 * time.Second)
	<-steady.C
	if got := names(ch.session(id)); !slices.Equal(got, []string{"Session Created", "Stream Start"}) {
		t.Errorf("with 3 %% of jitter: %v", got)
	}
	wait := func(name string) time.Time {
		t.Helper()
		until(t, liveIn, "the API tells of "+name, func() (bool, string) {
			got := names(ch.session(id))
			return slices.Contains(got, name), strings.Join(got, ", ")
		})
		return *event(t, ch.session(id), name).EventTime
	}
	stalled := p.stall()
	if at := wait("Starvation Start"); at.Sub(stalled) > noticed+slack {
		t.Errorf("starvation was seen after %v", at.Sub(stalled))
	} else {
		t.Logf("starvation was seen after %v", at.Sub(stalled))
	}
	flows := p.flow(0.03)
	if at := wait("Starvation End"); at.Sub(flows) > noticed+slack {
		t.Errorf("the end of starvation was seen after %v", at.Sub(flows))
	} else {
		t.Logf("its end was seen after %v", at.Sub(flows))
	}
	if got := names(ch.session(id)); len(got) != 4 {
		t.Errorf("events %v", got)
	}
}
