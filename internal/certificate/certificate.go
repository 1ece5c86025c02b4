// Package certificate keeps the certificate that the server shows: one of its own, or
// the operator's.
package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"openivs/internal/durable"
)

const (
	day           = 24 * time.Hour
	authorityLife = 10 * 365 * day
	serverLife    = 397 * day // as long as browsers and Apple's systems take
	renewBefore   = serverLife / 3
)

// SelfSigned keeps the server's certificate where the operator gives none: an
// authority of our own, that clients can be told to trust, and a certificate
// signed by it.
type SelfSigned struct {
	Dir   string   // where authority and certificate are kept
	Hosts []string // names and addresses the certificate is for
}

func (s SelfSigned) path(name string) string { return filepath.Join(s.Dir, name) }

// AuthorityFile is the certificate that clients may be told to trust.
func (s SelfSigned) AuthorityFile() string { return s.path("ca.pem") }

// CertFile is the certificate, with the authority's.
func (s SelfSigned) CertFile() string { return s.path("server.pem") }

// KeyFile is its key.
func (s SelfSigned) KeyFile() string { return s.path("server.key") }

// Ensure makes what is missing, about to run out or for other hosts, and
// reports whether it wrote a new certificate.
func (s SelfSigned) Ensure(now time.Time) (renewed bool, err error) {
	if err := os.MkdirAll(s.Dir, durable.Folder); err != nil {
		return false, err
	}
	authority, key, err := s.authority(now)
	if err != nil {
		return false, err
	}
	cert, err := readCertificate(s.CertFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err == nil && s.serves(cert, authority, now) && durable.Exists(s.KeyFile()) {
		return false, nil
	}
	return true, s.issue(authority, key, now)
}

// serves reports whether a certificate will do for some time.
func (s SelfSigned) serves(cert, authority *x509.Certificate, now time.Time) bool {
	if now.Before(cert.NotBefore) || now.Add(renewBefore).After(cert.NotAfter) || cert.CheckSignatureFrom(authority) != nil {
		return false
	}
	return !slices.ContainsFunc(s.Hosts, func(h string) bool { return cert.VerifyHostname(h) != nil })
}

// authority returns the authority that is kept, or a new one if there is none
// or it would not outlive a new certificate.
func (s SelfSigned) authority(now time.Time) (*x509.Certificate, crypto.Signer, error) {
	cert, err := readCertificate(s.AuthorityFile())
	if err == nil && now.Add(serverLife).Before(cert.NotAfter) {
		key, err := readKey(s.path("ca.key"))
		if err != nil {
			return nil, nil, err
		}
		return cert, key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"openivs"}, CommonName: "openivs CA " + now.UTC().Format(time.DateOnly)},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		MaxPathLenZero:        true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		return nil, nil, err
	}
	if err := writeKey(s.path("ca.key"), key); err != nil {
		return nil, nil, err
	}
	return cert, key, durable.WriteFile(s.AuthorityFile(), durable.Public, certificatePEM(der))
}

// issue writes a new certificate for hosts and its key.
func (s SelfSigned) issue(authority *x509.Certificate, signer crypto.Signer, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"openivs"}, CommonName: "openivs server"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(serverLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range s.Hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			template.IPAddresses = append(template.IPAddresses, ip.WithZone("").AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), signer)
	if err != nil {
		return err
	}
	if err := writeKey(s.KeyFile(), key); err != nil {
		return err
	}
	return durable.WriteFile(s.CertFile(), durable.Public, append(certificatePEM(der), certificatePEM(authority.Raw)...))
}

// serial returns a certificate's number: 128 random bits (CA/Browser Forum
// baseline requirements, 7.1, ask for 64).
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func writeKey(path string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, durable.Private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func readCertificate(path string) (*x509.Certificate, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return cert, nil
}

func readKey(path string) (crypto.Signer, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return nil, fmt.Errorf("%s holds no private key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds a key that cannot sign", path)
	}
	return signer, nil
}
