package rtmp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxUnsent is how many bytes may wait for a peer to take them: the answers to
// more than one read.
const maxUnsent = 512 << 10

// When a peer that cannot be reached any more counts as gone: 10 s after it was
// last heard, or after it last acknowledged what we sent.
const (
	aliveIdle     = 4 // s without a sign before the first question
	aliveInterval = 2 // s between questions
	aliveCount    = 3 // of them
	userTimeout   = 10_000
)

// A descriptor is the socket of a TCP connection.
type descriptor struct {
	fd            int
	local, remote net.Addr

	drained bool      // nothing is left to read, until renew
	unsent  []byte    // what the peer has yet to take
	since   time.Time // when it first did not
}

// detach takes a TCP connection from the runtime and closes it there.
func detach(nc net.Conn) (socket, error) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &descriptor{fd: -1, local: tcp.LocalAddr(), remote: tcp.RemoteAddr()}
	var failed error
	err = raw.Control(func(fd uintptr) { s.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("take a socket from the runtime: %w", err)
	}
	if err := watchPeer(s.fd); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	nc.Close()
	return s, nil
}

// watchPeer has the kernel end the connection when its peer is gone.
func watchPeer(fd int) error {
	for _, o := range [...]struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, aliveIdle},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, aliveInterval},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, aliveCount},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// attach gives the connection back, after what waited was sent.
func (s *descriptor) attach() (net.Conn, error) {
	f := os.NewFile(uintptr(s.fd), "")
	s.fd = -1
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil || len(s.unsent) == 0 {
		return nc, err
	}
	nc.SetWriteDeadline(time.Now().Add(lingerTime))
	if _, err := nc.Write(s.unsent); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// Read reads what is there.
func (s *descriptor) Read(p []byte) (int, error) {
	for !s.drained && len(p) > 0 {
		n, errno := read(s.fd, p)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			s.drained = true
			return 0, os.ErrDeadlineExceeded
		case errno != 0:
			return 0, os.NewSyscallError("read", errno)
		case n == 0:
			return 0, io.EOF
		}
		s.drained = n < len(p)
		return n, nil
	}
	return 0, os.ErrDeadlineExceeded
}

// read is read(2) of a descriptor that never waits, into p, which is not empty.
// The runtime is not told of it: that would start its watch over system calls
// that take long, which costs a tenth of all that a tick does.
func read(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), errno
}

// renew has the next Read look again.
func (s *descriptor) renew() { s.drained = false }

// Write sends p, and keeps what the peer does not take for flush to send.
func (s *descriptor) Write(p []byte) (int, error) {
	if len(s.unsent)+len(p) > maxUnsent {
		return 0, fmt.Errorf("write: %w: the peer takes no answers", os.ErrDeadlineExceeded)
	}
	s.unsent = append(s.unsent, p...)
	return len(p), s.flush()
}

// flush sends what waits to be sent, as far as the peer takes it.
func (s *descriptor) flush() error {
	for len(s.unsent) > 0 {
		n, err := unix.Write(s.fd, s.unsent)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			if s.since.IsZero() {
				s.since = time.Now()
			}
			return nil
		case err != nil:
			return os.NewSyscallError("write", err)
		}
		s.unsent, s.since = s.unsent[n:], time.Time{}
	}
	s.unsent = nil
	return nil
}

// stuck returns since when there is something unsent.
func (s *descriptor) stuck() time.Time { return s.since }

// Close closes the connection.
func (s *descriptor) Close() error { return unix.Close(s.fd) }

// CloseWrite tells the peer that nothing more will come.
func (s *descriptor) CloseWrite() error { return unix.Shutdown(s.fd, unix.SHUT_WR) }

// LocalAddr returns our end.
func (s *descriptor) LocalAddr() net.Addr { return s.local }

// RemoteAddr returns the peer's end.
func (s *descriptor) RemoteAddr() net.Addr { return s.remote }

// SetDeadline does nothing.
func (s *descriptor) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s *descriptor) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s *descriptor) SetWriteDeadline(time.Time) error { return nil }
