// Package pki makes and checks the keys, certificates and names that a
// project's members know each other by: ECDSA P-256 (cloud key services hold
// it), X.509, and SPIFFE ids. It invents no primitive of its own.
package pki

import (
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// Role is what a member is for; it stands in the member's name, so that a
// certificate for one role can never serve as another.
type Role string

// The roles of a project.
const (
	Inlet     Role = "inlet"     // takes the consumer's connections
	Outlet    Role = "outlet"    // reaches the owner's service
	Relay     Role = "relay"     // joins the two, blind
	Gateway   Role = "gateway"   // the owner's gateway, to which members speak by mutual TLS
	Enroller  Role = "enroller"  // may invite inlets of its own kind, and carries nothing
	Authority Role = "authority" // issues; it is the authority's own server name
)

// ParseRole checks a role that a person or a peer wrote.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Inlet, Outlet, Relay, Gateway, Enroller, Authority:
		return r, nil
	}
	return "", fault.New(fault.Invalid, "unknown role "+quote(s)).
		Fix("use inlet, outlet, relay, gateway or enroller")
}

// ID is a member's name, spiffe://PROJECT/ROLE/MEMBER. The zero value names
// nobody and equals no member.
type ID struct {
	Project string
	Role    Role
	Member  string
}

// maxLabel bounds the project and the member, in bytes; a SPIFFE id stays far
// below the 2,048 bytes that SPIFFE-ID section 2.3 allows.
const maxLabel = 63

// ParseID parses the only accepted form; what it accepts, String gives back
// byte for byte.
func ParseID(s string) (ID, error) {
	rest, ok := strings.CutPrefix(s, "spiffe://")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return ID{}, badID(s)
	}
	role, err := ParseRole(parts[1])
	if err != nil || !ValidLabel(parts[0]) || !ValidLabel(parts[2]) {
		return ID{}, badID(s)
	}
	return ID{parts[0], role, parts[2]}, nil
}

func badID(s string) error {
	return fault.New(fault.Invalid, "not a member's name: "+quote(s)).
		Fix("write spiffe://PROJECT/ROLE/MEMBER in lower case")
}

// ValidLabel says whether s can name a project or a member: 1 to 63 of
// a-z, 0-9, '-' and '.', neither first nor last a mark. It is the part of
// SPIFFE's trust-domain alphabet that is also a DNS name.
func ValidLabel(s string) bool {
	if s == "" || len(s) > maxLabel {
		return false
	}
	for i, c := range []byte(s) {
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (c != '-' && c != '.' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return true
}

// String is the SPIFFE id.
func (id ID) String() string {
	if id == (ID{}) {
		return ""
	}
	return "spiffe://" + id.Project + "/" + string(id.Role) + "/" + id.Member
}

// UnmarshalText parses an id in a configuration file.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// MarshalText is String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// URL is the id as a certificate's URI name.
func (id ID) URL() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: id.Project, Path: "/" + string(id.Role) + "/" + id.Member}
}

// quote shortens what a stranger wrote before it is repeated.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return `"` + strings.ToValidUTF8(s, "?") + `"`
}
