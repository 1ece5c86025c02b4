package sniff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
)

// A protocol is what the first bytes of a connection give away.
type protocol int

const (
	protocolUnknown protocol = iota
	protocolTLS
	protocolHTTP
	protocolRTMP
	protocolRTMPE
)

func (p protocol) String() string {
	return [...]string{"an unknown protocol", "TLS", "HTTP", "RTMP", "RTMPE (RTMPS is)"}[p]
}

// maxPeek is how many bytes are read at most to tell a protocol: the longest
// HTTP method and the space behind it.
const maxPeek = 8

// errUnknown means that the first bytes belong to no protocol that is served.
var errUnknown = errors.New("unknown protocol")

// peek reads from c, of which the first bytes were read before, until its
// protocol is known, and returns a connection that reads all of those again.
func peek(c net.Conn, first ...byte) (protocol, *conn, error) {
	head := append(make([]byte, 0, maxPeek), first...)
	for {
		n, err := c.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		p, more := classify(head)
		switch {
		case p != protocolUnknown:
			return p, &conn{Conn: c, head: head}, nil
		case !more:
			return p, nil, fmt.Errorf("%w: % x", errUnknown, head)
		case errors.Is(err, io.EOF):
			return p, nil, io.ErrUnexpectedEOF
		case err != nil:
			return p, nil, err
		}
	}
}

// classify tells a protocol by the first bytes of a connection, or whether more
// of them might.
//
//   - TLS: a handshake record of version 3.x (RFC 8446, 5.1)
//   - RTMP: version 3 in C0 (Adobe RTMP 1.0, 5.2.2); 6, 8 and 9 are its
//     encrypted variants
//   - HTTP: a method and a space (RFC 9112, 3), or the preface of HTTP/2
func classify(b []byte) (p protocol, more bool) {
	if len(b) == 0 {
		return protocolUnknown, true
	}
	switch b[0] {
	case 0x03:
		return protocolRTMP, false
	case 0x06, 0x08, 0x09:
		return protocolRTMPE, false
	case 0x16:
		if len(b) == 1 {
			return protocolUnknown, true
		}
		if b[1] == 0x03 {
			return protocolTLS, false
		}
		return protocolUnknown, false
	}
	for _, method := range [...]string{
		"GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS ", "CONNECT ", "TRACE ", "PRI ",
	} {
		n := min(len(b), len(method))
		if !bytes.Equal(b[:n], []byte(method[:n])) {
			continue
		}
		if n == len(method) {
			return protocolHTTP, false
		}
		more = true
	}
	return protocolUnknown, more
}
