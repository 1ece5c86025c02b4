package srt

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"openivs/internal/media"
	"openivs/internal/media/mediatest"
	"openivs/internal/mpegts"
)

// An impairment is what a network does to packets, both ways.
type impairment struct {
	loss, twice, late float64       // shares of all packets: lost, doubled, overtaken by others
	delay, jitter     time.Duration // one way
}

// impair forwards UDP packets to an address, and back, as a bad network does once
// it is told to: the library's client tries its handshake only once. It returns
// where, and ends with the test.
func impair(t *testing.T, to string, im impairment) (address string, bad *atomic.Bool) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if v, err := strconv.ParseUint(os.Getenv("IMPAIR_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("IMPAIR_SEED=%d repeats what the network does", seed)
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	bad = new(atomic.Bool)
	var mu sync.Mutex // of rnd and client
	rnd := rand.New(rand.NewPCG(seed, 1))
	var client net.Addr
	var flying sync.WaitGroup
	send := func(b []byte, write func([]byte)) {
		if !bad.Load() {
			write(b)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		copies := 1
		if rnd.Float64() < im.loss {
			copies = 0
		} else if rnd.Float64() < im.twice {
			copies = 2
		}
		for range copies {
			after := im.delay + time.Duration(rnd.Float64()*float64(im.jitter))
			if rnd.Float64() < im.late {
				after += 30 * time.Millisecond
			}
			p := append([]byte(nil), b...)
			flying.Add(1)
			time.AfterFunc(after, func() {
				defer flying.Done()
				write(p)
			})
		}
	}
	var running sync.WaitGroup
	running.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := front.ReadFrom(b)
			if err != nil {
				return
			}
			mu.Lock()
			client = from
			mu.Unlock()
			send(b[:n], func(p []byte) { _, _ = back.Write(p) })
		}
	})
	running.Go(func() {
		b := make([]byte, 2048)
		for {
			n, err := back.Read(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			mu.Lock()
			at := client
			mu.Unlock()
			send(b[:n], func(p []byte) { _, _ = front.WriteTo(p, at) })
		}
	})
	t.Cleanup(func() {
		_ = front.Close()
		_ = back.Close()
		running.Wait()
		flying.Wait()
	})
	return front.LocalAddr().String(), bad
}

// TestBadNetworks publishes through networks that lose, double and reorder
// packets. What the latency allows is repaired: no picture is missing. What it
// does not allow is counted.
func TestBadNetworks(t *testing.T) {
	for _, tc := range []struct {
		name string
		im   impairment
	}{
		{"20 ms of jitter", impairment{jitter: 20 * time.Millisecond}},
		{"1 % lost", impairment{loss: 0.01, delay: 5 * time.Millisecond}},
		{"5 % lost, doubled and late", impairment{loss: 0.05, twice: 0.02, late: 0.05, delay: 5 * time.Millisecond, jitter: 5 * time.Millisecond}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			address, g := door(t, new(Server))
			config := gosrt.DefaultConfig()
			config.StreamId, config.PeerLatency = "plain", time.Second // what a busy machine needs, not the network
			far, bad := impair(t, address, tc.im)
			c, err := gosrt.Dial("srt", far, config)
			if err != nil {
				t.Fatal(err)
			}
			bad.Store(true)
			p := <-g.pubs
			const length = 4 * time.Second
			clip := mediatest.Reordered(t)
			stream := written(t, clip, length)
			pace := time.NewTicker(10 * time.Millisecond)
			defer pace.Stop()
			const size = mpegts.PacketSize // many small ones, for chance to be fair
			per := len(stream)*int(10*time.Millisecond)/int(length)/size + 1
			for len(stream) > 0 {
				<-pace.C
				for range per {
					n := min(size, len(stream))
					if _, err := c.Write(stream[:n]); err != nil {
						t.Fatal(err)
					}
					stream = stream[n:]
				}
			}
			<-p.came
			linger := time.NewTimer(2500 * time.Millisecond) // what is held back comes
			<-linger.C
			c.Close()
			_ = end(t, p)
			want := int(length.Seconds()) * mediatest.Rate
			got := len(p.of(media.Video))
			link := p.link.Load()
			t.Logf("%d of %d pictures; %+v", got, want, *link)
			if got < want-2 && link.Lost == 0 && link.Dropped == 0 {
				t.Errorf("%d pictures of %d came, and nobody counted what was lost", got, want)
			}
			if got < want*9/10 {
				t.Errorf("%d pictures of %d came", got, want)
			}
			if tc.im.loss > 0.02 && link.Retransmitted == 0 {
				t.Error("nothing was sent again")
			}
			last := media.Ticks(-1)
			for _, u := range p.of(media.Video) {
				if u.DTS <= last {
					t.Fatalf("a picture at %d behind one at %d", u.DTS, last)
				}
				last = u.DTS
			}
		})
	}
}
