package telemetry

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a text that must not be printed: a password, a key, a token. Every formatting of it, also as a field
// of a printed struct and as JSON, gives "[redacted]" or an address. The zero Secret is empty.
type Secret struct {
	value *string // a pointer, because fmt prints unexported fields without asking their methods
}

// NewSecret hides s.
func NewSecret(s string) Secret { return Secret{value: &s} }

// Reveal returns the text, for the one call that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// LogValue hides the text from log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format hides the text from fmt, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText hides the text from encoding/json and its like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
