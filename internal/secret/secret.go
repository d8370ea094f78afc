// Package secret holds values that must not print. Every path by which Go
// turns a value into text (fmt with any verb, JSON, text marshalling, slog)
// gives "[redacted]"; only Reveal gives the value, so that a search for Reveal
// finds every place that handles one in clear.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Redacted is what a secret prints as.
const Redacted = "[redacted]"

// MaxFileSize bounds a secret read from a file, in bytes.
const MaxFileSize = 64 << 10

// String is a secret text. The zero value is the empty secret.
type String struct{ value string }

// New wraps a value.
func New(value string) String { return String{value} }

// Reveal returns the value in clear.
func (s String) Reveal() string { return s.value }

// Empty says whether there is no value.
func (s String) Empty() bool { return s.value == "" }

// Equal compares in constant time for equal lengths.
func (s String) Equal(other string) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other)) == 1
}

// Format prints the redaction whatever the verb.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String prints the redaction.
func (s String) String() string { return Redacted }

// MarshalText prints the redaction, in JSON and YAML too.
func (s String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// LogValue prints the redaction in slog.
func (s String) LogValue() slog.Value { return slog.StringValue(Redacted) }

// Ref names where a secret is kept: "env:NAME" or "file:PATH". A literal is
// refused, so that a configuration file can be shown to anybody.
type Ref struct{ scheme, name string }

// UnmarshalText parses a reference; a literal value is an error that does not
// repeat it.
func (r *Ref) UnmarshalText(text []byte) error {
	scheme, name, ok := strings.Cut(string(text), ":")
	if !ok || name == "" || (scheme != "env" && scheme != "file") {
		return errors.New("not a reference to a secret; write env:NAME or file:PATH, never the value itself")
	}
	*r = Ref{scheme, name}
	return nil
}

// MarshalText gives the reference back; it is no secret.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String is the reference as written.
func (r Ref) String() string {
	if r.scheme == "" {
		return ""
	}
	return r.scheme + ":" + r.name
}

// IsZero says whether no reference was given.
func (r Ref) IsZero() bool { return r.scheme == "" }

// Resolve reads the secret. A trailing newline of a file is dropped; an unset
// variable, an empty value or a file over MaxFileSize is an error that names
// the reference.
func (r Ref) Resolve() (String, error) {
	var value string
	switch r.scheme {
	case "env":
		value = os.Getenv(r.name)
	case "file":
		f, err := os.Open(r.name)
		if err != nil {
			return String{}, fmt.Errorf("secret %s: %w", r, err)
		}
		defer func() { _ = f.Close() }()
		data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
		if err != nil {
			return String{}, fmt.Errorf("secret %s: %w", r, err)
		}
		if len(data) > MaxFileSize {
			return String{}, fmt.Errorf("secret %s: over %d bytes", r, MaxFileSize)
		}
		value = strings.TrimRight(string(data), "\r\n")
	default:
		return String{}, errors.New("no secret named; write env:NAME or file:PATH")
	}
	if value == "" {
		return String{}, fmt.Errorf("secret %s: not set or empty", r)
	}
	return New(value), nil
}
