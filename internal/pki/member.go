package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// MaxAttributes bounds the attributes of one member.
const MaxAttributes = 32

// IssueMember signs a certificate for a member's public key. Its one URI name
// is the SPIFFE id (X509-SVID section 2); its attributes stand as k=v in the
// subject's organizational units, where any tool shows them. A nil serial lets
// the CA choose one; life counts from now.
func (ca *CA) IssueMember(serial *big.Int, id ID, attributes map[string]string, public crypto.PublicKey, now time.Time, life time.Duration) ([]byte, error) {
	units := make([]string, 0, len(attributes))
	for k, v := range attributes {
		units = append(units, k+"="+v)
	}
	slices.Sort(units)
	return ca.issue(&x509.Certificate{
		SerialNumber: serial,

		Subject:     pkix.Name{CommonName: id.Member, OrganizationalUnit: units},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.Add(life),
		URIs:        []*url.URL{id.URL()},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, public)
}

// MemberOf reads the name and the attributes of a certificate whose chain has
// already been verified. Anything but exactly one well-formed SPIFFE id is
// refused.
func MemberOf(cert *x509.Certificate) (ID, map[string]string, error) {
	if len(cert.URIs) != 1 {
		return ID{}, nil, fault.New(fault.Denied, "the certificate does not carry exactly one SPIFFE id")
	}
	id, err := ParseID(cert.URIs[0].String())
	if err != nil {
		return ID{}, nil, err
	}
	attributes := make(map[string]string, len(cert.Subject.OrganizationalUnit))
	for _, unit := range cert.Subject.OrganizationalUnit {
		k, v, err := ParseAttribute(unit)
		if err != nil {
			return ID{}, nil, err
		}
		attributes[k] = v
	}
	return id, attributes, nil
}

// SignedAt is when the authority signed a member's certificate, by its clock.
func SignedAt(cert *x509.Certificate) time.Time { return cert.NotBefore.Add(backdate) }

// ParseAttribute splits k=v. A key is a label; a value is 1 to 64 bytes of
// printable ASCII, the bound of X.520's organizational unit.
func ParseAttribute(s string) (key, value string, err error) {
	key, value, ok := strings.Cut(s, "=")
	printable := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
	if !ok || !ValidLabel(key) || value == "" || len(s) > 64 || !printable {
		return "", "", fault.New(fault.Invalid, "not an attribute: "+quote(s)).
			Fix("write key=value, 64 printable ASCII characters at most")
	}
	return key, value, nil
}

// Request is a certificate request (PKCS #10) that proves possession of key
// and asks for nothing: the authority alone decides names and attributes.
func Request(key *ecdsa.PrivateKey) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
}

// ParseRequest checks a request's self-signature and that its key is P-256,
// and returns the public key with its fingerprint.
func ParseRequest(der []byte) (crypto.PublicKey, [32]byte, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, [32]byte{}, fault.New(fault.Invalid, "not a valid certificate request").Because(err)
	}
	public, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || public.Params().BitSize != 256 {
		return nil, [32]byte{}, fault.New(fault.Invalid, "the key is not ECDSA P-256")
	}
	return public, sha256.Sum256(csr.RawSubjectPublicKeyInfo), nil
}

// Fingerprint is the SHA-256 of a certificate's public key (its
// SubjectPublicKeyInfo): the pin that a ticket carries of its authority.
func Fingerprint(cert *x509.Certificate) [32]byte {
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo)
}

// ServerIdentity makes a key and a certificate for a server that members know
// by its SPIFFE id, and puts the CA's own certificate behind it.
func (ca *CA) ServerIdentity(id ID) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := ca.IssueMember(nil, id, nil, key.Public(), time.Now(), leafLife)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: key, Leaf: leaf}, err
}
