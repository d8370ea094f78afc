package pki

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Credentials are who we are in a project and whose signatures we accept.
// Certificate is asked at every handshake, so that a renewed one is used at
// once, and so is Standing, so that a revoked peer is refused at once.
type Credentials interface {
	ID() ID
	Certificate() (*tls.Certificate, error)
	Roots() *x509.CertPool
	Standing() Standing
}

// Check judges a peer by the name and the attributes of its certificate, after
// its chain was verified. A nil error admits it.
type Check func(peer ID, attributes map[string]string) error

// Exactly admits the one member id.
func Exactly(want ID) Check {
	return func(peer ID, _ map[string]string) error {
		if peer != want {
			return fault.New(fault.Denied, "the peer is "+peer.String()+", not "+want.String())
		}
		return nil
	}
}

// InRole admits members of our own project in one of the given roles.
func InRole(project string, roles ...Role) Check {
	return func(peer ID, _ map[string]string) error {
		for _, r := range roles {
			if peer.Project == project && peer.Role == r {
				return nil
			}
		}
		return fault.New(fault.Denied, "the peer "+peer.String()+" may not take this part in project "+project)
	}
}

// MutualTLS is a TLS 1.3 configuration for either end of a connection between
// two members: both show a certificate, and check decides, on every handshake.
// It verifies in VerifyConnection because SPIFFE ids are no host names, and
// because VerifyPeerCertificate would be skipped on resumption; resumption is
// off besides. Dynamic record sizing is off: frames are made to fill records.
func MutualTLS(me Credentials, check Check, protocol string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{protocol},
		ClientAuth: tls.RequireAnyClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return me.Certificate()
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return me.Certificate()
		},
		InsecureSkipVerify: true, //nolint:gosec // replaced, not skipped: see VerifyConnection
		VerifyConnection: func(state tls.ConnectionState) error {
			peer, attributes, err := VerifyPeer(state, me.Roots(), time.Now())
			if err != nil {
				return err
			}
			if state.NegotiatedProtocol != protocol {
				return fault.New(fault.Invalid, "the peer does not speak "+protocol)
			}
			if err := check(peer, attributes); err != nil {
				return err
			}
			return me.Standing().Check(state.PeerCertificates[0])
		},
		ServerName:                  "member.ostiary.invalid", // constant: tells an observer nothing
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}
}

// VerifyPeer verifies the peer's chain up to roots and returns who it is.
func VerifyPeer(state tls.ConnectionState, roots *x509.CertPool, now time.Time) (ID, map[string]string, error) {
	if len(state.PeerCertificates) == 0 {
		return ID{}, nil, fault.New(fault.Unauthenticated, "the peer shows no certificate")
	}
	leaf, intermediates := state.PeerCertificates[0], state.PeerCertificates[1:]
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: Pool(intermediates...),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // the role in the name is stricter
	})
	if err != nil {
		return ID{}, nil, fault.New(fault.Unauthenticated, "the peer's certificate is not from this project's authority, or not valid now").
			Fix("check the clock, and that both ends enrolled in the same project").Because(err)
	}
	return MemberOf(leaf)
}
