// Package revocation is the signed list of what a project no longer trusts, and
// the keeper that holds it at a node.
//
// It guarantees that only the project's root can make a list; that a list is
// never replaced by an older one, also over restarts; that whoever follows a
// certificate is told when it is revoked, or when the list has become too old
// to judge by; and that what a parser accepts is what the authority wrote, byte
// for byte. It does not fetch: internal/membership does. A list names members
// and hashes of keys, and no reason: whoever reads it learns no more.
package revocation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Bounds of a list. Entries leave it once the last certificate they could
// concern has expired, so that it holds a day of revocations and not a history.
const (
	MaxEntries = 8192
	MaxBytes   = 2 << 20 // of a signed list
)

// signedAs parts this signature from every other that the root's key makes: no
// certificate begins so.
const signedAs = "ostiary revocation list 1\n"

// List is what a project no longer trusts, as of one epoch. Each slice is
// sorted and holds nothing twice.
type List struct {
	Version int      `json:"v"` // 1
	Project string   `json:"project"`
	Epoch   uint64   `json:"epoch"`   // rises with every list
	Issued  int64    `json:"issued"`  // Unix seconds by the authority's clock
	Members []string `json:"members"` // SPIFFE ids: all that they ever had
	Keys    []string `json:"keys"`    // SHA-256 of a SubjectPublicKeyInfo in lower-case hex: all certificates of the key
	Serials []string `json:"serials"` // serial numbers in lower-case hex: one certificate
}

// envelope is a signed list as it travels and lies on disk.
type envelope struct {
	List      []byte `json:"list"`      // JSON of a List
	Signature []byte `json:"signature"` // ECDSA P-256, ASN.1, over SHA-256(signedAs ‖ list)
}

// Sign orders the list and signs it with the project's root key.
func Sign(l List, root crypto.Signer) ([]byte, error) {
	l.Version = 1
	for _, part := range []*[]string{&l.Members, &l.Keys, &l.Serials} {
		ordered := slices.Compact(slices.Sorted(slices.Values(*part)))
		*part = append([]string{}, ordered...) // [] and never null
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	digest := digest(payload)
	signature, err := root.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{payload, signature})
}

func digest(payload []byte) [32]byte {
	return sha256.Sum256(append([]byte(signedAs), payload...))
}

// Parse reads a signed list that root signed for its own project. It accepts
// only text that Sign would have written. Errors are faults of kind Invalid or
// TooLarge, and Denied where the signature is not the root's.
func Parse(data []byte, root *x509.Certificate) (List, error) {
	if len(data) > MaxBytes {
		return List{}, fault.New(fault.TooLarge, "a revocation list of more than 2 MiB")
	}
	var e envelope
	var l List
	if !canonical(data, &e) || !canonical(e.List, &l) {
		return List{}, fault.New(fault.Invalid, "not a revocation list")
	}
	if err := l.check(); err != nil {
		return List{}, err
	}
	key, ok := root.PublicKey.(*ecdsa.PublicKey)
	digest := digest(e.List)
	if !ok || !ecdsa.VerifyASN1(key, digest[:], e.Signature) {
		return List{}, fault.New(fault.Denied, "the revocation list is not signed by this project's root")
	}
	if !slices.Equal(root.PermittedURIDomains, []string{l.Project}) {
		return List{}, fault.New(fault.Denied, "the revocation list is of another project")
	}
	return l, nil
}

// canonical decodes, and reports whether data is what encoding would give.
func canonical[T any](data []byte, into *T) bool {
	if json.Unmarshal(data, into) != nil {
		return false
	}
	again, err := json.Marshal(into)
	return err == nil && bytes.Equal(again, data)
}

// check wants a list that means something everywhere the same.
func (l List) check() error {
	bad := fault.New(fault.Invalid, "not a revocation list")
	if l.Version != 1 || l.Epoch == 0 || l.Issued < 0 || !pki.ValidLabel(l.Project) {
		return bad
	}
	if len(l.Members)+len(l.Keys)+len(l.Serials) > MaxEntries {
		return fault.New(fault.TooLarge, "more entries than a revocation list holds").
			Fix("wait until entries of yesterday leave it, or found the project anew")
	}
	for _, part := range []struct {
		of []string
		ok func(string) bool
	}{{l.Members, l.isMember}, {l.Keys, isKey}, {l.Serials, isSerial}} {
		if part.of == nil {
			return bad
		}
		for i, s := range part.of {
			if !part.ok(s) || i > 0 && part.of[i-1] >= s {
				return bad
			}
		}
	}
	return nil
}

func (l List) isMember(s string) bool {
	id, err := pki.ParseID(s)
	return err == nil && id.Project == l.Project
}

func isKey(s string) bool { return len(s) == 2*sha256.Size && isHex(s) }

// isSerial bounds a serial number to the 20 octets of RFC 5280 section 4.1.2.2.
func isSerial(s string) bool { return s != "" && len(s) <= 40 && isHex(s) && s[0] != '0' }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// Key is how a list names the key with this fingerprint.
func Key(fingerprint [32]byte) string { return hex.EncodeToString(fingerprint[:]) }

// Serial is how a list names a serial number.
func Serial(n *big.Int) string { return n.Text(16) }

// ParseSerial reads a serial number as people have it: hex in either case,
// perhaps with colons.
func ParseSerial(s string) (string, error) {
	s = strings.TrimLeft(strings.ToLower(strings.ReplaceAll(s, ":", "")), "0")
	if !isSerial(s) {
		return "", fault.New(fault.Invalid, "not a certificate's serial number").Fix("write it in hex, as openssl x509 -serial prints it")
	}
	return s, nil
}

// Names says by what the list names a certificate or its holder: "member",
// "key" or "serial", and "" where it does not.
func (l List) Names(cert *x509.Certificate) string {
	has := func(all []string, s string) bool { _, found := slices.BinarySearch(all, s); return found }
	switch {
	case len(cert.URIs) == 1 && has(l.Members, cert.URIs[0].String()):
		return "member"
	case has(l.Keys, Key(pki.Fingerprint(cert))):
		return "key"
	case has(l.Serials, Serial(cert.SerialNumber)):
		return "serial"
	}
	return ""
}

// Entries counts what the list names.
func (l List) Entries() int { return len(l.Members) + len(l.Keys) + len(l.Serials) }

// Time is when the list was made, by the authority's clock.
func (l List) Time() time.Time { return time.Unix(l.Issued, 0).UTC() }
