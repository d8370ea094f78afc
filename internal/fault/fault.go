// Package fault is the one vocabulary of errors: a kind, what went wrong,
// where, and what to do next. A kind maps once to an HTTP status and once to
// an exit code, so that no service invents its own.
//
// Public leaves the cause out: causes may quote what a stranger sent, and
// stay in the log of the side that saw them.
package fault

import (
	"errors"
	"net/http"
	"strings"
)

// Kind says what sort of failure it is; it decides status and exit code.
type Kind int

// The kinds. Internal is the zero value: an unclassified failure must never
// read as one that the caller can mend.
const (
	Internal        Kind = iota // a fault of ours
	Invalid                     // malformed input: a request, frame, ticket or configuration
	Unauthenticated             // nobody we know
	Denied                      // somebody we know, who may not
	NotFound                    // no such thing here
	Conflict                    // it exists already, or was used by another
	TooLarge                    // over a stated bound
	Throttled                   // too often; try later
	Unavailable                 // cannot be done right now, for example a full disk
	Upstream                    // the other side failed
	No                          // the question was understood and its answer is no
)

// HTTPStatus is the status of RFC 9110 that tells a client about this kind.
func (k Kind) HTTPStatus() int {
	switch k {
	case Invalid:
		return http.StatusBadRequest
	case Unauthenticated:
		return http.StatusUnauthorized
	case Denied, No:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Throttled:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	case Upstream:
		return http.StatusBadGateway
	default:
		return http.StatusInternalServerError
	}
}

// ExitCode is what the command line ends with: 1 the answer is no, 2 a usage
// or configuration error, 3 could not find out.
func (k Kind) ExitCode() int {
	switch k {
	case No, Denied, Conflict, Unauthenticated:
		return 1
	case Invalid, NotFound, TooLarge:
		return 2
	default:
		return 3
	}
}

// Error is a failure a person can act on. The zero value is an Internal fault
// without a word; use New.
type Error struct {
	Kind  Kind
	What  string // what went wrong, in one clause; holds no secret and no prompt
	Where string // file:line:col, a field, an address, an entry; may be empty
	Hint  string // what to do next, in one clause; may be empty
	Cause error  // the underlying error; printed by Error, left out by Public
}

// New makes a fault of kind k; At, Fix and Because fill in the rest.
func New(k Kind, what string) *Error { return &Error{Kind: k, What: what} }

// At returns a copy that names the place.
func (e *Error) At(where string) *Error { c := *e; c.Where = where; return &c }

// Fix returns a copy that ends in a hint.
func (e *Error) Fix(hint string) *Error { c := *e; c.Hint = hint; return &c }

// Because returns a copy that wraps its cause.
func (e *Error) Because(err error) *Error { c := *e; c.Cause = err; return &c }

// Error is the whole text, cause included, for logs and the terminal.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Public()
	}
	whole := *e
	whole.What += ": " + e.Cause.Error()
	return whole.Public()
}

// Public is "where: what; hint", without the cause: safe to send to a peer.
func (e *Error) Public() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where + ": ")
	}
	b.WriteString(e.What)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of the outermost fault in err's chain, Internal if none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// PublicText is what a peer may read of err: a fault's own words, or a plain
// sentence where err is none of ours.
func PublicText(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Public()
	}
	return "internal error; the log of this service says more"
}
