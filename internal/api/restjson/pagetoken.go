package restjson

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
)

// PageTokens makes and reads the nextToken of lists. A token holds a position
// and is good for one operation with one set of filters; what this server did
// not make is refused.
type PageTokens struct {
	Key []byte // required, secret; tokens made under another key are refused
}

const (
	tokenPosition = 8  // bytes
	tokenTag      = 16 // bytes of HMAC-SHA-256
	tokenBytes    = tokenPosition + tokenTag
)

// Encode returns the token of the page that begins at position, and nil for
// position 0, which means that there is no further page.
func (t PageTokens) Encode(operation string, filters []string, position int64) *string {
	if position == 0 {
		return nil
	}
	var raw [tokenBytes]byte
	binary.BigEndian.PutUint64(raw[:], uint64(position)) //nolint:gosec // read back as it was
	copy(raw[tokenPosition:], t.tag(operation, filters, raw[:tokenPosition]))
	return new(base64.RawURLEncoding.EncodeToString(raw[:]))
}

// Decode returns the position in token, and 0 for an absent or empty one. Any
// other token than Encode made for this operation and these filters is a
// validation fault.
func (t PageTokens) Decode(operation string, filters []string, token *string) (int64, error) {
	if token == nil || *token == "" {
		return 0, nil
	}
	var raw [tokenBytes]byte
	refused := Invalid(operation + ".nextToken is not a token that this list returned")
	if len(*token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return 0, refused
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(*token)); err != nil {
		return 0, refused
	}
	if !hmac.Equal(raw[tokenPosition:], t.tag(operation, filters, raw[:tokenPosition])) {
		return 0, refused
	}
	return int64(binary.BigEndian.Uint64(raw[:])), nil //nolint:gosec // as Encode wrote it
}

func (t PageTokens) tag(operation string, filters []string, position []byte) []byte {
	h := hmac.New(sha256.New, t.Key)
	h.Write(position)
	writeSized(h, operation)
	for _, f := range filters {
		writeSized(h, f)
	}
	return h.Sum(nil)[:tokenTag]
}

// writeSized makes the boundary between two strings part of the hash.
func writeSized(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}
