package ivs

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a stream key, a passphrase, a token or a secret access key. It
// does not print; string(s) is the value itself, for the one place that needs it.
type Secret string

const hidden = "[secret]"

// LogValue keeps it out of structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format keeps it out of every fmt verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText keeps it out of JSON and of whatever else marshals text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
