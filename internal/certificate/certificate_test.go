package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"openivs/internal/durable"
)

// made returns a self-signed certificate in a directory of its own.
func made(t *testing.T, hosts ...string) SelfSigned {
	t.Helper()
	s := SelfSigned{Dir: filepath.Join(t.TempDir(), "tls"), Hosts: hosts}
	if renewed, err := s.Ensure(time.Now()); err != nil || !renewed {
		t.Fatalf("ensure = %v, %v; want a new certificate", renewed, err)
	}
	return s
}

// verify checks what a client that trusts the authority would.
func verify(t *testing.T, s SelfSigned, authority []byte, now time.Time, host string) error {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		t.Fatal("the authority cannot be read")
	}
	cert, err := readCertificate(s.CertFile())
	if err != nil {
		t.Fatal(err)
	}
	_, err = cert.Verify(x509.VerifyOptions{DNSName: host, Roots: pool, CurrentTime: now})
	return err
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOwnCertificateIsGoodForEveryHost(t *testing.T) {
	hosts := []string{"live.example.com", "localhost", "127.0.0.1", "::1"}
	s := made(t, hosts...)
	authority := read(t, s.AuthorityFile())
	for _, h := range hosts {
		if err := verify(t, s, authority, time.Now(), h); err != nil {
			t.Errorf("%s: %v", h, err)
		}
	}
	if err := verify(t, s, authority, time.Now(), "other.example.com"); err == nil {
		t.Error("it is good for a host it was not made for")
	}
	for _, name := range []string{"ca.key", "server.key"} {
		if info, err := os.Stat(s.path(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info, err)
		}
	}
}

func TestOwnCertificateIsRenewedInTimeUnderTheSameAuthority(t *testing.T) {
	s := made(t, "a.example.com")
	authority, first := read(t, s.AuthorityFile()), read(t, s.CertFile())
	now := time.Now()
	for _, tc := range []struct {
		name    string
		hosts   []string
		at      time.Time
		renewed bool
	}{
		{"the next day", s.Hosts, now.Add(day), false},
		{"shortly before renewal", s.Hosts, now.Add(serverLife - renewBefore - 2*time.Hour), false},
		{"when renewal is due", s.Hosts, now.Add(serverLife - renewBefore), true},
		{"after it ran out", s.Hosts, now.Add(3 * serverLife), true},
		{"for another host", []string{"b.example.com"}, now.Add(3 * serverLife), true},
	} {
		s.Hosts = tc.hosts
		renewed, err := s.Ensure(tc.at)
		if err != nil || renewed != tc.renewed {
			t.Errorf("%s: ensure = %v, %v; want %v", tc.name, renewed, err, tc.renewed)
		}
		if err := verify(t, s, authority, tc.at, tc.hosts[0]); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if string(read(t, s.CertFile())) == string(first) {
		t.Error("the first certificate is still there")
	}
}

func TestAnAuthorityThatRunsOutIsReplaced(t *testing.T) {
	s := made(t, "h")
	old := read(t, s.AuthorityFile())
	late := time.Now().Add(authorityLife - serverLife)
	if renewed, err := s.Ensure(late); err != nil || !renewed {
		t.Fatalf("ensure = %v, %v; want a new certificate", renewed, err)
	}
	if string(read(t, s.AuthorityFile())) == string(old) {
		t.Error("the authority is the old one")
	}
	if err := verify(t, s, read(t, s.AuthorityFile()), late, "h"); err != nil {
		t.Error(err)
	}
}

func TestALostKeyOfTheCertificateIsMadeAgain(t *testing.T) {
	s := made(t, "h")
	if err := os.Remove(s.KeyFile()); err != nil {
		t.Fatal(err)
	}
	if renewed, err := s.Ensure(time.Now()); err != nil || !renewed {
		t.Errorf("ensure = %v, %v; want a new certificate", renewed, err)
	}
	if _, err := tls.LoadX509KeyPair(s.CertFile(), s.KeyFile()); err != nil {
		t.Error(err)
	}
}

func TestADamagedAuthorityIsAnErrorAndKept(t *testing.T) {
	s := made(t, "h")
	if err := os.WriteFile(s.AuthorityFile(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ensure(time.Now()); err == nil {
		t.Error("ensure makes a new authority over one it cannot read")
	}
	if string(read(t, s.AuthorityFile())) != "x" {
		t.Error("the file was written over")
	}
}

// served returns the certificate of a handshake that looks at the files.
func served(t *testing.T, p *Pair) *x509.Certificate {
	t.Helper()
	p.looked.Store(0)
	c, err := p.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

// replace puts files in the place of others, as certbot does.
func replace(t *testing.T, to, from SelfSigned) {
	t.Helper()
	for _, f := range [][2]string{{to.CertFile(), from.CertFile()}, {to.KeyFile(), from.KeyFile()}} {
		if err := durable.WriteFile(f[0], durable.Private, read(t, f[1])); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateIsReadAgainWhenItChanges(t *testing.T) {
	s, other := made(t, "old"), made(t, "new")
	p, err := Load(s.CertFile(), s.KeyFile(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, s, other)
	if c, err := p.GetCertificate(nil); err != nil || c.Leaf.VerifyHostname("old") != nil {
		t.Errorf("within a second of the last look: %v, %v; want the old certificate", c, err)
	}
	if err := served(t, p).VerifyHostname("new"); err != nil {
		t.Errorf("after a change: %v", err)
	}
}

func TestABadCertificateLeavesTheOldOneInForce(t *testing.T) {
	s, other := made(t, "old"), made(t, "new")
	p, err := Load(s.CertFile(), s.KeyFile(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		spoil func() error
	}{
		{"half a pair", func() error { return os.WriteFile(s.CertFile(), read(t, other.CertFile()), 0o600) }},
		{"garbage", func() error { return os.WriteFile(s.CertFile(), []byte("garbage"), 0o600) }},
		{"gone", func() error { return errors.Join(os.Remove(s.CertFile()), os.Remove(s.KeyFile())) }},
	} {
		if err := tc.spoil(); err != nil {
			t.Fatal(err)
		}
		if err := served(t, p).VerifyHostname("old"); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	replace(t, s, other)
	if err := served(t, p).VerifyHostname("new"); err != nil {
		t.Errorf("after the pair is whole again: %v", err)
	}
}

func TestAPairThatDoesNotWorkIsAnErrorAtTheStart(t *testing.T) {
	s, other := made(t, "a"), made(t, "b")
	if _, err := Load(s.CertFile(), other.KeyFile(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a certificate with another's key is taken")
	}
	if _, err := Load(s.CertFile(), s.path("none"), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a certificate without a key is taken")
	}
}

func BenchmarkGetCertificate(b *testing.B) {
	dir := b.TempDir()
	s := SelfSigned{Dir: dir, Hosts: []string{"h"}}
	if _, err := s.Ensure(time.Now()); err != nil {
		b.Fatal(err)
	}
	p, err := Load(s.CertFile(), s.KeyFile(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.GetCertificate(nil); err != nil {
			b.Fatal(err)
		}
	}
}
