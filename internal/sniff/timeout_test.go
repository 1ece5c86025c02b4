package sniff_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"openivs/internal/sniff"
)

// A pipes is a listener whose connections are net.Pipes, and whose Accept fails
// with the errors that it is given first.
type pipes struct {
	conns  chan net.Conn
	errs   chan error
	once   sync.Once
	closed chan struct{}
}

func newPipes(errs ...error) *pipes {
	p := &pipes{conns: make(chan net.Conn), errs: make(chan error, len(errs)), closed: make(chan struct{})}
	for _, err := range errs {
		p.errs <- err
	}
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case err := <-p.errs:
		return nil, err
	default:
	}
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// start serves ln, and returns a function that stops it.
func start(ctx context.Context, m *sniff.Mux, ln net.Listener) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- m.Serve(ctx, ln) }()
	return func() error {
		cancel()
		return <-done
	}
}

func TestAClientHasTenSeconds(t *testing.T) {
	cfg, _ := certificate(t)
	for _, tc := range []struct {
		name string
		do   func(c net.Conn)
	}{
		{"silent", func(net.Conn) {}},
		{"half a method", func(c net.Conn) { _, _ = io.WriteString(c, "GE") }},
		{"half a TLS record", func(c net.Conn) { _, _ = io.WriteString(c, "\x16\x03\x01\x02\x00\x01") }},
		{"a TLS record, one byte a second", func(c net.Conn) {
			for _, b := range append([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), make([]byte, 500)...) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(time.Second)
			}
		}},
		{"RTMP that nobody accepts", func(c net.Conn) { _, _ = c.Write([]byte{3}) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &sniff.Mux{TLS: cfg}
				ln := newPipes()
				stop := start(t.Context(), m, ln)
				c := ln.dial()
				begun := time.Now()
				tc.do(c)
				if _, err := io.ReadAll(c); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took < 10*time.Second || took > 11*time.Second {
					t.Errorf("closed after %v, want 10 s", took)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(sniff.Mux)
		ln := newPipes()
		stop := start(t.Context(), m, ln)
		silent, told := ln.dial(), ln.dial()
		if _, err := told.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		for _, c := range []net.Conn{silent, told} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v, want EOF", err)
			}
		}
	})
}

func TestAcceptIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		for range 10 {
			errs = append(errs, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE})
		}
		ln := newPipes(errs...)
		stop := start(t.Context(), new(sniff.Mux), ln)
		begun := time.Now()
		c := ln.dial()
		if took, want := time.Since(begun), (5+10+20+40+80+160+320+640+1000+1000)*time.Millisecond; took != want {
			t.Errorf("accepting again took %v, want %v", took, want)
		}
		c.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestServeReturnsAnErrorThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		ln := newPipes(broken)
		if err := new(sniff.Mux).Serve(t.Context(), ln); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is left open: %v", err)
		}
	})
}

func TestAClosedOutletTakesNoConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(sniff.Mux)
		ln := newPipes()
		stop := start(t.Context(), m, ln)
		m.RTMP.Close()
		m.RTMP.Close()
		if _, err := m.RTMP.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v, want net.ErrClosed", err)
		}
		c := ln.dial()
		if _, err := c.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a connection for it: %v, want EOF", err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
