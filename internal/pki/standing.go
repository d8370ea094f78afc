package pki

import (
	"crypto/tls"
	"crypto/x509"
)

// Standing says who has lost the project's trust since a certificate was
// signed. internal/revocation keeps the real one; MutualTLS asks at every
// handshake, and whoever holds a connection open follows its peer.
type Standing interface {
	// Check is nil while a certificate, verified before, may still be used.
	Check(cert *x509.Certificate) error
	// Follow calls cut once, in a goroutine of its own, as soon as Check would
	// fail, and at once where it fails now. stop ends that and never blocks.
	Follow(cert *x509.Certificate, cut func(why error)) (stop func())
}

// Follow watches over an established connection with a member: cut is called
// when the peer has lost the project's trust.
func Follow(me Credentials, state tls.ConnectionState, cut func(why error)) (stop func()) {
	if len(state.PeerCertificates) == 0 {
		return func() {} // MutualTLS lets no such peer in
	}
	return me.Standing().Follow(state.PeerCertificates[0], cut)
}
