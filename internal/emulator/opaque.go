package emulator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/secret"
)

// opaque seals what the issuer hands out and takes back: codes, refresh tokens
// and sessions. A sealed value says for itself what it stands for, so nothing
// has to be kept; the label keeps one kind from passing for another.
type opaque struct{ aead cipher.AEAD }

func newOpaque(key secret.String) *opaque {
	sum := sha256.Sum256([]byte("ostiary emulator issuer\x00" + key.Reveal()))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // as above
	}
	return &opaque{aead}
}

// The kinds of sealed values.
const (
	sealedCode    = "code"
	sealedRefresh = "refresh"
	sealedSession = "session"
)

const maxOpaque = 16 << 10 // characters

func (o *opaque) seal(kind string, v any) string {
	return base64.RawURLEncoding.EncodeToString(o.aead.Seal(nil, nil, []byte(marshal(v)), []byte(kind))) //nolint:gosec // this AEAD draws its nonce itself
}

// open is false for anything that was not sealed as this kind.
func (o *opaque) open(kind, text string, v any) bool {
	if len(text) > maxOpaque {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return false
	}
	plain, err := o.aead.Open(nil, nil, raw, []byte(kind))
	return err == nil && json.Unmarshal(plain, v) == nil
}

func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// redeemed remembers codes until they would have ended anyway.
type redeemed struct {
	mu   sync.Mutex
	till map[string]time.Time
}

// first says whether nobody has redeemed this id yet.
func (r *redeemed) first(id string, now, end time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for old, till := range r.till {
		if now.After(till) {
			delete(r.till, old)
		}
	}
	if _, again := r.till[id]; again {
		return false
	}
	if r.till == nil {
		r.till = map[string]time.Time{}
	}
	r.till[id] = end
	return true
}
