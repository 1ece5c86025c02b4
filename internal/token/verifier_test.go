package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const arn = "arn:aws:ivs:us-east-1:000000000000:channel/abcdefghijkl"

var home = netip.MustParseAddr("192.0.2.1")

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func keysOf(tb testing.TB, list ...*ecdsa.PrivateKey) *Keys {
	tb.Helper()
	ders := make([][]byte, len(list))
	for i, k := range list {
		var err error
		if ders[i], err = x509.MarshalPKIXPublicKey(k.Public()); err != nil {
			tb.Fatal(err)
		}
	}
	keys, err := NewKeys(ders)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func signed(tb testing.TB, k *ecdsa.PrivateKey, more map[string]any) string {
	tb.Helper()
	claims := map[string]any{"aws:channel-arn": arn, "exp": time.Now().Add(5 * time.Minute).Unix()}
	maps.Copy(claims, more)
	text, err := Sign(k, claims)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestAnyOfTheKeysMayHaveSigned(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	var v Verifier
	for i, k := range []*ecdsa.PrivateKey{a, b} {
		got, err := v.Verify(t.Context(), signed(t, k, nil), arn, keysOf(t, a, b), home)
		if err != nil || got.Channel != arn {
			t.Errorf("key %d: %+v, %v", i, got, err)
		}
	}
	if _, err := v.Verify(t.Context(), signed(t, c, nil), arn, keysOf(t, a, b), home); !errors.Is(err, ErrBadSign) {
		t.Errorf("a stranger's: %v", err)
	}
	if _, err := v.Verify(t.Context(), signed(t, a, nil), arn, keysOf(t), home); !errors.Is(err, ErrBadSign) {
		t.Errorf("without keys: %v", err)
	}
}

func TestWhatWasFoundHoldsForTheSameKeysOnly(t *testing.T) {
	a, b := newKey(t), newKey(t)
	text := signed(t, a, nil)
	var v Verifier
	for _, tc := range []struct {
		keys *Keys
		want error
	}{{keysOf(t, b), ErrBadSign}, {keysOf(t, a, b), nil}, {keysOf(t, b), ErrBadSign}, {keysOf(t, a), nil}} {
		for range 2 { // the second time from memory
			_, err := v.Verify(t.Context(), text, arn, tc.keys, home)
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		}
	}
}

func TestATokenRunsOutThoughItIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKey(t)
		keys, text := keysOf(t, k), signed(t, k, nil)
		var v Verifier
		for _, step := range []struct {
			pass time.Duration
			want error
		}{{0, nil}, {5*time.Minute - time.Second, nil}, {time.Second, ErrExpired}} {
			<-time.After(step.pass)
			if _, err := v.Verify(t.Context(), text, arn, keys, home); !errors.Is(err, step.want) {
				t.Errorf("%v, want %v", err, step.want)
			}
		}
	})
}

func TestAnAddressThatFailsTooOftenIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, stranger := newKey(t), newKey(t)
		keys := keysOf(t, k)
		var v Verifier
		n := 0
		verify := func(by *ecdsa.PrivateKey, from string) error {
			n++
			_, err := v.Verify(t.Context(), signed(t, by, map[string]any{"n": n}), arn, keys, netip.MustParseAddr(from))
			return err
		}
		known := signed(t, k, nil)
		if _, err := v.Verify(t.Context(), known, arn, keys, home); err != nil {
			t.Fatal(err)
		}
		for i := range failBurst {
			if err := verify(stranger, "192.0.2.1"); !errors.Is(err, ErrBadSign) {
				t.Fatalf("failure %d: %v", i, err)
			}
		}
		if err := verify(k, "192.0.2.1"); !errors.Is(err, ErrTooMany) {
			t.Errorf("after too many: %v", err)
		}
		if _, err := v.Verify(t.Context(), known, arn, keys, home); err != nil {
			t.Errorf("a token that was verified before: %v", err)
		}
		if err := verify(k, "192.0.2.2"); err != nil {
			t.Errorf("another address: %v", err)
		}
		<-time.After(time.Second / failRate)
		for range 3 {
			if err := verify(k, "192.0.2.1"); err != nil {
				t.Errorf("later, good ones cost nothing: %v", err)
			}
		}
		for range failBurst {
			if err := verify(stranger, "2001:db8::1"); !errors.Is(err, ErrBadSign) {
				t.Fatal(err)
			}
		}
		if err := verify(stranger, "2001:db8::ffff:2"); !errors.Is(err, ErrTooMany) {
			t.Errorf("a neighbour in the same /64: %v", err)
		}
	})
}

// TestMemoryDoesNotGrow sends bad tokens from many addresses.
func TestMemoryDoesNotGrow(t *testing.T) {
	var v Verifier
	keys := keysOf(t)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	good := signed(t, newKey(t), nil)
	from := netip.MustParseAddr("10.0.0.0")
	send := func(n int) {
		for i := range n {
			from = from.Next()
			cut := strings.LastIndexByte(good, '.')
			_, err := v.Verify(t.Context(), good[:cut+1]+fmt.Sprintf("%0124dAAAA", i), arn, keys, from)
			if !errors.Is(err, ErrBadSign) {
				t.Fatal(err)
			}
		}
	}
	send(1000)
	before := heap()
	send(3 * verdicts)
	if after := heap(); after > before+256<<10 {
		t.Errorf("%d bytes after %d bad tokens, %d before", after, 3*verdicts, before)
	}
}

// TestManyMayArriveFromOneAddress is about a school whose pupils begin to watch at
// the same moment, and about one token that many use.
func TestManyMayArriveFromOneAddress(t *testing.T) {
	k := newKey(t)
	keys, same := keysOf(t, k), signed(t, k, nil)
	var v Verifier
	var all sync.WaitGroup
	for i := range 4 * failBurst {
		text := same
		if i%25 == 0 {
			text = signed(t, k, map[string]any{"n": i})
		}
		all.Go(func() {
			if _, err := v.Verify(t.Context(), text, arn, keys, home); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestPrivateKeysAreReadAsOpenSSLWritesThem(t *testing.T) {
	k := newKey(t)
	sec1, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	parameters := block("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34})
	for name, text := range map[string]string{"PKCS #8": block("PRIVATE KEY", pkcs8), "SEC 1": parameters + block("EC PRIVATE KEY", sec1)} {
		if got, err := ParsePrivateKey([]byte(text)); err != nil || !got.Equal(k) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"nothing": "", "another curve": block("PRIVATE KEY", p256), "noise": block("PRIVATE KEY", []byte("x")), "public": parameters} {
		if _, err := ParsePrivateKey([]byte(text)); err == nil {
			t.Errorf("%s was taken for a private key", name)
		}
	}
}

// FuzzParse looks for a token that is written in two ways, and for claims that
// break their rules.
func FuzzParse(f *testing.F) {
	k := newKey(f)
	good := signed(f, k, nil)
	f.Add(good)
	f.Add(signed(f, k, map[string]any{
		"aws:access-control-allow-origin": "https://a.example,https://*.b.example", "aws:strict-origin-enforcement": true,
		"aws:single-use-uuid": "0190C1B2-0000-7000-8000-000000000000", "aws:viewer-id": "ada", "aws:viewer-session-version": "7",
		"aws:maximum-resolution": "HD", "nbf": 1.5, "aws:ads-player-params": map[string]any{"a": 1},
	}))
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(text)
		if err != nil {
			if _, ok := errors.AsType[FaultError](err); !ok {
				t.Fatalf("%q: %v is no fault", text, err)
			}
			return
		}
		c := p.claims
		if len(text) > maxToken || c.Channel == "" || c.Strict && len(c.Origins) > maxStrictOrigins || len(c.Viewer) > 4*maxViewer ||
			c.Version < 0 || c.SingleUse != "" && !isUUID(c.SingleUse) {
			t.Errorf("%q says %+v", text, c)
		}
		for _, o := range c.Origins {
			if strings.Contains(o, ",") {
				t.Errorf("origin %q", o)
			}
		}
		if encoded := p.signed + "." + encodeSignature(p); encoded != text {
			t.Errorf("%q is also %q", text, encoded)
		}
	})
}

func encodeSignature(p *parsed) string { return base64.RawURLEncoding.EncodeToString(p.signature[:]) }

func BenchmarkVerify(b *testing.B) {
	k, stranger := newKey(b), newKey(b)
	keys := keysOf(b, k)
	good := signed(b, k, nil)
	for name, text := range map[string]string{"known good": good, "known bad": signed(b, stranger, nil), "expired": signed(b, k, map[string]any{"exp": 1}), "no token": "x"} {
		b.Run(name, func(b *testing.B) {
			var v Verifier
			b.ReportAllocs()
			for b.Loop() {
				_, _ = v.Verify(b.Context(), text, arn, keys, home)
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		p, err := parse(good)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			keys.signed(p)
		}
	})
	b.Run("too many", func(b *testing.B) {
		var v Verifier
		b.ReportAllocs()
		for i := range b.N {
			text := good[:len(good)-8] + fmt.Sprintf("%08d", i)
			_, _ = v.Verify(b.Context(), text, arn, keys, home)
		}
	})
}
