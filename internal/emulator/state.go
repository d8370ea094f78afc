package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// loadSigningKey reads the issuer's RSA key, or makes it once: 2,048 bits are
// what Entra signs with, and finding the primes is too slow for every start.
func loadSigningKey(dir string) (*rsa.PrivateKey, error) {
	path := filepath.Join(dir, "issuer.key")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		return key, pki.WriteKey(path, key)
	}
	if err != nil {
		return nil, err
	}
	broken := fault.New(fault.Invalid, "not an RSA private key in PKCS #8 PEM").At(path).
		Fix("delete the file: a new key is made at the next start, and old tokens end")
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, broken
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, broken
	}
	return key, nil
}

// loadSecret resolves a reference; without one it reads the named file of the
// state directory, or makes it once with 256 random bits.
func loadSecret(ref secret.Ref, dir, name string) (secret.String, error) {
	if !ref.IsZero() {
		return ref.Resolve()
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := pki.WriteFile(path, []byte(randomHex(32)+"\n"), 0o600); err != nil {
			return secret.String{}, err
		}
	}
	var own secret.Ref
	if err := own.UnmarshalText([]byte("file:" + path)); err != nil {
		return secret.String{}, err
	}
	return own.Resolve()
}

// randomHex is 2n hexadecimal digits; crypto/rand never fails, as it says.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// randomName is n letters and digits, as in the ids of answers; the two marks
// of base64url become letters, which costs nothing that matters in an id.
func randomName(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	name := []byte(base64.RawURLEncoding.EncodeToString(b)[:n])
	for i, c := range name {
		if c == '-' || c == '_' {
			name[i] = 'x'
		}
	}
	return string(name)
}

// randomGUID is a version 4 UUID (RFC 9562 section 5.4).
func randomGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return formatGUID(b, 4)
}

// derivedGUID is a version 8 UUID made of a hash, the same at every start.
func derivedGUID(purpose, of string) string {
	sum := sha256.Sum256([]byte(purpose + "\x00" + of))
	return formatGUID([16]byte(sum[:16]), 8)
}

func formatGUID(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
