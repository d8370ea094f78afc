package membership

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// nextKeyFile holds the key that a rotation is about to bring into use.
const nextKeyFile = "member.key.next"

// Rotate gives the member a new key and has the authority revoke the old one,
// with every certificate that was signed for it. The new key is stored before
// anything is sent: when the answer is lost, Rotate again brings it to an end.
// A node that runs on the directory takes the new key up by itself; what it
// carried under the old one is cut.
func (m *Member) Rotate(ctx context.Context) error {
	old := m.state.Load().key
	next, err := loadOrMakeKey(filepath.Join(m.dir, nextKeyFile))
	if err != nil {
		return err
	}
	request, err := rotation(old, next)
	if err != nil {
		return err
	}
	var answer Membership
	err = post(ctx, client(m.pin, m.origin.Project, nil), m.origin.Authority, RotatePath, request, &answer)
	if err != nil {
		return err
	}
	if answer.ID != m.id.String() {
		return fault.New(fault.Upstream, "the authority answered for another member")
	}
	if err := m.keep(answer, next); err != nil {
		return err
	}
	return m.reload()
}

// rotation asks for the new key in the old key's name.
func rotation(old, next *ecdsa.PrivateKey) (RotateRequest, error) {
	public, err := x509.MarshalPKIXPublicKey(old.Public())
	if err != nil {
		return RotateRequest{}, err
	}
	request, err := pki.Request(next)
	if err != nil {
		return RotateRequest{}, err
	}
	digest := ProofOfRotation(request)
	proof, err := ecdsa.SignASN1(rand.Reader, old, digest[:])
	return RotateRequest{Old: public, Request: request, Proof: proof}, err
}

// settleRotation takes the next key into use once the certificate is for it:
// the certificate is written first, so that a crash between leaves both.
func settleRotation(dir string) error {
	nextPath := filepath.Join(dir, nextKeyFile)
	next, err := pki.ReadKey(nextPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	certs, err := readCertificates(filepath.Join(dir, certFile))
	if err != nil {
		return err
	}
	if public, ok := certs[0].PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(next.Public()) {
		return nil // not signed yet
	}
	err = os.Rename(nextPath, filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the running node and the command both look: one was first
	}
	return err
}
