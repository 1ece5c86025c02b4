package restjson_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const getChannel = `{"arn":"` + channelARN + `"}`

// dial opens a connection to a server and sends it text.
func dial(t *testing.T, s *httptest.Server, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func server(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestFormsOfRequests(t *testing.T) {
	s := server(t, handler(new(service)))
	length := fmt.Sprintf("Content-Length: %d\r\n", len(getChannel))
	for _, tt := range []struct{ name, head, body string }{
		{"as SDKs send it", length + "Content-Type: application/json\r\n", getChannel},
		{"without a content type", length, getChannel},
		{"with a charset", length + "Content-Type: application/json; charset=utf-8\r\n", getChannel},
		{"as curl sends it", length + "Content-Type: application/x-www-form-urlencoded\r\n", getChannel},
		{"with a type that is none", length + "Content-Type: nonsense\r\n", getChannel},
		{"with another type", length + "Content-Type: application/x-amz-json-1.1\r\n", getChannel},
		{"in chunks", "Transfer-Encoding: chunked\r\n", "8\r\n" + getChannel[:8] + "\r\n" + fmt.Sprintf("%x\r\n", len(getChannel)-8) + getChannel[8:] + "\r\n0\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, r := dial(t, s, "POST /GetChannel HTTP/1.1\r\nHost: localhost\r\n"+tt.head+"\r\n"+tt.body)
			expectStatus(t, r, 200, "")
		})
	}
}

func TestExpectContinue(t *testing.T) {
	s := server(t, handler(new(service)))
	c, r := dial(t, s, fmt.Sprintf("POST /GetChannel HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(getChannel)))
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server says %q, %v, want to be sent the body", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, getChannel); err != nil {
		t.Fatal(err)
	}
	expectStatus(t, r, 200, "")
}

func TestHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(handler(new(service)))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	res, err := s.Client().Post(s.URL+"/GetChannel", "", strings.NewReader(getChannel))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || res.ProtoMajor != 2 {
		t.Errorf("status %d by HTTP/%d, want 200 by HTTP/2", res.StatusCode, res.ProtoMajor)
	}
}

func TestHostileBodies(t *testing.T) {
	const limit = 1 << 20
	s := server(t, handler(new(service)))
	t.Run("announced larger than allowed", func(t *testing.T) {
		_, r := dial(t, s, fmt.Sprintf("POST /GetChannel HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 1<<40))
		expectStatus(t, r, 413, "RequestEntityTooLargeException")
	})
	t.Run("for an unknown path, and never sent", func(t *testing.T) {
		_, r := dial(t, s, "POST /Nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
		expectStatus(t, r, 404, "UnknownOperationException")
	})
	t.Run("endless", func(t *testing.T) {
		c, r := dial(t, s, "POST /GetChannel HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunk := "10000\r\n" + strings.Repeat(" ", 1<<16) + "\r\n"
		go func() {
			for {
				if _, err := io.WriteString(c, chunk); err != nil {
					return
				}
			}
		}()
		expectStatus(t, r, 413, "RequestEntityTooLargeException")
	})
	t.Run("as large as allowed", func(t *testing.T) {
		body := getChannel + strings.Repeat(" ", limit-len(getChannel))
		w := call(handler(new(service)), "POST", "/GetChannel", body)
		if w.Code != 200 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
	t.Run("a byte more", func(t *testing.T) {
		w := call(handler(new(service)), "POST", "/GetChannel", getChannel+strings.Repeat(" ", limit-len(getChannel)+1))
		if w.Code != 413 || message(t, w.Body.Bytes()) != "The request body has more than 1048576 bytes." {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		c, r := dial(t, s, "POST /GetChannel HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		expectStatus(t, r, 400, "RequestAbortedException")
	})
	t.Run("chunks that are none", func(t *testing.T) {
		_, r := dial(t, s, "POST /GetChannel HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
		expectStatus(t, r, 400, "MalformedHttpRequestException")
	})
	t.Run("a list of a million", func(t *testing.T) {
		body := `{"mediaTailorPlaybackConfigurations":[` + strings.Repeat("{},", 300000) + `{}]}`
		w := call(handler(new(service)), "POST", "/CreateAdConfiguration", body)
		want := "CreateAdConfiguration.mediaTailorPlaybackConfigurations has more than 3 elements"
		if got := message(t, w.Body.Bytes()); got != want {
			t.Errorf("message %q, want %q", got, want)
		}
	})
	t.Run("a list without a limit of its own", func(t *testing.T) {
		body := `{"allowedCountries":[` + strings.Repeat(`"DE",`, 100000) + `"DE"]}`
		w := call(handler(new(service)), "POST", "/CreatePlaybackRestrictionPolicy", body)
		want := "CreatePlaybackRestrictionPolicy.allowedCountries has more than 1000 elements"
		if got := message(t, w.Body.Bytes()); got != want {
			t.Errorf("message %q, want %q", got, want)
		}
	})
}

// TestRefusedBodiesLeaveNoMemory sends many bodies of the largest size and
// looks whether the handler kept them.
func TestRefusedBodiesLeaveNoMemory(t *testing.T) {
	h := handler(new(service))
	body := `{"x":` + strings.Repeat("[", 1<<20-8)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	call(h, "POST", "/ListChannels", body)
	before := heap()
	for range 50 {
		if w := call(h, "POST", "/ListChannels", body); w.Code != 400 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	}
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("50 bodies of 1 MiB left %d bytes behind", grown)
	}
}

// TestSlowBody sends a byte a second. The request ends when its time is over.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handler(new(service))
		h.BodyTimeout = 10 * time.Second
		ln := newPipeListener()
		s := &http.Server{Handler: h}
		done := make(chan error, 1)
		go func() { done <- s.Serve(ln) }()
		c := ln.dial()
		begin := time.Now()
		var client sync.WaitGroup
		client.Go(func() {
			_, err := io.WriteString(c, "POST /GetChannel HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
			for err == nil {
				<-time.After(time.Second)
				_, err = io.WriteString(c, " ")
			}
		})
		expectStatus(t, bufio.NewReader(c), 408, "RequestTimeoutException")
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("the answer came after %v, want 10 s", took)
		}
		c.Close()
		s.Close()
		<-done
		client.Wait()
	})
}

// TestSlowOperation takes longer than a body may. The deadline is the body's alone.
func TestSlowOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handler(&service{do: func(ctx context.Context) {
			select {
			case <-ctx.Done():
				t.Errorf("the request ended: %v", ctx.Err())
			case <-time.After(time.Hour):
			}
		}})
		ln := newPipeListener()
		s := &http.Server{Handler: h}
		done := make(chan error, 1)
		go func() { done <- s.Serve(ln) }()
		c := ln.dial()
		go io.WriteString(c, "POST /ListChannels HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
		expectStatus(t, bufio.NewReader(c), 200, "")
		c.Close()
		s.Close()
		<-done
	})
}

// expectStatus reads an answer.
func expectStatus(t *testing.T, r *bufio.Reader, status int, kind string) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("X-Amzn-ErrorType"); res.StatusCode != status || got != kind {
		t.Errorf("status %d, error type %q, want %d, %q: %s", res.StatusCode, got, status, kind, body)
	}
}

// A pipeListener accepts connections in memory, whose deadlines know the time
// of a bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
