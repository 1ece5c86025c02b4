package sniff_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"openivs/internal/sniff"
)

// certificate makes a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
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
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// A port is a Mux on a port, with an HTTP server that describes each request
// and an RTMP server that echoes behind what it knows of the connection.
type port struct {
	mux  *sniff.Mux
	addr string
	pool *x509.CertPool
}

func open(t *testing.T, m *sniff.Mux) *port {
	t.Helper()
	cfg, pool := certificate(t)
	m.TLS = cfg
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, m, ln)
	return &port{mux: m, addr: ln.Addr().String(), pool: pool}
}

func serve(t *testing.T, m *sniff.Mux, ln net.Listener) {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), bytes.Repeat([]byte("0123456789abcdef"), 1<<15), 0o600); err != nil {
		t.Fatal(err)
	}
	routes := http.NewServeMux()
	routes.Handle("/file", http.FileServer(http.Dir(dir)))
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s tls=%v", r.Method, r.Proto, r.TLS != nil)
	})
	web := &http.Server{Handler: routes, Protocols: protocols, ReadHeaderTimeout: time.Second}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- m.Serve(ctx, ln) }()
	go func() { done <- web.Serve(&m.HTTP) }()
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		echo(&m.RTMP)
	}()
	t.Cleanup(func() {
		cancel()
		m.RTMP.Close()
		web.Close()
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("Serve: %v", err)
			}
		}
		<-echoed
	})
}

func echo(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, secure := c.(interface{ ConnectionState() tls.ConnectionState })
			fmt.Fprintf(c, "secure=%v ", secure)
			_, _ = io.Copy(c, c)
			if w, ok := c.(interface{ CloseWrite() error }); ok {
				_ = w.CloseWrite()
			}
		}()
	}
}

func (p *port) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *port) dialTLS(t *testing.T, protocols ...string) *tls.Conn {
	t.Helper()
	return tls.Client(p.dial(t), &tls.Config{RootCAs: p.pool, ServerName: "127.0.0.1", NextProtos: protocols})
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOnePortSpeaksHTTP(t *testing.T) {
	p := open(t, &sniff.Mux{})
	for _, tc := range []struct {
		name, scheme, want string
		http1, http2, h2c  bool
	}{
		{"HTTP/1.1", "http", "GET HTTP/1.1 tls=false", true, false, false},
		{"HTTP/1.1 in TLS", "https", "GET HTTP/1.1 tls=true", true, false, false},
		{"HTTP/2 in TLS", "https", "GET HTTP/2.0 tls=true", false, true, false},
		{"whatever the client likes best, in TLS", "https", "GET HTTP/2.0 tls=true", true, true, false},
		{"HTTP/2 with prior knowledge", "http", "GET HTTP/2.0 tls=false", false, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			protocols := new(http.Protocols)
			protocols.SetHTTP1(tc.http1)
			protocols.SetHTTP2(tc.http2)
			protocols.SetUnencryptedHTTP2(tc.h2c)
			tr := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: p.pool}}
			defer tr.CloseIdleConnections()
			client := &http.Client{Transport: tr, Timeout: 20 * time.Second}
			for range 3 {
				if got := get(t, client, tc.scheme+"://"+p.addr+"/"); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			}
			if got := get(t, client, tc.scheme+"://"+p.addr+"/file"); len(got) != 16<<15 {
				t.Errorf("a file of %d bytes came as %d", 16<<15, len(got))
			}
		})
	}
}

// Some clients, curl with --no-alpn and old libraries among them, name no
// protocol in TLS.
func TestHTTPInTLSWithoutALPN(t *testing.T) {
	p := open(t, &sniff.Mux{})
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		c := p.dialTLS(t, protocols...)
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if b, _ := io.ReadAll(r.Body); string(b) != "GET HTTP/1.1 tls=true" {
			t.Errorf("ALPN %q: got %q", protocols, b)
		}
	}
}

func TestRTMPComesOutWithAllItsBytes(t *testing.T) {
	p := open(t, &sniff.Mux{})
	sent := append([]byte{3}, bytes.Repeat([]byte{0xab}, 5000)...)
	for _, tc := range []struct {
		name string
		dial func() net.Conn
		want string
	}{
		{"RTMP", func() net.Conn { return p.dial(t) }, "secure=false "},
		{"RTMPS", func() net.Conn { return p.dialTLS(t) }, "secure=true "},
		{"RTMPS of a client that names HTTP in ALPN", func() net.Conn { return p.dialTLS(t, "http/1.1") }, "secure=true "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.dial()
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(c)
			if err != nil || string(got) != tc.want+string(sent) {
				t.Errorf("%d bytes back, beginning with %.20q, %v; want %d", len(got), got, err, len(tc.want)+len(sent))
			}
		})
	}
}

func TestBytesMayComeOneByOne(t *testing.T) {
	p := open(t, &sniff.Mux{})
	c := p.dial(t)
	for _, b := range []byte("OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
}

func TestWhatIsNotServedIsClosed(t *testing.T) {
	p := open(t, &sniff.Mux{})
	for _, tc := range []struct{ name, bytes string }{
		{"garbage", "\x00\x01\x02\x03"},
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n"},
		{"RTMPE", "\x06" + strings.Repeat("\x00", 1536)},
		{"SSL 2", "\x80\x2e\x01\x00\x02"},
		{"a TLS record of another version", "\x16\x07\x01\x00\x05"},
		{"a method that is none", "GETT / HTTP/1.1\r\n"},
		{"lower case", "get / HTTP/1.1\r\n"},
		{"a TLS record of random bytes", "\x16\x03\x01\xff\xff" + strings.Repeat("\x7f", 70000)},
		{"nothing", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := p.dial(t)
			_, _ = io.WriteString(c, tc.bytes) // the server may have closed already
			if tc.bytes == "" {
				_ = c.(*net.TCPConn).CloseWrite()
			}
			b, err := io.ReadAll(c)
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() || len(b) > 7 {
				t.Errorf("read %x, %v; want the end, after a TLS alert at most", b, err)
			}
		})
	}
}

func TestWithoutCertificateTLSIsClosed(t *testing.T) {
	var m sniff.Mux
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, &m, ln)
	p := &port{mux: &m, addr: ln.Addr().String()}
	if err := p.dialTLS(t).Handshake(); err == nil {
		t.Error("the handshake succeeded")
	}
}

func TestNoDelayIsOn(t *testing.T) {
	var m sniff.Mux
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	probe := &probed{Listener: ln}
	go func() { done <- m.Serve(ctx, probe) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.RTMP.Accept(); err != nil {
		t.Fatal(err)
	}
	if got := probe.noDelay.Load(); got != 1 {
		t.Errorf("TCP_NODELAY is %d, want 1", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A probed listener notes TCP_NODELAY of what it accepts.
type probed struct {
	net.Listener
	noDelay atomic.Int64
}

func (l *probed) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	err = raw.Control(func(fd uintptr) {
		v, _ := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
		l.noDelay.Store(int64(v))
	})
	return c, err
}

// Hundreds of clients that do nothing, or next to nothing, cost little and
// disturb nobody.
func TestIdleClientsDisturbNobody(t *testing.T) {
	p := open(t, &sniff.Mux{MaxPendingPerAddr: 400})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	get(t, client, "http://"+p.addr+"/")

	before := heap()
	for i := range 300 {
		c := p.dial(t)
		switch i % 3 {
		case 1:
			_, _ = io.WriteString(c, "GE")
		case 2:
			_, _ = io.WriteString(c, "\x16\x03\x01\x40\x00")
		}
	}
	for range 20 {
		if got := get(t, client, "http://"+p.addr+"/"); got != "GET HTTP/1.1 tls=false" {
			t.Errorf("got %q", got)
		}
	}
	if grown := heap() - before; grown > 300*40<<10 {
		t.Errorf("300 idle clients take %d KiB of heap each", grown>>10/300)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// A proxy on this host stands for many clients: a burst of theirs is served.
func TestBurstFromThisHost(t *testing.T) {
	p := open(t, &sniff.Mux{})
	conns := make([]net.Conn, 600)
	for i := range conns {
		conns[i] = p.dial(t)
	}
	for i, c := range conns {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 1 {
			t.Fatalf("connection %d was closed: %v", i, err)
		}
	}
}

func TestOneAddressMayNotHoldAllPlaces(t *testing.T) {
	p := open(t, &sniff.Mux{MaxPendingPerAddr: 2})
	held := []net.Conn{p.dial(t), p.dial(t)}
	for {
		c := p.dial(t)
		if _, err := c.Write([]byte{3}); err != nil {
			break
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			break // the third is turned away, once the two before it are waiting
		}
	}
	for _, c := range held {
		if _, err := c.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Errorf("a connection within the limit: %v", err)
		}
	}
	c := p.dial(t)
	if _, err := c.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Errorf("a connection after those before it are served: %v", err)
	}
}
