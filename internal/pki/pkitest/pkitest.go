// Package pkitest makes projects and members for tests.
package pkitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
)

// Credentials are a member's, fixed. They are pki.Credentials.
type Credentials struct {
	Name   pki.ID
	Cert   tls.Certificate
	Trusts *x509.CertPool
	Stands pki.Standing // nil: everybody stands well
}

// ID is the member's name.
func (c Credentials) ID() pki.ID { return c.Name }

// Certificate is the member's certificate.
func (c Credentials) Certificate() (*tls.Certificate, error) { return &c.Cert, nil }

// Roots are whom it trusts.
func (c Credentials) Roots() *x509.CertPool { return c.Trusts }

// Standing is Stands, or one that finds no fault with anybody.
func (c Credentials) Standing() pki.Standing {
	if c.Stands != nil {
		return c.Stands
	}
	return everybody{}
}

type everybody struct{}

func (everybody) Check(*x509.Certificate) error { return nil }

func (everybody) Follow(*x509.Certificate, func(error)) func() { return func() {} }

// Project founds a project.
func Project(tb testing.TB, name string) *pki.CA {
	tb.Helper()
	ca, err := pki.LoadOrCreateCA(tb.TempDir(), name, name)
	if err != nil {
		tb.Fatal(err)
	}
	return ca
}

// Member is a member with the attribute service=openai, certified for an hour.
func Member(tb testing.TB, ca *pki.CA, id pki.ID) Credentials {
	tb.Helper()
	return MemberAt(tb, ca, id, time.Now(), time.Hour)
}

// MemberAt is Member with another time and life.
func MemberAt(tb testing.TB, ca *pki.CA, id pki.ID, from time.Time, life time.Duration) Credentials {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := ca.IssueMember(nil, id, map[string]string{"service": "openai"}, key.Public(), from, life)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return Credentials{
		Name: id, Cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		Trusts: pki.Pool(ca.Certificate()),
	}
}
