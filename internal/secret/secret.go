// Package secret has a string that does not print: passwords and tokens live in it
// from the moment they enter the process until the line that sends them.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// A String is a credential. The zero value is "no credential". It holds a pointer, so
// that printing a struct that has one in an unexported field, where fmt cannot call
// methods, shows an address and not the text.
type String struct{ value *string }

var (
	_ fmt.Formatter  = String{}
	_ slog.LogValuer = String{}
	_ json.Marshaler = String{}
)

// New hides s. New("") is the zero value.
func New(s string) String {
	if s == "" {
		return String{}
	}
	return String{value: &s}
}

// Empty reports whether there is no credential.
func (s String) Empty() bool { return s.value == nil }

// String is "[redacted]", whatever the value.
func (String) String() string { return redacted }

// Format makes every verb of fmt print "[redacted]".
func (String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue makes slog print "[redacted]".
func (String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON encodes the JSON string "[redacted]".
func (String) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// Reveal is the one way to the text, and easy to search for. Call it only in the line
// that sends the credential.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}
