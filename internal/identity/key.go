package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
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

// Key is one entry of the configuration's list of gateway keys. It holds no
// secret: with 256 random bits in a key, its plain hash can be neither
// inverted nor searched.
type Key struct {
	Name     string    `yaml:"name" config:"required" doc:"who holds the key, as records name them"`
	Hash     string    `yaml:"hash" config:"required" doc:"SHA-256 of the key, 64 hexadecimal digits"`
	Workload string    `yaml:"workload" config:"required" doc:"the workload that the key belongs to"`
	Expires  time.Time `yaml:"expires" doc:"when it ends, as 2027-01-31T00:00:00Z; default never"`
}

// Check reports a malformed hash.
func (k *Key) Check(report func(path, what, fix string)) {
	if raw, err := hex.DecodeString(k.Hash); k.Hash != "" && (err != nil || len(raw) != sha256.Size) {
		report("hash", "not a SHA-256", "write 64 hexadecimal digits; the key itself never stands here")
	}
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
type keyring map[string]Key

func newKeyring(keys []Key) (keyring, error) {
	ring := make(keyring, len(keys))
	for _, k := range keys {
		hash := strings.ToLower(k.Hash)
		if _, ok := ring[hash]; ok {
			return nil, fault.New(fault.Invalid, "two gateway keys with one hash").At(k.Name).Fix("remove one of them")
		}
		ring[hash] = k
	}
	return ring, nil
}

func (ring keyring) find(key string, now time.Time) (Principal, error) {
	body := strings.TrimPrefix(key, KeyPrefix)
	if len(body) != keyBody+keyChecksum || checksum(body[:keyBody]) != body[keyBody:] {
		return Principal{}, refused("the gateway key is mistyped or cut")
	}
	k, ok := ring[HashKey(key)]
	if !ok {
		return Principal{}, refused("the gateway key is not known")
	}
	if !k.Expires.IsZero() && !now.Before(k.Expires) {
		return Principal{}, refused("the gateway key has expired")
	}
	return Principal{Issuer: KeyIssuer, Subject: k.Name, Name: k.Name, Workload: k.Workload}, nil
}
