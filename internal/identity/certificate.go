package identity

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// CertificateIssuer is the issuer of principals that showed a client
// certificate.
const CertificateIssuer = "certificate"

// Certificates are the client certificates that are accepted: X.509-SVIDs of
// one SPIFFE trust domain.
type Certificates struct {
	CA          string `yaml:"ca" config:"required" doc:"PEM file with the trust domain's bundle"`
	TrustDomain string `yaml:"trust_domain" config:"required" doc:"such as corp.example; certificates of others are refused"`
}

// Check reports a malformed trust domain.
func (c *Certificates) Check(report func(path, what, fix string)) {
	if c.TrustDomain != "" && !isTrustDomain(c.TrustDomain) {
		report("trust_domain", "not a SPIFFE trust domain", "write its name alone, in lower case, as corp.example")
	}
}

// Accept makes a server ask for client certificates, and verify those that it
// is shown against the bundle. A client without one may still show a token or
// a key.
func (c *Certificates) Accept(server *tls.Config) error {
	if err := firstProblem("certificates", c.Check); err != nil {
		return err
	}
	data, err := os.ReadFile(c.CA)
	if err != nil {
		return fault.New(fault.Invalid, "the bundle of client certificates cannot be read").At(c.CA).Because(err)
	}
	roots, err := pki.ParseCertificates(data)
	if err != nil {
		return fault.New(fault.Invalid, "the bundle of client certificates holds none").At(c.CA).Because(err)
	}
	server.ClientCAs = pki.Pool(roots...)
	server.ClientAuth = tls.VerifyClientCertIfGiven
	return nil
}

// certificate is the one that a request's connection has shown and that the
// server has verified; nil if there is none, or if none is accepted here.
func (i *Identifier) certificate(r *http.Request) *x509.Certificate {
	if i.domain == "" || r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

// Certificate identifies the holder of a client certificate whose chain the
// server has verified. It must be a leaf that carries one SPIFFE id of the
// configured trust domain (X509-SVID sections 2 and 5.2), and must not have run
// out since the handshake.
func (i *Identifier) Certificate(cert *x509.Certificate) (Principal, error) {
	if len(cert.URIs) != 1 || cert.IsCA {
		return Principal{}, refused("the client certificate does not carry exactly one SPIFFE id")
	}
	id := cert.URIs[0].String()
	domain, path, ok := parseSPIFFE(id)
	switch {
	case !ok:
		return Principal{}, refused("the client certificate does not carry exactly one SPIFFE id")
	case i.domain == "" || domain != i.domain:
		return Principal{}, refused("the client certificate is of another trust domain")
	case i.now().After(cert.NotAfter):
		return Principal{}, refused("the client certificate has expired").Fix("connect again with a new one")
	}
	return Principal{Issuer: CertificateIssuer, Subject: id, Name: path[strings.LastIndexByte(path, '/')+1:]}, nil
}

const maxSPIFFE = 2048 // bytes, SPIFFE-ID section 2.3

// parseSPIFFE splits an id into its trust domain and its path, which must be
// there: a trust domain's own name is no workload's (SPIFFE-ID section 2).
func parseSPIFFE(id string) (domain, path string, ok bool) {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	domain, path, slash := strings.Cut(rest, "/")
	if !ok || !slash || len(id) > maxSPIFFE || !isTrustDomain(domain) {
		return "", "", false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, notSegment) {
			return "", "", false
		}
	}
	return domain, path, true
}

func notSegment(r rune) bool {
	return notDomain(r) && (r < 'A' || r > 'Z')
}

func isTrustDomain(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, notDomain)
}

func notDomain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}
