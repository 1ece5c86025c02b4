package sniff

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"strings"
	"testing"
)

// header writes a header of the PROXY protocol, version 2.
func header(command, family byte, body []byte) []byte {
	b := append([]byte(proxySignature), command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

var (
	four = []byte{192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb}
	six  = append(append([]byte{0x20, 0x01, 0x0d, 0xb8, 15: 7}, make([]byte, 16)...), 0x12, 0x34, 0x01, 0xbb)
)

func TestAProxyTellsWhereAConnectionComesFrom(t *testing.T) {
	const want4, want6 = "192.0.2.7:4660", "[2001:db8::7]:4660"
	for _, tc := range []struct {
		name string
		in   []byte
		want string // "": nothing; "-": refused
	}{
		{"IPv4", header(proxyOther, overTCP4, four), want4},
		{"IPv4 with extensions", header(proxyOther, overTCP4, append(bytes.Clone(four), 3, 0, 4, 1, 2, 3, 4)), want4},
		{"IPv6", header(proxyOther, overTCP6, six), want6},
		{"the proxy itself", header(proxyLocal, 0, nil), ""},
		{"the proxy itself, with addresses", header(proxyLocal, overTCP4, four), ""},
		{"a unix socket", header(proxyOther, 0x31, make([]byte, 216)), ""},
		{"unspecified", header(proxyOther, 0, nil), ""},
		{"too short for IPv4", header(proxyOther, overTCP4, four[:11]), "-"},
		{"too short for IPv6", header(proxyOther, overTCP6, four), "-"},
		{"too long", header(proxyOther, overTCP4, make([]byte, maxProxy+1)), "-"},
		{"another version", header(0x11, overTCP4, four), "-"},
		{"another command", header(0x22, overTCP4, four), "-"},
		{"another signature", append([]byte("\r\n\r\n\x00\r\nQUIX\n"), header(proxyOther, overTCP4, four)[12:]...), "-"},
		{"cut", header(proxyOther, overTCP4, four)[:20], "-"},
		{"nothing", nil, "-"},
	} {
		rest := strings.NewReader(string(tc.in) + "GET ")
		if tc.name == "cut" || tc.name == "nothing" {
			rest = strings.NewReader(string(tc.in))
		}
		got, err := readProxy(rest)
		if tc.want == "-" {
			if err == nil {
				t.Errorf("%s was taken for %v", tc.name, got)
			}
			continue
		}
		var want netip.AddrPort
		if tc.want != "" {
			want = netip.MustParseAddrPort(tc.want)
		}
		left, _ := io.ReadAll(rest)
		if err != nil || got != want || string(left) != "GET " {
			t.Errorf("%s: %v, %v, then %q, want %v", tc.name, got, err, left, want)
		}
	}
}

func FuzzProxy(f *testing.F) {
	f.Add(header(proxyOther, overTCP4, four))
	f.Add(header(proxyOther, overTCP6, six))
	f.Add(header(proxyLocal, 0, nil))
	f.Add([]byte(proxySignature))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		at, err := readProxy(r)
		if read := len(in) - r.Len(); read > proxyHead+maxProxy || err == nil && read < proxyHead {
			t.Errorf("%d bytes were read", read)
		}
		if err != nil && at.IsValid() {
			t.Errorf("%v and %v", at, err)
		}
	})
}
