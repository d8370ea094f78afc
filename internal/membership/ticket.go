// Package membership is a node's side of belonging to a project: the ticket
// it is given, the enrolment that turns the ticket into a certificate, the
// directory where key and certificate stay, and their renewal.
//
// The key is made here and never leaves the directory. The authority learns
// the public key and nothing else; the ticket pins the authority's key, so
// that enrolment needs no public certificate and trusts no name.
package membership

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// ticketPrefix makes a ticket recognisable, to people and to secret scanners.
const ticketPrefix = "ostiary-ticket-1."

// maxTicket bounds a ticket's text, in bytes.
const maxTicket = 1024

// CodeSize is the size of a ticket's secret: 32 random bytes.
const CodeSize = 32

// Ticket is an invitation to join a project, to be carried by hand.
type Ticket struct {
	Authority string        // host:port
	Project   string        // the project to join
	Pin       [32]byte      // SHA-256 of the authority's root key
	Code      secret.String // base64url of the secret
}

// wireTicket is the ticket's body, base64url(JSON) in this order of fields.
type wireTicket struct {
	Authority string `json:"a"`
	Project   string `json:"p"`
	Pin       []byte `json:"k"`
	Code      string `json:"c"`
}

// Encode is the ticket as text. It is a secret as a whole.
func (t Ticket) Encode() secret.String {
	body, err := json.Marshal(wireTicket{t.Authority, t.Project, t.Pin[:], t.Code.Reveal()})
	if err != nil {
		return secret.String{} // strings and bytes always marshal
	}
	return secret.New(ticketPrefix + base64.RawURLEncoding.EncodeToString(body))
}

// ParseTicket reads a ticket; what it accepts, Encode gives back. No error of
// it repeats any of the text.
func ParseTicket(text string) (Ticket, error) {
	bad := fault.New(fault.Invalid, "not a ticket").
		Fix("copy the whole line that `ostiary portal ticket create` printed, beginning with " + ticketPrefix)
	text = strings.TrimSpace(text)
	body, ok := strings.CutPrefix(text, ticketPrefix)
	if !ok || len(text) > maxTicket {
		return Ticket{}, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return Ticket{}, bad
	}
	var w wireTicket
	if json.Unmarshal(raw, &w) != nil || len(w.Pin) != 32 || !pki.ValidLabel(w.Project) || !validCode(w.Code) {
		return Ticket{}, bad
	}
	t := Ticket{Authority: w.Authority, Project: w.Project, Pin: [32]byte(w.Pin), Code: secret.New(w.Code)}
	if !bytes.Equal([]byte(t.Encode().Reveal()), []byte(text)) {
		return Ticket{}, bad
	}
	return t, nil
}

func validCode(code string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(code)
	return err == nil && len(b) == CodeSize
}
