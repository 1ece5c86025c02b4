package sniff

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// A conn reads the bytes in head before those of the connection it wraps.
type conn struct {
	net.Conn
	head []byte
}

// Read reads what was peeked, then the connection.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	c.head = c.head[n:]
	if len(c.head) == 0 {
		c.head = nil
	}
	return n, nil
}

// ReadFrom lets net/http send files without copying them, where the connection
// beneath can.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite tells the peer that nothing more will come.
func (c *conn) CloseWrite() error {
	w, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return w.CloseWrite()
}

// A secureConn is a conn inside TLS.
type secureConn struct {
	*conn
	tls *tls.Conn
}

// ConnectionState describes the TLS connection.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
