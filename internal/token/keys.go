package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
)

// Keys are those that may have signed a token. They never change.
type Keys struct {
	public []*ecdsa.PublicKey
	id     [sha256.Size]byte // tells one set of keys from another
}

// NewKeys returns the keys of a list of SubjectPublicKeyInfos in DER.
func NewKeys(list [][]byte) (*Keys, error) {
	k := new(Keys)
	sum := sha256.New()
	for i, der := range list {
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, fmt.Errorf("read public key %d: %w", i, err)
		}
		public, ok := parsed.(*ecdsa.PublicKey)
		if !ok || public.Curve != elliptic.P384() {
			return nil, fmt.Errorf("read public key %d: %w", i, errCurve)
		}
		k.public = append(k.public, public)
		_, _ = sum.Write(der) // a hash takes everything
	}
	sum.Sum(k.id[:0])
	return k, nil
}

var errCurve = errors.New("it is no ECDSA key on the curve P-384 (secp384r1)")

// signed reports whether one of the keys made the signature of p.
func (k *Keys) signed(p *parsed) bool {
	digest := sha512.Sum384([]byte(p.signed))
	const half = signatureSize / 2
	r, s := new(big.Int).SetBytes(p.signature[:half]), new(big.Int).SetBytes(p.signature[half:])
	for _, public := range k.public {
		if ecdsa.Verify(public, digest[:], r, s) {
			return true
		}
	}
	return false
}
