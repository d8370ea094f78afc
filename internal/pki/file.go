package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/fault"
)

// WriteFile replaces path whole or not at all: a temporary file in the same
// directory, synced, then renamed over it.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where the rename succeeded
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// WriteKey stores a private key as PKCS #8 PEM that only its owner can read.
func WriteKey(path string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// ReadKey loads an ECDSA key that WriteKey stored.
func ReadKey(path string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, badKey(path, nil)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, badKey(path, err)
	}
	return key, nil
}

// badKey never quotes the file: it may hold the key in another form.
func badKey(path string, cause error) error {
	return fault.New(fault.Invalid, "not an ECDSA private key in PKCS #8 PEM").At(path).
		Fix("restore the file, or enroll again with a new ticket").Because(cause)
}

// ParseCertificates reads every certificate of a PEM file, and wants at least
// one.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.Invalid, "a certificate that does not parse").Because(err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fault.New(fault.Invalid, "no certificate in PEM")
	}
	return certs, nil
}

// Pool is a pool of exactly the given roots.
func Pool(roots ...*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range roots {
		pool.AddCert(c)
	}
	return pool
}

// ReadPool reads the certificates of a PEM file: the only authorities that are
// trusted for something. An empty path is nil, which crypto/tls takes for the
// system's. Errors are faults of kind Invalid that name the file.
func ReadPool(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // nil is the system's pool to crypto/tls
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the authority's certificate").At(path).Because(err)
	}
	certs, err := ParseCertificates(data)
	if err != nil {
		return nil, fault.New(fault.Invalid, "no certificate of an authority").At(path).Because(err)
	}
	return Pool(certs...), nil
}
