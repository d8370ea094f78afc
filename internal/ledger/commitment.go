package ledger

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// Part says which body of a call is meant.
type Part string

// The two bodies of a call. Their salts differ, so that equal bodies have
// unlike commitments.
const (
	Request  Part = "request"
	Response Part = "response"
)

// BodyHash computes the commitment to a body that is written to it in pieces.
type BodyHash struct {
	hash  hash.Hash
	bytes int64
}

// newBodyHash starts with the salt, HMAC-SHA256(key, part ‖ 0 ‖ id).
func newBodyHash(key secret.String, part Part, id string) *BodyHash {
	return saltedHash(hmac.New(sha256.New, []byte(key.Reveal())), part, id)
}

func saltedHash(mac hash.Hash, part Part, id string) *BodyHash {
	var room [128]byte
	_, _ = mac.Write(append(append(append(room[:0], part...), 0), id...))
	h := sha256.New()
	_, _ = h.Write(mac.Sum(room[:0]))
	return &BodyHash{hash: h}
}

// salter keeps keyed hashes from one call to the next: to key one costs more
// than to use it.
type salter struct{ pool sync.Pool }

func newSalter(key secret.String) *salter {
	s := &salter{}
	s.pool.New = func() any { return hmac.New(sha256.New, []byte(key.Reveal())) }
	return s
}

func (s *salter) begin(part Part, id string) *BodyHash {
	mac := s.pool.Get().(hash.Hash)
	mac.Reset()
	h := saltedHash(mac, part, id)
	s.pool.Put(mac)
	return h
}

// Write takes the next piece; it never fails.
func (h *BodyHash) Write(p []byte) (int, error) {
	h.bytes += int64(len(p))
	return h.hash.Write(p)
}

// Sum describes what has been written so far.
func (h *BodyHash) Sum() Body {
	return Body{Bytes: h.bytes, Commitment: base64.RawURLEncoding.EncodeToString(h.hash.Sum(nil))}
}

// Commitment is the commitment to a whole request body, for Call.Request.
func (l *Ledger) Commitment(id string, body []byte) string {
	h := l.salter.begin(Request, id)
	_, _ = h.Write(body)
	return h.Sum().Commitment
}

// Commit starts the commitment to an answer, for Result.Response: write to it
// what is sent to the client.
func (l *Ledger) Commit(id string) *BodyHash { return l.salter.begin(Response, id) }

// Match is a call that committed to a body.
type Match struct {
	Index uint64 `json:"index"` // of the record
	ID    string `json:"id"`
	Part  Part   `json:"part"`
}

// FindBody finds the calls whose request or answer was this very body, byte
// for byte. It reads the whole ledger and needs its commitment key.
func FindBody(dir string, body []byte) ([]Match, error) {
	key, err := readCommitmentKey(disk{}, dir)
	if err != nil {
		return nil, err
	}
	var found []Match
	check := func(index uint64, id string, part Part, b Body) {
		if b.Commitment == "" || b.Bytes != int64(len(body)) {
			return
		}
		h := newBodyHash(key, part, id)
		_, _ = h.Write(body)
		if h.Sum().Commitment == b.Commitment {
			found = append(found, Match{index, id, part})
		}
	}
	err = Read(dir, 0, func(index uint64, r Record) error {
		if r.Call != nil {
			check(index, r.ID, Request, r.Call.Request)
		}
		if r.Result != nil {
			check(index, r.ID, Request, r.Result.Request)
			check(index, r.ID, Response, r.Result.Response)
		}
		return nil
	})
	return found, err
}

const commitmentKeySize = 32 // bytes; in the file as hexadecimal on one line

// openCommitmentKey reads the key, or makes it for a ledger that is empty. A
// lost key is not replaced: what it committed to could never be shown again.
func openCommitmentKey(fsys FS, dir string, empty bool) (secret.String, error) {
	key, err := readCommitmentKey(fsys, dir)
	if !empty || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	raw := make([]byte, commitmentKeySize)
	_, _ = rand.Read(raw) // never fails
	if err := install(fsys, dir, commitmentName, []byte(hex.EncodeToString(raw)+"\n")); err != nil {
		return secret.String{}, unavailable("cannot write the commitment key", join(dir, commitmentName), err)
	}
	return secret.New(string(raw)), nil
}

func readCommitmentKey(fsys FS, dir string) (secret.String, error) {
	path := join(dir, commitmentName)
	data, err := fsys.ReadFile(path, 0, 1<<10)
	if err != nil {
		return secret.String{}, fault.New(fault.Unavailable, "cannot read the commitment key").At(path).
			Fix("restore it from a copy: it alone can show which body a call had").Because(err)
	}
	raw, err := hex.DecodeString(strings.TrimSuffix(string(data), "\n"))
	if err != nil || len(raw) != commitmentKeySize {
		return secret.String{}, fault.New(fault.Invalid, "not a commitment key").At(path).Fix("restore the file from a copy")
	}
	return secret.New(string(raw)), nil
}
