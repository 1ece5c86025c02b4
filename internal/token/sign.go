package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

// Sign makes a token. What it says is up to the caller.
func Sign(key *ecdsa.PrivateKey, claims map[string]any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("write the claims: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"ES384","typ":"JWT"}`)) + "." + encode(body)
	digest := sha512.Sum384([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	var signature [signatureSize]byte
	r.FillBytes(signature[:signatureSize/2])
	s.FillBytes(signature[signatureSize/2:])
	text := signed + "." + encode(signature[:])
	if len(text) > maxToken {
		return "", fmt.Errorf("the token has %d bytes, at most %d are accepted", len(text), maxToken)
	}
	return text, nil
}

// ParsePrivateKey reads a P-384 private key in PEM: PKCS #8, or the form of
// openssl ecparam, whose parameters may come first.
func ParsePrivateKey(text []byte) (*ecdsa.PrivateKey, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New("there is no private key in PEM in it")
		}
		text = rest
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		if ec, ok := key.(*ecdsa.PrivateKey); ok && ec.Curve == elliptic.P384() {
			return ec, nil
		}
		return nil, errCurve
	}
}
