package sniff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// The header of the PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt,
// 2.2): a signature, version and command, family and transport, and the length of
// what follows.
const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyHead      = len(proxySignature) + 4
	maxProxy       = 2048 // bytes behind the head; addresses of IPv6 have 36, the rest is extensions

	proxyLocal = 0x20 // the proxy speaks for itself
	proxyOther = 0x21 // it speaks for the addresses that follow
	overTCP4   = 0x11
	overTCP6   = 0x21
)

var errProxy = errors.New("it is no header of version 2")

// preface reads a header of the PROXY protocol from a trusted proxy. If there is
// none it returns the byte that told; from is nil if there is nothing to tell.
func (m *Mux) preface(c net.Conn) (first []byte, from net.Addr, err error) {
	t, ok := c.RemoteAddr().(*net.TCPAddr)
	if m.Proxy == nil || !ok || !m.Proxy(t.AddrPort().Addr().Unmap()) {
		return nil, nil, nil
	}
	one := make([]byte, 1)
	if _, err := io.ReadFull(c, one); err != nil {
		return nil, nil, err
	}
	if one[0] != proxySignature[0] {
		return one, nil, nil
	}
	at, err := readProxy(io.MultiReader(&byteReader{one[0]}, c))
	if err != nil || !at.IsValid() {
		return nil, nil, err
	}
	return nil, net.TCPAddrFromAddrPort(at), nil
}

// A byteReader has one byte to read again.
type byteReader []byte

// Read reads it.
func (b *byteReader) Read(p []byte) (int, error) {
	if len(*b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *b)
	*b = (*b)[n:]
	return n, nil
}

// readProxy reads a header and returns the source address in it, which is zero
// if the proxy says none: then the proxy is who connects.
func readProxy(r io.Reader) (netip.AddrPort, error) {
	var head [proxyHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return netip.AddrPort{}, err
	}
	rest := head[len(proxySignature):]
	command, family, length := rest[0], rest[1], int(binary.BigEndian.Uint16(rest[2:]))
	if string(head[:len(proxySignature)]) != proxySignature || command != proxyLocal && command != proxyOther {
		return netip.AddrPort{}, errProxy
	}
	if length > maxProxy {
		return netip.AddrPort{}, fmt.Errorf("a header of %d bytes, at most %d are read", length, maxProxy)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return netip.AddrPort{}, err
	}
	size := 0
	switch {
	case command == proxyLocal:
		return netip.AddrPort{}, nil
	case family == overTCP4:
		size = net.IPv4len
	case family == overTCP6:
		size = net.IPv6len
	default:
		return netip.AddrPort{}, nil
	}
	const ports = 4
	if length < 2*size+ports {
		return netip.AddrPort{}, errProxy
	}
	ip, _ := netip.AddrFromSlice(body[:size])
	return netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(body[2*size:])), nil
}
