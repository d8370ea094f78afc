package seal

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// A text form is a prefix and, in base64url without padding, the key and the
// first bytes of SHA-256(prefix ‖ key): a slip of the hand is told from a
// wrong key.
const (
	identityPrefix  = "ostiary-secret-identity-1-"
	recipientPrefix = "ostiary-recipient-1-"

	seedSize   = 32   // of an X-Wing private key, in bytes
	publicSize = 1216 // of an X-Wing public key, in bytes
	sumSize    = 4
)

// Identity is an auditor's secret. It prints as [redacted]; only Encode gives
// it away.
type Identity struct{ key hpke.PrivateKey }

// Recipient is an auditor's public half: to it keys are wrapped. The zero
// value is nobody.
type Recipient struct {
	key hpke.PublicKey
	id  RecipientID
}

// RecipientID names a recipient: the first bytes of the SHA-256 of its key.
type RecipientID [8]byte

// String is the id in hexadecimal.
func (id RecipientID) String() string { return hex.EncodeToString(id[:]) }

// NewIdentity makes an auditor's secret.
func NewIdentity() (Identity, error) {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return Identity{}, fault.New(fault.Internal, "cannot make a key").Because(err)
	}
	return Identity{key}, nil
}

// ParseIdentity reads what Encode wrote; a newline may follow. The error,
// fault.Invalid, does not repeat the text.
func ParseIdentity(text string) (Identity, error) {
	raw, ok := decode(identityPrefix, strings.TrimSuffix(text, "\n"), seedSize)
	if !ok {
		bad := fault.New(fault.Invalid, "not an auditor's identity").Fix("name the file that `ostiary ledger identity create` wrote")
		if strings.HasPrefix(text, recipientPrefix) {
			bad.What = "this is a recipient, which seals; to open takes the identity"
		}
		return Identity{}, bad
	}
	key, err := hpke.MLKEM768X25519().NewPrivateKey(raw)
	if err != nil {
		return Identity{}, fault.New(fault.Invalid, "not an auditor's identity")
	}
	return Identity{key}, nil
}

// Encode is the identity as text, for its file.
func (i Identity) Encode() (secret.String, error) {
	raw, err := i.key.Bytes()
	if err != nil {
		return secret.String{}, fault.New(fault.Internal, "cannot encode the identity").Because(err)
	}
	return secret.New(encode(identityPrefix, raw)), nil
}

// Recipient is the public half.
func (i Identity) Recipient() Recipient { return newRecipient(i.key.PublicKey()) }

// Format prints the redaction whatever the verb.
func (i Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Redacted) }

func newRecipient(key hpke.PublicKey) Recipient {
	sum := sha256.Sum256(key.Bytes())
	return Recipient{key, RecipientID(sum[:8])}
}

// ParseRecipient reads what Recipient.String wrote; else fault.Invalid.
func ParseRecipient(text string) (Recipient, error) {
	if strings.HasPrefix(text, identityPrefix) {
		return Recipient{}, fault.New(fault.Invalid, "this is an auditor's secret identity, where the recipient belongs").
			Fix("write the recipient, and keep the identity where only the auditor reads it")
	}
	raw, ok := decode(recipientPrefix, text, publicSize)
	if !ok {
		return Recipient{}, fault.New(fault.Invalid, "not an auditor's recipient, or not all of it").
			Fix("copy the line that `ostiary ledger identity create` printed")
	}
	key, err := hpke.MLKEM768X25519().NewPublicKey(raw)
	if err != nil {
		return Recipient{}, fault.New(fault.Invalid, "not a key that can be sealed to").Because(err)
	}
	return newRecipient(key), nil
}

// ID is the recipient's short name.
func (r Recipient) ID() RecipientID { return r.id }

// String is the recipient as text; it is no secret. Nobody is "".
func (r Recipient) String() string {
	if r.key == nil {
		return ""
	}
	return encode(recipientPrefix, r.key.Bytes())
}

// MarshalText is String.
func (r Recipient) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRecipient.
func (r *Recipient) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRecipient(string(text))
	return err
}

func checksum(prefix string, raw []byte) []byte {
	sum := sha256.Sum256(append([]byte(prefix), raw...))
	return sum[:sumSize]
}

func encode(prefix string, raw []byte) string {
	return prefix + base64.RawURLEncoding.EncodeToString(append(raw[:len(raw):len(raw)], checksum(prefix, raw)...))
}

// decode takes one spelling only: what it accepts, encode writes again.
func decode(prefix, text string, size int) ([]byte, bool) {
	body, ok := strings.CutPrefix(text, prefix)
	if !ok || len(body) != base64.RawURLEncoding.EncodedLen(size+sumSize) || strings.ContainsAny(body, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(raw) != size+sumSize || string(checksum(prefix, raw[:size])) != string(raw[size:]) {
		return nil, false
	}
	return raw[:size], true
}
