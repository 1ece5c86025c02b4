package forward_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"openivs/internal/forward"
)

func trusted(t testing.TB, list ...string) forward.Trusted {
	t.Helper()
	var out forward.Trusted
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func request(socket string, forwarded ...string) *http.Request {
	return &http.Request{RemoteAddr: socket, Header: http.Header{"X-Forwarded-For": forwarded}}
}

func TestTheClientIsWhomTrustedProxiesName(t *testing.T) {
	proxies := []string{"10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"}
	for _, tc := range []struct {
		name, socket string
		forwarded    []string
		want         string
	}{
		{"nothing said", "10.0.0.1:80", nil, "10.0.0.1"},
		{"one proxy", "10.0.0.1:80", []string{"192.0.2.1"}, "192.0.2.1"},
		{"nobody trusted", "203.0.113.9:80", []string{"192.0.2.1"}, "203.0.113.9"},
		{"claimed by the client", "10.0.0.1:80", []string{"198.51.100.1, 192.0.2.1"}, "192.0.2.1"},
		{"two proxies", "10.0.0.1:80", []string{"192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"two lines", "10.0.0.1:80", []string{"192.0.2.1", "10.0.0.2"}, "192.0.2.1"},
		{"two lines, the first claimed", "10.0.0.1:80", []string{"192.0.2.1", "192.0.2.2"}, "192.0.2.2"},
		{"nothing but proxies", "10.0.0.1:80", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"no address", "10.0.0.1:80", []string{"192.0.2.1, unknown"}, "10.0.0.1"},
		{"an empty one", "10.0.0.1:80", []string{"192.0.2.1, "}, "10.0.0.1"},
		{"an empty line", "10.0.0.1:80", []string{""}, "10.0.0.1"},
		{"with a port", "10.0.0.1:80", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"IPv6", "[2001:db8::1]:80", []string{"2a00::1"}, "2a00::1"},
		{"IPv6 in brackets", "10.0.0.1:80", []string{"[2a00::1]"}, "2a00::1"},
		{"IPv6 with a port", "10.0.0.1:80", []string{"[2a00::1]:80"}, "2a00::1"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:80", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"a zone", "10.0.0.1:80", []string{"fe80::1%eth0"}, "fe80::1"},
		{"a long word", "10.0.0.1:80", []string{strings.Repeat("1", 1000)}, "10.0.0.1"},
		{"too many hops", "10.0.0.1:80", []string{"192.0.2.1" + strings.Repeat(",10.0.0.9", 100)}, "10.0.0.9"},
	} {
		if got := trusted(t, proxies...).Client(request(tc.socket, tc.forwarded...)); got != netip.MustParseAddr(tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, got, tc.want)
		}
	}
	if got := (forward.Trusted)(nil).Client(request("[::ffff:192.0.2.7]:80", "198.51.100.1")); got != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("without proxies: %v", got)
	}
	if got := trusted(t, proxies...).Client(request("pipe", "192.0.2.1")); got.IsValid() {
		t.Errorf("of a socket without an address: %v", got)
	}
}

func FuzzClient(f *testing.F) {
	f.Add("10.0.0.1:80", "192.0.2.1, 10.0.0.2")
	f.Add("[2001:db8::1]:80", "[2a00::1]:80,,unknown")
	f.Add("192.0.2.1:80", "198.51.100.1")
	proxies := trusted(f, "10.0.0.0/8", "2001:db8::/32")
	f.Fuzz(func(t *testing.T, socket, forwarded string) {
		got := proxies.Client(request(socket, forwarded))
		at, err := netip.ParseAddrPort(socket)
		switch self := at.Addr().Unmap().WithZone(""); {
		case err != nil && got.IsValid():
			t.Errorf("%q has address %v", socket, got)
		case err == nil && !proxies.Has(self) && got != self:
			t.Errorf("%q is believed that it is %v", socket, got)
		case err == nil && !got.IsValid():
			t.Errorf("%q, %q has no address", socket, forwarded)
		}
	})
}

func BenchmarkClient(b *testing.B) {
	proxies := trusted(b, "10.0.0.0/8", "2001:db8::/32")
	r := request("10.0.0.1:80", "192.0.2.1, 10.0.0.2")
	b.ReportAllocs()
	for b.Loop() {
		proxies.Client(r)
	}
}
