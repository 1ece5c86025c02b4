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
	rate   float64       // bytes a second that get through, or 0 for all of them
	bytes  int           // what came since everything got through
	began  time.Time
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
		if err != nil || !p.pass(ctx, n, time.Since(last)) {
			shut()
			return
		}
		if _, err := s.Write(buf[:n]); err != nil {
			shut()
			return
		}
	}
}

// pass waits until a piece of n bytes that took so long to come may go on.
func (p *impaired) pass(ctx context.Context, n int, took time.Duration) bool {
	p.mu.Lock()
	open := p.open
	p.bytes += n
	more := time.Duration(p.rng.Float64() * p.jitter * float64(took))
	if p.rate > 0 {
		more += time.Duration(float64(n) / p.rate * float64(time.Second))
	}
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

// usual is how many bytes came a second since everything got through.
func (p *impaired) usual() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(p.bytes) / time.Since(p.began).Seconds()
}

// thin lets a tenth to a third of so many bytes a second through, at random.
func (p *impaired) thin(usual float64) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = usual * (0.1 + p.rng.Float64()*(1./3-0.1))
	return time.Now()
}

// flow lets everything through.
func (p *impaired) flow(jitter float64) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jitter, p.rate, p.bytes, p.began = jitter, 0, 0, time.Now()
	select {
	case <-p.open:
	default:
		close(p.open)
	}
	return time.Now()
}

// TestStarvationIsSeenInTimeAndDoesNotFlap streams through a network that
// jitters, stalls and recovers, and then carries too little for a while.
func TestStarvationIsSeenInTimeAndDoesNotFlap(t *testing.T) {
	t.Parallel()
	const noticed = 6 * time.Second
	s := serve(t)
	ch := s.channel(t)
	u, err := url.Parse(s.At.RTMP)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("E2E_SEED=%d", built.seed)
	p := impair(t, u.Host, built.seed)
	p.flow(0.03)
	stream(t, encode(t, small, voice), strings.Replace(ch.rtmp(), u.Host, p.Addr().String(), 1))
	id := str(ch.live().StreamId)
	steady := time.NewTimer(15 * time.Second)
	<-steady.C
	usual := p.usual()
	want := []string{"Session Created", "Stream Start"}
	if got := names(ch.session(id)); !slices.Equal(got, want) {
		t.Errorf("with 3 %% of jitter: %v", got)
	}
	for _, bad := range []struct {
		what  string
		begin func() time.Time
	}{{"a stall", p.stall}, {"too thin a network", func() time.Time { return p.thin(usual) }}} {
		wait := func(name string, since time.Time) {
			t.Helper()
			want = append(want, name)
			until(t, liveIn, "the API tells of "+name, func() (bool, string) {
				got := names(ch.session(id))
				return len(got) >= len(want), strings.Join(got, ", ")
			})
			late := ch.session(id).TruncatedEvents[0].EventTime.Sub(since)
			if late > noticed+slack {
				t.Errorf("%s after %s was seen after %v", name, bad.what, late)
			}
			t.Logf("%s after %s was seen after %v", name, bad.what, late)
		}
		wait("Starvation Start", bad.begin())
		wait("Starvation End", p.flow(0.03))
	}
	if got := names(ch.session(id)); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}
