package cloud

import (
	"crypto/md5" //nolint:gosec // Content-MD5 is Blob Storage's checksum, no protection
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/ostiary/ostiary/internal/fault"
)

// Bounds of what is kept, in bytes. Azure's are larger: a block blob may have
// 190 TiB. A rehearsal that fills its disk helps nobody.
const (
	maxContent  = 4 << 30  // one blob, block or layer
	maxContents = 32 << 30 // all of them
)

var (
	errContentTooLarge = errors.New("content over its bound")
	errContentsFull    = errors.New("all contents together are over their bound")
)

// content is what lies in the store.
type content struct {
	Digest string `json:"digest"` // SHA-256, hexadecimal
	Size   int64  `json:"size"`
	MD5    string `json:"md5"` // base64
}

// contents keeps bytes under their digest. Who refers to them is the services'
// knowledge: sweep takes it at start, and holds counts what is added later.
type contents struct {
	dir  string
	mu   sync.Mutex
	used int64
	held map[string]int
}

func openContents(dir string) (*contents, error) {
	s := &contents{dir: filepath.Join(dir, "contents"), held: map[string]int{}}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the directory of contents").At(s.dir).Because(err)
	}
	return s, nil
}

// sweep removes what nobody refers to: a crash between a content and its index
// leaves some.
func (s *contents) sweep(referred ...[]content) error {
	for _, c := range slices.Concat(referred...) {
		s.hold(c)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot read the directory of contents").At(s.dir).Because(err)
	}
	for _, e := range entries {
		if s.held[e.Name()] == 0 {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
	return nil
}

// hold counts one more reference.
func (s *contents) hold(c content) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[c.Digest]++; s.held[c.Digest] == 1 {
		s.used += c.Size
	}
}

// release drops references, and with the last one the bytes.
func (s *contents) release(all ...content) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range all {
		if s.held[c.Digest]--; s.held[c.Digest] <= 0 {
			delete(s.held, c.Digest)
			s.used -= c.Size
			_ = os.Remove(filepath.Join(s.dir, c.Digest))
		}
	}
}

func (s *contents) open(c content) (*os.File, error) {
	return os.Open(filepath.Join(s.dir, c.Digest))
}

// incoming is a content on its way in. Write fails with errContentTooLarge or
// errContentsFull; Close without commit drops it.
type incoming struct {
	store *contents
	file  *os.File
	sha   hash.Hash
	md5   hash.Hash
	size  int64
}

func (s *contents) create() (*incoming, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "incoming-"+rand.Text()), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &incoming{store: s, file: f, sha: sha256.New(), md5: md5.New()}, nil //nolint:gosec // see the import
}

func (in *incoming) Write(p []byte) (int, error) {
	in.store.mu.Lock()
	full := in.store.used+in.size+int64(len(p)) > maxContents
	in.store.mu.Unlock()
	switch {
	case in.size+int64(len(p)) > maxContent:
		return 0, errContentTooLarge
	case full:
		return 0, errContentsFull
	}
	n, err := in.file.Write(p)
	in.sha.Write(p[:n])
	in.md5.Write(p[:n])
	in.size += int64(n)
	return n, err
}

func (in *incoming) content() content {
	return content{hex.EncodeToString(in.sha.Sum(nil)), in.size, base64.StdEncoding.EncodeToString(in.md5.Sum(nil))}
}

// commit puts the content in its place and holds one reference to it.
func (in *incoming) commit() (content, error) {
	c := in.content()
	name := in.file.Name()
	if err := in.file.Close(); err != nil {
		return c, err
	}
	in.store.hold(c) // before the rename, or a release of the same bytes could come between
	if err := os.Rename(name, filepath.Join(in.store.dir, c.Digest)); err != nil {
		in.store.release(c)
		return c, err
	}
	in.file = nil
	return c, nil
}

// Close drops what was not committed.
func (in *incoming) Close() error {
	if in.file == nil {
		return nil
	}
	name := in.file.Name()
	return errors.Join(in.file.Close(), os.Remove(name))
}

// take reads a whole body into the store.
func (s *contents) take(r io.Reader) (content, error) {
	in, err := s.create()
	if err != nil {
		return content{}, err
	}
	defer func() { _ = in.Close() }()
	if _, err := io.Copy(in, r); err != nil {
		return content{}, err
	}
	return in.commit()
}
