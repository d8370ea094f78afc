package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Lifetimes of what a CA signs. A certificate starts a quarter of an hour
// early, so that a peer whose clock runs ten minutes behind accepts it at once.
const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 397 * 24 * time.Hour // the longest that browsers accept of a server
	backdate = 15 * time.Minute
)

// CA signs certificates with one ECDSA P-256 key. It serves as a project's
// root and as the emulator's public authority; it has no intermediate.
type CA struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// LoadOrCreateCA reads ca.pem and ca.key from dir, or makes both (the key with
// mode 0600) for a CA called name. Half a pair is an error: making a new one
// would silently disown every certificate that the old one signed.
//
// Where projects are given, the CA can only name members of those (URI name
// constraints, RFC 5280 section 4.2.1.10), so that trusting a partner's root
// never lets the partner speak for us.
func LoadOrCreateCA(dir, name string, projects ...string) (*CA, error) {
	certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	_, certErr := os.Stat(certFile)
	_, keyErr := os.Stat(keyFile)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		return createCA(dir, name, projects)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the certificate authority").At(dir).
			Fix("restore ca.pem and ca.key together, or empty the directory to start a new authority").Because(err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, fault.New(fault.Invalid, "ca.pem is not a certificate authority").At(dir)
	}
	return &CA{pair.Leaf, signer}, nil
}

func createCA(dir, name string, projects []string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          NewSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,

		PermittedURIDomains:         projects,
		PermittedDNSDomainsCritical: len(projects) > 0, // Go's name for the whole extension
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := WriteKey(filepath.Join(dir, "ca.key"), key); err != nil {
		return nil, err
	}
	ca := &CA{cert, key}
	return ca, WriteFile(filepath.Join(dir, "ca.pem"), ca.PEM(), 0o644)
}

// Certificate is the CA's own certificate.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// PEM is the CA's certificate as clients' trust files want it.
func (ca *CA) PEM() []byte { return CertificatePEM(ca.cert.Raw) }

// Signer is the key itself, for what is signed but is no certificate.
func (ca *CA) Signer() crypto.Signer { return ca.key }

// ServerCertificate makes a key and a certificate for hosts (names and IP
// addresses) that lasts 397 days.
func (ca *CA) ServerCertificate(hosts ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.Add(leafLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if len(hosts) > 0 {
		template.Subject.CommonName = hosts[0]
	}
	der, err := ca.issue(template, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// issue fills in what every leaf has and signs it.
func (ca *CA) issue(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	if template.SerialNumber == nil {
		template.SerialNumber = NewSerial()
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	return x509.CreateCertificate(rand.Reader, template, ca.cert, public, ca.key)
}

// NewSerial is 127 random bits: RFC 5280 section 4.1.2.2 wants a positive
// number of at most 20 octets, the CA/Browser Forum 64 random bits or more.
func NewSerial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails, crypto/rand says
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// CertificatePEM wraps a DER certificate.
func CertificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
