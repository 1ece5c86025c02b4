package restjson

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a string that the model calls sensitive. It does not print;
// string(s) is the value itself.
type Secret string

const hidden = "[secret]"

// LogValue keeps it out of structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format keeps it out of every fmt verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText keeps it out of whatever marshals text. The protocol's own
// encoder writes the value.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
