package sniff

import (
	"context"
	"net"
	"sync"
)

// An Outlet is a net.Listener that the connections of one protocol come out of.
// It holds none back: a connection waits for Accept among the pending ones of
// its Mux, and is closed if its time is up first.
type Outlet struct {
	opened sync.Once
	shut   sync.Once
	conns  chan net.Conn
	closed chan struct{}
}

func (o *Outlet) open() {
	o.opened.Do(func() {
		o.conns = make(chan net.Conn)
		o.closed = make(chan struct{})
	})
}

// Accept waits for the next connection.
func (o *Outlet) Accept() (net.Conn, error) {
	o.open()
	select {
	case c := <-o.conns:
		return c, nil
	case <-o.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: o.Addr(), Err: net.ErrClosed}
	}
}

// Close makes Accept fail; connections that come for o are closed from now on.
func (o *Outlet) Close() error {
	o.open()
	o.shut.Do(func() { close(o.closed) })
	return nil
}

// Addr returns an address that names no port: an outlet has as many as its Mux
// has listeners. Every connection knows its own.
func (o *Outlet) Addr() net.Addr { return &net.TCPAddr{} }

// deliver gives c to Accept, or closes it when ctx ends or o is closed.
func (o *Outlet) deliver(ctx context.Context, c net.Conn) {
	o.open()
	select {
	case o.conns <- c:
	case <-o.closed:
		c.Close()
	case <-ctx.Done():
		c.Close()
	}
}
