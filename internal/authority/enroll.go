package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/base32"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
)

// Enroll redeems a ticket's code for the key of a certificate request.
func (a *Authority) Enroll(ctx context.Context, req membership.EnrollRequest) (membership.Membership, error) {
	public, key, err := pki.ParseRequest(req.Request)
	if err != nil {
		return membership.Membership{}, err
	}
	if err := a.store.redeem(ctx, sha256.Sum256([]byte(req.Code)), key, a.now(), a.name); err != nil {
		return membership.Membership{}, err
	}
	return a.issue(ctx, "enroll", key, public)
}

// name is the ticket's own choice, or a random one.
func (a *Authority) name(t ticket) pki.ID {
	name := t.name
	if name == "" {
		b := make([]byte, 5)
		_, _ = rand.Read(b)
		name = string(t.role) + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b))
	}
	return pki.ID{Project: a.cfg.Project, Role: t.role, Member: name}
}

// Renew signs a new certificate for a member that proves its key.
func (a *Authority) Renew(ctx context.Context, req membership.RenewRequest) (membership.Membership, error) {
	public, key, err := pki.ParseRequest(req.Request)
	if err != nil {
		return membership.Membership{}, err
	}
	return a.issue(ctx, "renew", key, public)
}

// Rotate gives a member a new key and revokes the old one, in one transaction.
// Once the new key is the member's, it is merely signed for again: a lost
// answer costs nothing.
func (a *Authority) Rotate(ctx context.Context, req membership.RotateRequest) (membership.Membership, error) {
	public, key, err := pki.ParseRequest(req.Request)
	if err != nil {
		return membership.Membership{}, err
	}
	old, err := provenKey(req)
	if err != nil {
		return membership.Membership{}, err
	}
	switch _, err := memberByKey(ctx, a.store.db, key); {
	case err == nil:
		return a.issue(ctx, "rotate", key, public)
	case !errors.Is(err, errNoMember):
		return membership.Membership{}, a.store.failed(err)
	}
	err = a.publish(ctx, func(ctx context.Context, tx *sql.Tx, now time.Time) (record, error) {
		m, err := changeKey(ctx, tx, old, key)
		if err != nil {
			return record{}, err
		}
		err = addRevocation(ctx, tx, "key", revocation.Key(old), m.ID.String(), now)
		return record{Kind: "revoke", ID: m.ID.String(), Key: old[:], Reason: "rotated"}, err
	}, 0)
	if err != nil {
		return membership.Membership{}, err
	}
	return a.issue(ctx, "rotate", key, public)
}

// provenKey is the fingerprint of the old key, if its owner asks.
func provenKey(req membership.RotateRequest) ([32]byte, error) {
	parsed, err := x509.ParsePKIXPublicKey(req.Old)
	public, ok := parsed.(*ecdsa.PublicKey)
	digest := membership.ProofOfRotation(req.Request)
	if err != nil || !ok || !ecdsa.VerifyASN1(public, digest[:], req.Proof) {
		return [32]byte{}, fault.New(fault.Invalid, "the rotation is not signed by the old key").Because(err)
	}
	return sha256.Sum256(req.Old), nil
}

// record is one entry of the issuance log: a certificate that will be signed,
// or a revocation that will be in force.
type record struct {
	Version    int               `json:"v"`
	Kind       string            `json:"kind"` // found, enroll, renew, rotate or revoke
	Time       time.Time         `json:"time"`
	ID         string            `json:"id,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Key        []byte            `json:"key,omitempty"` // SHA-256 of the public key
	Serial     string            `json:"serial,omitempty"`
	Expires    *time.Time        `json:"expires,omitempty"`
	Epoch      uint64            `json:"epoch,omitempty"` // of the list that a revocation makes
	Reason     string            `json:"reason,omitempty"`
}

// note writes a record of what the transaction does.
func (a *Authority) note(ctx context.Context, tx *sql.Tx, r record) error {
	r.Version = 1
	payload, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.store.note(ctx, tx, payload)
}

// issue signs for the member that has the key. It logs what will be signed
// first: a certificate that is in no log never leaves the authority.
func (a *Authority) issue(ctx context.Context, kind string, key [32]byte, public any) (membership.Membership, error) {
	now := a.now().UTC().Truncate(time.Second)
	expires, serial := now.Add(a.cfg.Life), pki.NewSerial()
	var m Member
	err := a.store.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if m, err = memberByKey(ctx, tx, key); err != nil {
			return err
		}
		if m.Revoked != nil {
			return fault.New(fault.Denied, "this member has been revoked").
				Fix("ask the project's administrator; a new ticket makes a new member")
		}
		err = a.note(ctx, tx, record{
			Kind: kind, Time: now, ID: m.ID.String(), Attributes: m.Attributes, Key: key[:],
			Serial: revocation.Serial(serial), Expires: &expires,
		})
		if err != nil {
			return err
		}
		return addCertificate(ctx, tx, revocation.Serial(serial), m.ID.String(), now, expires)
	})
	if err == nil {
		err = a.store.failed(a.store.settle(ctx))
	}
	if err != nil {
		return membership.Membership{}, err
	}
	der, err := a.ca.IssueMember(serial, m.ID, m.Attributes, public, now, a.cfg.Life)
	if err != nil {
		return membership.Membership{}, err
	}
	a.log.Info("certificate signed", "kind", kind, "member", m.ID.String(), "expires", expires)
	return membership.Membership{ID: m.ID.String(), Certificate: der, Roots: [][]byte{a.ca.Certificate().Raw}}, nil
}
