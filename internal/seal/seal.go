// Package seal keeps secrets unreadable at rest: a master key seals values for
// storage, opens them again, and hashes those that must be found by value.
//
// It decides neither where sealed values live (package store) nor who may see
// them, and it prints nothing.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// ErrOpen means that a value was sealed under another key or for another
// place, or that it is damaged.
var ErrOpen = errors.New("sealed under another key, or damaged")

// form is the first byte of everything Seal returns: AES-256-GCM, a nonce of
// 12 random bytes, the sealed bytes, a tag of 16 bytes.
const form = 1

// A Key seals, opens and hashes. It never changes, so any number of goroutines
// may use it, and it does not print.
type Key struct {
	aead cipher.AEAD
	mac  []byte
}

// New derives a Key from a master key of KeySize bytes.
func New(master []byte) (*Key, error) {
	if len(master) != KeySize {
		return nil, fmt.Errorf("a master key has %d bytes, this one has %d", KeySize, len(master))
	}
	enc, err := hkdf.Key(sha256.New, master, nil, "openivs seal 1", KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	mac, err := hkdf.Key(sha256.New, master, nil, "openivs hash 1", KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the hashing key: %w", err)
	}
	block, err := aes.NewCipher(enc)
	if err != nil {
		return nil, fmt.Errorf("prepare the sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("prepare the sealing key: %w", err)
	}
	return &Key{aead: aead, mac: mac}, nil
}

// Seal returns plain in a form that only Open with the same key and the same
// context reads. The context says where the value belongs, such as its column
// and row, so that a sealed value moved elsewhere does not open.
func (k *Key) Seal(plain []byte, context string) []byte {
	nonce := k.aead.NonceSize()
	out := make([]byte, 1+nonce, 1+nonce+len(plain)+k.aead.Overhead())
	out[0] = form
	_, _ = rand.Read(out[1:]) // never fails: crypto/rand ends the program instead
	return k.aead.Seal(out, out[1:], plain, []byte(context))
}

// Open returns what Seal was given. Any failure is ErrOpen.
func (k *Key) Open(sealed []byte, context string) ([]byte, error) {
	nonce := k.aead.NonceSize()
	if len(sealed) < 1+nonce || sealed[0] != form {
		return nil, ErrOpen
	}
	plain, err := k.aead.Open(nil, sealed[1:1+nonce], sealed[1+nonce:], []byte(context))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Hash returns 32 bytes that are the same for the same value and tell nothing
// about it to who lacks the key.
func (k *Key) Hash(value string) []byte {
	h := hmac.New(sha256.New, k.mac)
	_, _ = io.WriteString(h, value) // a hash takes everything
	return h.Sum(nil)
}

const hidden = "[key]"

// LogValue keeps the key out of structured logs.
func (*Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format keeps the key out of every fmt verb.
func (*Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText keeps the key out of JSON and of whatever else marshals text.
func (*Key) MarshalText() ([]byte, error) { return []byte(hidden), nil }
