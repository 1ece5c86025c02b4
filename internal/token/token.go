// Package token reads the playback tokens of private channels, which are JSON
// web tokens (RFC 7519) signed with ES384, as Amazon IVS has them.
//
// It knows what a token may say, who signed it, and how to keep those who send
// bad ones from making work. What the holder may then watch is up to the caller.
package token

import (
	"encoding/base64"
	"strings"
)

const (
	// maxToken is the longest token, in bytes (Amazon IVS service quotas).
	maxToken = 2048

	// signatureSize is r and s of an ECDSA signature on P-384 (RFC 7518, 3.4).
	signatureSize = 96
)

// A FaultError is why a token is not good. Its text is what viewers are told, in the
// words that JWT libraries use.
type FaultError string

// Error returns the text.
func (f FaultError) Error() string { return string(f) }

// The faults.
const (
	ErrAbsent      FaultError = "token contains an invalid number of segments"
	ErrMalformed   FaultError = "token is malformed"
	ErrBadMethod   FaultError = "signing method is invalid"
	ErrBadSign     FaultError = "signature is invalid"
	ErrExpired     FaultError = "token is expired"
	ErrNotYet      FaultError = "token is not valid yet"
	ErrBadClaims   FaultError = "token has invalid claims"
	ErrOtherPlace  FaultError = "token is for another channel"
	ErrTooLongGood FaultError = "token expires too late for what it says"
)

// A parsed is a token in pieces, of which nothing is proved yet.
type parsed struct {
	claims    Claims
	signed    string // the bytes that the signature is of
	signature [signatureSize]byte
}

// parse takes a token apart. There is one way to write a token: base64url
// without padding, no member of an object twice, nothing behind an object.
func parse(text string) (*parsed, error) {
	if strings.Count(text, ".") != 2 {
		return nil, ErrAbsent
	}
	if len(text) > maxToken {
		return nil, ErrMalformed
	}
	cut := strings.LastIndexByte(text, '.')
	p := &parsed{signed: text[:cut]}
	head, body, _ := strings.Cut(p.signed, ".")
	if err := checkHeader(head); err != nil {
		return nil, err
	}
	signature, err := decode(text[cut+1:])
	if err != nil {
		return nil, err
	}
	if len(signature) != signatureSize {
		return nil, ErrBadSign
	}
	copy(p.signature[:], signature)
	raw, err := decode(body)
	if err != nil {
		return nil, err
	}
	p.claims, err = readClaims(raw)
	return p, err
}

func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // which package base64 passes over
		return nil, ErrMalformed
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, ErrMalformed
	}
	return b, nil
}

// checkHeader looks for the one algorithm there is. What else a header says, of
// keys above all, means nothing: the keys are the account's. A critical
// extension is one that is not understood (RFC 7515, 4.1.11).
func checkHeader(text string) error {
	raw, err := decode(text)
	if err != nil {
		return err
	}
	members, err := object(raw)
	if err != nil {
		return err
	}
	var algorithm, kind string
	if !members.text("alg", &algorithm) || !members.text("typ", &kind) {
		return ErrMalformed
	}
	if _, critical := members["crit"]; critical {
		return ErrMalformed
	}
	if algorithm != "ES384" {
		return ErrBadMethod
	}
	if kind != "" && !strings.EqualFold(kind, "JWT") {
		return ErrMalformed
	}
	return nil
}
