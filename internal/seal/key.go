package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/ostiary/ostiary/internal/secret"
)

const (
	keySize     = 32                                       // bytes, of every key
	wrapSize    = len(RecipientID{}) + 1120 + keySize + 16 // recipient, X-Wing ciphertext, sealed key
	wrapInfo    = "ostiary seal wrap 1\x00"
	bodyInfo    = "ostiary seal body 1\x00"
	keyIDInfo   = "ostiary seal key id 1"
	maxWrapInfo = 1 << 10 // bytes of what a wrap is bound to
)

// MaxRecipients bounds how many auditors a key is wrapped to.
const MaxRecipients = 64

// What opening finds.
var (
	ErrDestroyed    = errors.New("the key was destroyed")
	ErrNotRecipient = errors.New("not sealed to this identity")
	ErrDamaged      = errors.New("damaged, or not of this key and place")
	errWrap         = errors.New("not a wrapped key")
	errRecipients   = fmt.Errorf("a key is wrapped to 1 to %d recipients", MaxRecipients)
	errWrapInfo     = fmt.Errorf("a wrap is bound to at most %d bytes", maxWrapInfo)
)

// Key seals bodies for a while. It prints as [redacted]. Its methods may be
// called from any goroutine.
type Key struct {
	id KeyID

	mu    sync.RWMutex
	bytes []byte // nil once destroyed
}

// KeyID names a key and binds it: it is derived from the key.
type KeyID [16]byte

// String is the id in hexadecimal.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// NewKey makes a key.
func NewKey() (*Key, error) {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw) // never fails
	return newKey(raw)
}

func newKey(raw []byte) (*Key, error) {
	id, err := hkdf.Expand(sha256.New, raw, keyIDInfo, len(KeyID{}))
	if err != nil {
		return nil, err
	}
	return &Key{id: KeyID(id), bytes: raw}, nil
}

// ID names the key; it stays after Destroy.
func (k *Key) ID() KeyID { return k.id }

// Format prints the redaction whatever the verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Redacted) }

// Destroy overwrites the key. What seals or opens already goes on.
func (k *Key) Destroy() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.bytes)
	k.bytes = nil
}

// Wrap seals the key to every recipient, bound to info, which Unwrap must be
// given too. Repeated recipients count once.
func (k *Key) Wrap(info []byte, to ...Recipient) ([]byte, error) {
	to = slices.Clone(to)
	slices.SortFunc(to, func(a, b Recipient) int { return bytes.Compare(a.id[:], b.id[:]) })
	to = slices.CompactFunc(to, func(a, b Recipient) bool { return a.id == b.id })
	if len(to) == 0 || len(to) > MaxRecipients {
		return nil, errRecipients
	}
	if len(info) > maxWrapInfo {
		return nil, errWrapInfo
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.bytes == nil {
		return nil, ErrDestroyed
	}
	var all []byte
	for _, r := range to {
		if r.key == nil {
			return nil, errRecipients
		}
		sealed, err := hpke.Seal(r.key, hpke.HKDFSHA256(), hpke.AES256GCM(), append([]byte(wrapInfo), info...), k.bytes)
		if err != nil {
			return nil, err
		}
		all = append(append(all, r.id[:]...), sealed...)
	}
	return all, nil
}

// Recipients lists whom a key is wrapped to. It refuses what Wrap cannot have
// written, as far as that shows without a key.
func Recipients(wrapped []byte) ([]RecipientID, error) {
	if len(wrapped) == 0 || len(wrapped)%wrapSize != 0 || len(wrapped)/wrapSize > MaxRecipients {
		return nil, errWrap
	}
	var all []RecipientID
	for one := range slices.Chunk(wrapped, wrapSize) {
		id := RecipientID(one[:len(RecipientID{})])
		if n := len(all); n > 0 && bytes.Compare(all[n-1][:], id[:]) >= 0 {
			return nil, errWrap
		}
		all = append(all, id)
	}
	return all, nil
}

// Unwrap opens a wrapped key with an identity. It returns ErrNotRecipient if
// the key is not wrapped to it, ErrDamaged if the wrap does not open.
func Unwrap(wrapped, info []byte, i Identity) (*Key, error) {
	ids, err := Recipients(wrapped)
	if err != nil {
		return nil, err
	}
	n := slices.Index(ids, i.Recipient().id)
	if n < 0 {
		return nil, ErrNotRecipient
	}
	sealed := wrapped[n*wrapSize+len(RecipientID{}) : (n+1)*wrapSize]
	raw, err := hpke.Open(i.key, hpke.HKDFSHA256(), hpke.AES256GCM(), append([]byte(wrapInfo), info...), sealed)
	if err != nil || len(raw) != keySize {
		return nil, ErrDamaged
	}
	return newKey(raw)
}
