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
	from net.Addr // what a proxy says of the other end; nil: there is none
}

// RemoteAddr is the other end, as a trusted proxy tells it if there is one.
func (c *conn) RemoteAddr() net.Addr {
	if c.from != nil {
		return c.from
	}
	return c.Conn.RemoteAddr()
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

// Rebase exchanges the connection beneath, below TLS if there is any. Nobody may
// read or write meanwhile. If exchange fails, nothing has changed.
func (c *conn) Rebase(exchange func(net.Conn) (net.Conn, error)) error {
	base, err := exchange(c.Conn)
	if err != nil {
		return err
	}
	c.Conn = base
	return nil
}

// A secureConn is a conn inside TLS.
type secureConn struct {
	*conn
	tls  *tls.Conn
	base *conn // beneath TLS
}

// Rebase exchanges the connection beneath TLS.
func (c *secureConn) Rebase(exchange func(net.Conn) (net.Conn, error)) error {
	return c.base.Rebase(exchange)
}

// ConnectionState describes the TLS connection.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
