package sniff

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

func TestFirstBytesTellTheProtocol(t *testing.T) {
	for _, tc := range []struct {
		bytes string
		want  protocol
		more  bool
	}{
		{"", protocolUnknown, true},
		{"\x03", protocolRTMP, false},
		{"\x06", protocolRTMPE, false},
		{"\x16", protocolUnknown, true},
		{"\x16\x03", protocolTLS, false},
		{"\x16\x02", protocolUnknown, false},
		{"G", protocolUnknown, true},
		{"GET", protocolUnknown, true},
		{"GET ", protocolHTTP, false},
		{"P", protocolUnknown, true},
		{"POST ", protocolHTTP, false},
		{"PUT ", protocolHTTP, false},
		{"PRI ", protocolHTTP, false},
		{"PATCH ", protocolHTTP, false},
		{"PUTT", protocolUnknown, false},
		{"OPTIONS ", protocolHTTP, false},
		{"CONNECT ", protocolHTTP, false},
		{"OPTIONSX", protocolUnknown, false},
		{"\x00", protocolUnknown, false},
	} {
		if got, more := classify([]byte(tc.bytes)); got != tc.want || more != tc.more {
			t.Errorf("classify(%q) = %v, %v; want %v, %v", tc.bytes, got, more, tc.want, tc.more)
		}
	}
}

// A wire is a connection that reads from a reader.
type wire struct {
	net.Conn
	r io.Reader
}

func (w wire) Read(p []byte) (int, error) { return w.r.Read(p) }

func FuzzPeek(f *testing.F) {
	for _, s := range []string{"", "\x03\x00", "\x06", "\x16\x03\x01\x02\x00", "\x16", "GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "OPTIONS", "PATCH /x", "\xff", "SSH-2.0"} {
		f.Add([]byte(s), byte(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, step byte) {
		r := bytes.NewReader(b)
		p, c, err := peek(wire{r: &stepper{r: r, n: int(step)%maxPeek + 1}})
		if read := len(b) - r.Len(); read > maxPeek {
			t.Fatalf("%d bytes were read to tell the protocol of %q", read, b)
		}
		if err != nil {
			if p != protocolUnknown || !errors.Is(err, errUnknown) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("peek(%q) = %v, %v", b, p, err)
			}
			return
		}
		again, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("read %q after peeking at %q", again, b)
		}
		if p == protocolHTTP && !strings.Contains(string(b[:min(len(b), maxPeek)]), " ") {
			t.Fatalf("peek(%q) = %v", b, p)
		}
	})
}

// A stepper reads at most n bytes at a time.
type stepper struct {
	r io.Reader
	n int
}

func (s *stepper) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.n)]) }
