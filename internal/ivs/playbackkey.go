package ivs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // the API's fingerprint is one; nothing rests on it
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
)

// A PlaybackKeyPair is the public half of a key that signs playback tokens.
type PlaybackKeyPair struct {
	ARN         ARN    `json:"arn"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"` // 16 pairs of hex digits with colons
	PublicKey   []byte `json:"publicKey"`   // SubjectPublicKeyInfo, DER
	Tags        Tags   `json:"tags"`        // never nil in what the store returns
}

// maxKeyMaterial is the longest PEM text that is read, in bytes. That of a
// P-384 key has 215.
const maxKeyMaterial = 4096

// ParsePublicKey reads a P-384 public key in PEM, as ImportPlaybackKeyPair
// takes it: one block, no headers, nothing around it. It returns the key's DER
// form and its fingerprint, the MD5 of that.
func ParsePublicKey(text string) (der []byte, fingerprint string, err error) {
	const begin = "-----BEGIN PUBLIC KEY-----"
	if len(text) > maxKeyMaterial {
		return nil, "", Errorf(Invalid, "a public key in PEM has at most %d bytes", maxKeyMaterial)
	}
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, begin) {
		return nil, "", Errorf(Invalid, "a public key in PEM begins with %s", begin)
	}
	block, rest := pem.Decode([]byte(text + "\n"))
	if block == nil || block.Type != "PUBLIC KEY" || len(block.Headers) > 0 {
		return nil, "", Errorf(Invalid, "not a public key in PEM")
	}
	if len(strings.TrimSpace(string(rest))) > 0 {
		return nil, "", Errorf(Invalid, "something follows the public key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, "", Errorf(Invalid, "not a public key: %w", err)
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P384() {
		return nil, "", Errorf(Invalid, "the public key must be an ECDSA key on the curve P-384 (secp384r1)")
	}
	if der, err = x509.MarshalPKIXPublicKey(ec); err != nil {
		return nil, "", Errorf(Invalid, "not a public key: %w", err)
	}
	return der, fingerprintOf(der), nil
}

func fingerprintOf(der []byte) string {
	sum := md5.Sum(der) //nolint:gosec // see the import
	pairs := make([]string, len(sum))
	for i := range sum {
		pairs[i] = hex.EncodeToString(sum[i : i+1])
	}
	return strings.Join(pairs, ":")
}
