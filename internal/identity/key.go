package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/secret"
)

// KeyIssuer is the issuer of principals that showed a gateway key.
const KeyIssuer = "key"

// A gateway key is KeyPrefix, 43 characters of base64url for 32 random bytes,
// and 6 for the CRC-32C of those 43: a slip of the pen is told from an unknown
// key, and a scanner for leaked secrets has few false alarms.
const (
	KeyPrefix   = "ostiary-"
	keyRandom   = 32
	keyBody     = 43
	keyChecksum = 6
)

// Key is one gateway key, as the configuration or a file of keys lists it. It
// holds no secret: with 256 random bits in a key, its plain hash can be neither
// inverted nor searched.
type Key struct {
	Name        string    `yaml:"name" json:"name" config:"required" doc:"who holds the key, as records name them"`
	Hash        string    `yaml:"hash" json:"hash" config:"required" doc:"SHA-256 of the key, 64 hexadecimal digits"`
	Workload    string    `yaml:"workload" json:"workload" config:"required" doc:"the workload that the key belongs to"`
	Deployments []string  `yaml:"deployments" json:"deployments,omitempty" doc:"narrows the workload's grants to these; * and ? match; default no less"`
	Operations  []string  `yaml:"operations" json:"operations,omitempty" doc:"narrows the workload's grants to these; * and ? match; default no less"`
	Created     time.Time `yaml:"created" json:"created,omitzero" doc:"when it was made, for people"`
	Expires     time.Time `yaml:"expires" json:"expires,omitzero" doc:"when it ends, as 2027-01-31T00:00:00Z; default never"`
	Revoked     time.Time `yaml:"revoked" json:"revoked,omitzero" doc:"when it was revoked; from then on it is refused"`
}

// Check reports a malformed hash and malformed patterns.
func (k *Key) Check(report func(path, what, fix string)) {
	if _, ok := k.sum(); k.Hash != "" && !ok {
		report("hash", "not a SHA-256", "write 64 hexadecimal digits; the key itself never stands here")
	}
	checkPatterns("deployments", k.Deployments, report)
	checkPatterns("operations", k.Operations, report)
}

func checkPatterns(field string, patterns []string, report func(path, what, fix string)) {
	for i, pattern := range patterns {
		if _, err := openai.ParsePattern(pattern); err != nil {
			report(fmt.Sprintf("%s[%d]", field, i), "not a pattern", "write names, with * for any characters and ? for one")
		}
	}
}

func (k *Key) sum() (sum [sha256.Size]byte, ok bool) {
	raw, err := hex.DecodeString(k.Hash)
	return sum, err == nil && copy(sum[:], raw) == len(sum) && len(raw) == len(sum)
}

// State is active, expired or revoked.
func (k *Key) State(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	}
	return "active"
}

// Principal is who a key stands for. Errors are faults of kind Invalid.
func (k *Key) Principal() (Principal, error) {
	p := Principal{Issuer: KeyIssuer, Subject: k.Name, Name: k.Name, Workload: k.Workload}
	if len(k.Deployments)+len(k.Operations) == 0 {
		return p, nil
	}
	p.Scope = &Scope{}
	var err error
	if len(k.Deployments) > 0 {
		if p.Scope.Deployments, err = openai.ParsePatterns(k.Deployments); err != nil {
			return p, err
		}
	}
	if len(k.Operations) > 0 {
		p.Scope.Operations, err = openai.ParsePatterns(k.Operations)
	}
	return p, err
}

// NewKey makes a gateway key and the hash to configure. The key is shown to
// its holder once and kept nowhere.
func NewKey() (secret.String, string) {
	raw := make([]byte, keyRandom)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	body := base64.RawURLEncoding.EncodeToString(raw)
	key := KeyPrefix + body + checksum(body)
	return secret.New(key), HashKey(key)
}

// HashKey is what a key is configured and looked up by.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func checksum(body string) string {
	sum := crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// keyring finds keys by their hash. A map lookup takes a time that depends on
// the hash, but a caller cannot steer the hash of a guess towards another's:
// what it learns of one hash says nothing of a key.
type keyring map[[sha256.Size]byte]ringed

type ringed struct {
	key Key
	who Principal
}

func newKeyring(keys ...[]Key) (keyring, error) {
	ring := keyring{}
	for _, list := range keys {
		for _, k := range list {
			sum, ok := k.sum()
			if !ok {
				return nil, fault.New(fault.Invalid, "the hash of a gateway key is not a SHA-256").At(k.Name)
			}
			if _, twice := ring[sum]; twice {
				return nil, fault.New(fault.Invalid, "two gateway keys with one hash").At(k.Name).Fix("remove one of them")
			}
			who, err := k.Principal()
			if err != nil {
				return nil, err
			}
			ring[sum] = ringed{k, who}
		}
	}
	return ring, nil
}

// named gives who the key of a name stands for.
func (ring keyring) named(name string) (Principal, bool) {
	for _, r := range ring {
		if r.key.Name == name {
			return r.who, true
		}
	}
	return Principal{}, false
}

func (ring keyring) find(key string, now time.Time) (Principal, error) {
	body := strings.TrimPrefix(key, KeyPrefix)
	if len(body) != keyBody+keyChecksum || checksum(body[:keyBody]) != body[keyBody:] {
		return Principal{}, refused("the gateway key is mistyped or cut")
	}
	found, ok := ring[sha256.Sum256([]byte(key))]
	if !ok {
		return Principal{}, refused("the gateway key is not known")
	}
	switch found.key.State(now) {
	case "revoked":
		return Principal{}, refused("the gateway key was revoked")
	case "expired":
		return Principal{}, refused("the gateway key has expired")
	}
	return found.who, nil
}
