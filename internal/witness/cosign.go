package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// A cosignature is a note signature of type 4: eight bytes of Unix time, big
// endian, and an Ed25519 signature over
//
//	cosignature/v1
//	time <the same time in decimal>
//	<the checkpoint's text>
//
// It says that at this time this was the largest tree of the log that the
// witness had seen. Keys are in the encoding of package note, which itself
// knows no type 4.
const (
	algorithm     = 0x04
	signatureSize = 8 + ed25519.SignatureSize
	privatePrefix = "PRIVATE+KEY+"
	maxName       = 255 // bytes of a key's name
)

// key is a witness's public key; it is a note.Verifier.
type key struct {
	name   string
	public ed25519.PublicKey
}

func (k key) Name() string { return k.name }

func (k key) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(k.name+"\n\x04"), k.public...))
	return binary.BigEndian.Uint32(sum[:])
}

func (k key) Verify(msg, sig []byte) bool {
	if len(sig) != signatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at > 0 && at <= math.MaxInt64 && ed25519.Verify(k.public, statement(at, msg), sig[8:])
}

// String is the key's one spelling.
func (k key) String() string { return k.encode(k.public) }

func (k key) encode(material []byte) string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{algorithm}, material...)))
}

func statement(at uint64, msg []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), msg...)
}

// ParseKey reads a witness's public key: NAME+HASH+BASE64, of type 4.
func ParseKey(text string) (note.Verifier, error) {
	name, hash, material, ok := splitKey(text)
	k := key{name, material}
	if !ok || hash != k.KeyHash() || k.String() != text {
		return nil, fault.New(fault.Invalid, "not the public key of a witness").
			Fix("it is one line of name, hash and base64, in the witness's file witness.pub")
	}
	return k, nil
}

// splitKey takes a key apart; material is 32 bytes.
func splitKey(text string) (name string, hash uint32, material []byte, ok bool) {
	name, rest, _ := strings.Cut(text, "+")
	hex, encoded, _ := strings.Cut(rest, "+")
	h, err := strconv.ParseUint(hex, 16, 32)
	raw, err2 := base64.StdEncoding.DecodeString(encoded)
	if err != nil || err2 != nil || !validName(name) || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algorithm {
		return "", 0, nil, false
	}
	return name, uint32(h), raw[1:], true
}

func validName(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) &&
		strings.IndexFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '+' }) < 0
}

// signer cosigns; it is a note.Signer.
type signer struct {
	key
	private ed25519.PrivateKey
	now     func() time.Time
}

func (s signer) Sign(msg []byte) ([]byte, error) {
	at := uint64(max(s.now().Unix(), 1))
	return append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(s.private, statement(at, msg))...), nil
}

func newSigner(name string, now func() time.Time) (signer, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	return signer{key{name, public}, private, now}, err
}

// encode is the private key, as parseSigner reads it.
func (s signer) encode() secret.String {
	return secret.New(privatePrefix + s.key.encode(s.private.Seed()))
}

// parseSigner reads a private key. Its errors quote nothing.
func parseSigner(text secret.String, now func() time.Time) (signer, error) {
	encoded, private := strings.CutPrefix(text.Reveal(), privatePrefix)
	name, hash, seed, ok := splitKey(encoded)
	if private && ok {
		whole := ed25519.NewKeyFromSeed(seed)
		s := signer{key{name, ed25519.PublicKey(whole[ed25519.SeedSize:])}, whole, now}
		if s.KeyHash() == hash {
			return s, nil
		}
	}
	return signer{}, fault.New(fault.Invalid, "not the private key of a witness").Fix("restore the file from a copy")
}

// Time is when a cosignature was made, by the witness's clock. The zero time
// says that it is none.
func Time(sig note.Signature) time.Time {
	raw, err := base64.StdEncoding.DecodeString(sig.Base64)
	if err != nil || len(raw) != 4+signatureSize {
		return time.Time{}
	}
	at := binary.BigEndian.Uint64(raw[4:])
	if at > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(int64(at), 0).UTC()
}
