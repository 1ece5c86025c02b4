package rtmp

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAPeerThatIsGoneIsNoticedWithin10s looks at what the kernel was told: that a
// peer answers no more cannot be had without its help.
func TestAPeerThatIsGoneIsNoticedWithin10s(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := detach(nc)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	get := func(level, name int) int {
		v, err := unix.GetsockoptInt(s.(*descriptor).fd, level, name)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	idle, interval, count := get(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), get(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), get(unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
	if get(unix.SOL_SOCKET, unix.SO_KEEPALIVE) == 0 || time.Duration(idle+interval*count)*time.Second > 10*time.Second {
		t.Errorf("a silent peer is asked after %d s, %d times each %d s", idle, count, interval)
	}
	if v := get(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); v == 0 || v > 10_000 {
		t.Errorf("what it does not acknowledge is waited for %d ms", v)
	}
}
