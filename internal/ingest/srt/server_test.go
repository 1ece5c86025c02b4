package srt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"openivs/internal/ingest"
	"openivs/internal/ivs"
	"openivs/internal/media/mediatest"
)

const secret = "a passphrase of the channel"

// A gate lets in who has the key "good", "plain" without a passphrase.
type gate struct {
	mu   sync.Mutex
	pubs chan *publication
	last ingest.Request
}

func (g *gate) Admit(_ context.Context, r ingest.Request) (ingest.Publication, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = r
	switch {
	case r.Key == "busy":
		return nil, ivs.Errorf(ivs.Conflict, "busy")
	case r.Key == "panic":
		panic("the gate has a fault")
	case r.Key != "good" && r.Key != "plain":
		return nil, ivs.Errorf(ivs.NotFound, "nobody has it")
	case r.Secure == (r.Key == "plain"):
		return nil, ivs.Errorf(ivs.Denied, "with a passphrase or without it")
	case r.Unlock != nil:
		if err := r.Unlock(secret); err != nil {
			return nil, ivs.Errorf(ivs.Denied, "the passphrase is wrong")
		}
	}
	p := &publication{done: make(chan struct{}), came: make(chan struct{}), ended: make(chan error, 1)}
	g.pubs <- p
	return p, nil
}

// A publication says when media has come, and why it ended.
type publication struct {
	sink
	once  sync.Once
	came  chan struct{}
	done  chan struct{}
	cause error
	ended chan error
	link  atomic.Pointer[ingest.Link]
}

func (p *publication) Done() <-chan struct{} { return p.done }
func (p *publication) Cause() error          { return p.cause }
func (p *publication) End(cause error)       { p.ended <- cause }

func (p *publication) SetLink(l ingest.Link) {
	p.link.Store(&l)
	p.once.Do(func() { close(p.came) }) // a second has passed
}

// door serves on a free port until the test ends.
func door(t *testing.T, s *Server) (address string, g *gate) {
	t.Helper()
	g = &gate{pubs: make(chan *publication, 8)}
	s.Gate = g
	s.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	ln, err := Listen("127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String(), g
}

func dial(t *testing.T, address, id, passphrase string) (gosrt.Conn, error) {
	t.Helper()
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase = id, passphrase
	return gosrt.Dial("srt", address, c)
}

// end is how a publication ended.
func end(t *testing.T, p *publication) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("the publication does not end")
		return nil
	}
}

func TestPublishers(t *testing.T) {
	address, g := door(t, new(Server))
	for _, tc := range []struct{ name, id, passphrase string }{
		{"with a passphrase", "good?priority=3", secret},
		{"without", "#!::u=plain,priority=3", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := dial(t, address, tc.id, tc.passphrase)
			if err != nil {
				t.Fatal(err)
			}
			p := <-g.pubs
			if q := g.last; q.Protocol != "srt" || q.Secure != (tc.passphrase != "") || q.Query.Get("priority") != "3" || q.Remote != c.LocalAddr().String() {
				t.Errorf("the gate was asked %+v", q)
			}
			stream := written(t, mediatest.Reordered(t), time.Second)
			for len(stream) > 0 {
				n := min(1316, len(stream))
				if _, err := c.Write(stream[:n]); err != nil {
					t.Fatal(err)
				}
				stream = stream[n:]
			}
			<-p.came
			c.Close()
			if err := end(t, p); err != nil {
				t.Errorf("it ended with %v, want the encoder's own wish", err)
			}
			if len(p.units) < 70 || len(p.tracks) == 0 {
				t.Errorf("%d units came", len(p.units))
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	address, g := door(t, new(Server))
	for _, tc := range []struct {
		name, id, passphrase string
		want                 gosrt.RejectionReason
	}{
		{"no key", "", "", gosrt.REJX_BAD_REQUEST},
		{"an unknown key", "other", "", gosrt.REJX_UNAUTHORIZED},
		{"a busy channel", "busy", "", gosrt.REJX_CONFLICT},
		{"no passphrase where one is needed", "good", "", gosrt.REJ_UNSECURE},
		{"one where none is needed", "plain", secret, gosrt.REJ_UNSECURE},
		{"a wrong passphrase", "good", "some other passphrase", gosrt.REJ_BADSECRET},
		{"a fault of ours", "panic", "", gosrt.REJX_ISE},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := dial(t, address, tc.id, tc.passphrase)
			if err == nil {
				c.Close()
				t.Fatal("it was let in")
			}
			// The library's client tells the number in base 32.
			if !strings.Contains(err.Error(), "("+strconv.FormatUint(uint64(tc.want), 32)+")") {
				t.Errorf("it was told %v, want %d", err, tc.want)
			}
		})
	}
	if len(g.pubs) != 0 {
		t.Error("somebody was let in")
	}
}

func TestWhyPublicationsEnd(t *testing.T) {
	errWish := errors.New("the server wants it gone")
	address, g := door(t, &Server{IdleTimeout: 1500 * time.Millisecond})
	t.Run("the server's wish", func(t *testing.T) {
		c, err := dial(t, address, "plain", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p := <-g.pubs
		p.cause = errWish
		close(p.done)
		if err := end(t, p); !errors.Is(err, errWish) {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		c, err := dial(t, address, "plain", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := end(t, <-g.pubs); err == nil || !strings.Contains(err.Error(), "no media came for 1.5s") {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Run("what cannot be read", func(t *testing.T) {
		c, err := dial(t, address, "plain", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(program(t, 0x24, 0x0f)); err != nil {
			t.Fatal(err)
		}
		if err := end(t, <-g.pubs); err == nil || !strings.Contains(err.Error(), "HEVC") {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestAPortThatIsInUseIsNotShared(t *testing.T) {
	address, _ := door(t, new(Server))
	if ln, err := Listen(address, 0); err == nil {
		ln.Close()
		t.Error("it was opened twice")
	}
}

func TestRepeatedRefusalsAreNotLogged(t *testing.T) {
	var q quiet
	now := mediatest.Epoch()
	from := netip.MustParsePrefix("192.0.2.1/32")
	for i, want := range []bool{true, false, false} {
		if q.may(from, "x", now.Add(time.Duration(i)*time.Second)) != want {
			t.Errorf("refusal %d", i)
		}
	}
	if !q.may(from, "y", now) || !q.may(from, "x", now.Add(quietFor)) {
		t.Error("another refusal, or one later, is not logged")
	}
	for i := range 2 * maxQuiet {
		q.may(from, fmt.Sprint(i), now)
	}
	if len(q.last) > maxQuiet {
		t.Errorf("%d are remembered", len(q.last))
	}
}

// goroutines counts all but those that the library's client leaves behind, as
// tests do and servers do not: what reads its socket offers its last error on a
// channel, and Close takes it only if it is there already.
func goroutines() (n int, stacks string) {
	buf := make([]byte, 1<<20)
	stacks = string(buf[:runtime.Stack(buf, true)])
	for g := range strings.SplitSeq(stacks, "\n\n") {
		if !strings.Contains(g, "gosrt.Dial.func1") {
			n++
		}
	}
	return n, stacks
}

// TestConnectionsLeaveNothingBehind has publishers come and go, let in and not.
func TestConnectionsLeaveNothingBehind(t *testing.T) {
	address, g := door(t, new(Server))
	before, _ := goroutines()
	for range 50 {
		if c, err := dial(t, address, "other", ""); err == nil {
			c.Close()
			t.Fatal("it was let in")
		}
		c, err := dial(t, address, "good", secret)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if err := end(t, <-g.pubs); err != nil {
			t.Fatal(err)
		}
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(30 * time.Second)
	for {
		n, stacks := goroutines()
		if n <= before {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("%d goroutines are left of %d:\n%s", n-before, before, stacks)
		}
	}
}
