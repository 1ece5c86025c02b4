package limit_test

import (
	"math"
	"net"
	"net/netip"
	"sync"
	"testing"

	"openivs/internal/limit"
)

func TestNobodyHoldsMoreThanAShare(t *testing.T) {
	var c limit.Counter
	a, b := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	const most, mostFrom = 10, 6
	for _, step := range []struct {
		from netip.Prefix
		n    int64
		want bool
	}{
		{a, 6, true},
		{a, 1, false}, // a's share is used up
		{b, 5, false}, // and this would be too much in all
		{b, 4, true},
		{b, 1, false},
		{a, -6, true},
		{a, math.MaxInt64, false},
		{b, 2, true},
		{a, 4, true},
		{a, 1, false},
	} {
		if step.n < 0 {
			c.Release(step.from, -step.n)
			continue
		}
		if got := c.Acquire(step.from, step.n, most, mostFrom); got != step.want {
			t.Errorf("Acquire(%v, %d) = %v", step.from, step.n, got)
		}
	}
}

func TestWhatIsReleasedIsFree(t *testing.T) {
	var c limit.Counter
	var wg sync.WaitGroup
	from := netip.MustParsePrefix("2001:db8::/64")
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if c.Acquire(from, 3, 24, 24) {
					c.Release(from, 3)
				}
			}
		})
	}
	wg.Wait()
	if !c.Acquire(from, 24, 24, 24) {
		t.Error("something is still held")
	}
}

func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7:80":          "192.0.2.7/32",
		"[::ffff:192.0.2.7]:80": "192.0.2.7/32",
		"[2001:db8::1:2:3]:80":  "2001:db8::/64",
		"[fe80::1%eth0]:80":     "fe80::/64",
		"@":                     "invalid Prefix",
		"":                      "invalid Prefix",
	} {
		if got := limit.NetworkOf(address).String(); got != want {
			t.Errorf("NetworkOf(%q) = %s, want %s", address, got, want)
		}
		if a, err := netip.ParseAddrPort(address); err == nil {
			if got := limit.Network(net.TCPAddrFromAddrPort(a)).String(); got != want {
				t.Errorf("Network(%q) = %s, want %s", address, got, want)
			}
		}
	}
	if got := limit.Network(&net.UnixAddr{}); got.IsValid() {
		t.Errorf("a socket is of network %v", got)
	}
}
