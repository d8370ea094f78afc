package identity

import (
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Config makes an Identifier.
type Config struct {
	Issuers []Issuer         // of tokens; none: no token is accepted
	Keys    []Key            // gateway keys; none: no key is accepted
	Refresh time.Duration    // age at which an issuer's keys are fetched again in the background; 0 means 1 h
	Retry   time.Duration    // least time between two fetches that unknown key ids cause; 0 means 30 s
	Now     func() time.Time // nil means time.Now
}

// Identifier tells who is calling.
type Identifier struct {
	tokens *verifier
	keys   keyring
	now    func() time.Time
}

// New checks the configuration. It fetches nothing: an issuer that is away
// delays its own callers only.
func New(cfg Config) (*Identifier, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	tokens, err := newVerifier(cfg)
	if err != nil {
		return nil, err
	}
	keys, err := newKeyring(cfg.Keys)
	return &Identifier{tokens, keys, cfg.Now}, err
}

// maxCredential bounds what is looked at, in bytes: Entra tokens that carry
// 200 groups stay below 16 KiB.
const maxCredential = 32 << 10

// Identify reads the one credential of a request: a gateway key or a token, in
// the api-key header or as Authorization: Bearer, either in either. An empty
// credential is none. Two different ones are refused, for then one of them is
// judged and perhaps the other used. Errors are faults of kind Unauthenticated,
// or Unavailable where an issuer's keys cannot be had; they quote nothing of
// the credential.
func (i *Identifier) Identify(r *http.Request) (Principal, error) {
	credential, err := Credential(r.Header)
	if err != nil {
		return Principal{}, err
	}
	if strings.HasPrefix(credential, KeyPrefix) {
		return i.keys.find(credential, i.now())
	}
	return i.Token(r.Context(), credential)
}

// Token identifies the bearer of an OpenID Connect or Entra token.
func (i *Identifier) Token(ctx context.Context, token string) (Principal, error) {
	return i.tokens.verify(ctx, token)
}

// Member identifies a portal member by the certificate that it showed. The
// caller has verified the chain (pki.MutualTLS); a certificate that has run
// out since the handshake is refused here, and so is any role but inlet.
func (i *Identifier) Member(cert *x509.Certificate) (Principal, error) {
	id, attributes, err := pki.MemberOf(cert)
	if err != nil {
		return Principal{}, refused("the certificate names no member").Because(err)
	}
	if id.Role != pki.Inlet {
		return Principal{}, refused("the member's role is not inlet")
	}
	if i.now().After(cert.NotAfter) {
		return Principal{}, refused("the member's certificate has expired").Fix("the inlet must connect again")
	}
	return Principal{
		Issuer: id.Project, Subject: id.String(), Name: id.Member, Member: id.String(), Attributes: attributes,
	}, nil
}

// Credential gives the one credential of a request's headers.
func Credential(h http.Header) (string, error) {
	found := ""
	add := func(credential string) bool {
		credential = strings.Trim(credential, " \t")
		if credential == "" || credential == found {
			return true
		}
		first := found == ""
		found = credential
		return first
	}
	two := refused("two different credentials").Fix("send one, in api-key or as Authorization: Bearer")
	for _, v := range h.Values("Api-Key") {
		if !add(v) {
			return "", two
		}
	}
	for _, v := range h.Values("Authorization") {
		token, ok := bearer(v)
		if !ok {
			return "", refused("the Authorization scheme is not Bearer")
		}
		if !add(token) {
			return "", two
		}
	}
	switch {
	case found == "":
		return "", refused("no credential").Fix("send a token or a gateway key, in api-key or as Authorization: Bearer")
	case len(found) > maxCredential || strings.ContainsFunc(found, notToken68):
		return "", refused("the credential is malformed")
	}
	return found, nil
}

// bearer parses RFC 6750's header; the scheme's case does not matter (RFC 9110
// section 11.1). An empty header, and a scheme without a token, are empty.
func bearer(header string) (token string, ok bool) {
	header = strings.Trim(header, " \t")
	scheme, token, _ := strings.Cut(header, " ")
	return token, header == "" || strings.EqualFold(scheme, "Bearer")
}

// notToken68 says what RFC 9110 section 11.2 keeps out of a token68.
func notToken68(r rune) bool {
	alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !alnum && !strings.ContainsRune("-._~+/=", r)
}

func refused(what string) *fault.Error { return fault.New(fault.Unauthenticated, what) }
