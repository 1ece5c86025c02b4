package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// ErrUnknownKey is what Lookup returns for an access key that does not exist or
// may not be used.
var ErrUnknownKey = errors.New("unknown access key")

// A Credential is what belongs to an access key.
type Credential struct {
	SecretAccessKey Secret
	SessionToken    Secret    // required of every request if not empty
	Expires         time.Time // zero: never
}

// Secret is a secret access key or a session token. It does not print.
type Secret string

const hidden = "[secret]"

// LogValue keeps it out of structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format keeps it out of every fmt verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText keeps it out of JSON and of whatever else marshals text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// maxKeys is how many signing keys are remembered, one a caller, service and
// day. When there would be more, all are forgotten.
const maxKeys = 1024

// A keyCache remembers signing keys, whose derivation costs four HMACs.
type keyCache struct {
	mu   sync.Mutex
	keys map[keyName]signingKey
}

type keyName struct{ accessKeyID, date, region, service string }

type signingKey struct {
	secret Secret // the secret it was derived from: an access key's may change
	key    [sha256.Size]byte
}

// signing returns the key that requests with this authorization are signed with.
func (c *keyCache) signing(a authorization, secret Secret) [sha256.Size]byte {
	name := keyName{a.accessKeyID, a.date, a.region, a.service}
	c.mu.Lock()
	k, ok := c.keys[name]
	c.mu.Unlock()
	if ok && k.secret == secret {
		return k.key
	}
	k = signingKey{secret: secret, key: derive(a, secret)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = make(map[keyName]signingKey)
	}
	if _, ok := c.keys[name]; !ok && len(c.keys) >= maxKeys {
		clear(c.keys)
	}
	c.keys[name] = k
	return k.key
}

// derive makes a signing key (Signature Version 4, "Derive a signing key").
func derive(a authorization, secret Secret) (key [sha256.Size]byte) {
	k := []byte("AWS4" + string(secret))
	for _, part := range [...]string{a.date, a.region, a.service, terminator} {
		h := hmac.New(sha256.New, k)
		h.Write([]byte(part))
		k = h.Sum(nil)
	}
	return [sha256.Size]byte(k)
}
