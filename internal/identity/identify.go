package identity

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Config makes an Identifier.
type Config struct {
	Issuers     []Issuer         // of tokens; none: no token is accepted
	Keys        []Key            // gateway keys of the configuration; they stay
	KeysFile    string           // file of further gateway keys, which Run keeps watching; empty: none
	TrustDomain string           // SPIFFE trust domain of client certificates; empty: none is accepted
	Refresh     time.Duration    // age at which an issuer's keys are fetched again in the background; 0 means 1 h
	Retry       time.Duration    // least time between two fetches that unknown key ids cause; 0 means 30 s
	Poll        time.Duration    // between two looks at KeysFile; 0 means 2 s
	Logger      *slog.Logger     // of Run; nil means none
	Now         func() time.Time // nil means time.Now
}

const defaultPoll = 2 * time.Second

// Identifier tells who is calling. Its methods may be used from any goroutine.
type Identifier struct {
	tokens *verifier
	domain string
	fixed  []Key // of the configuration
	keys   atomic.Pointer[keyring]
	watch  *keyWatch // nil: no file
	poll   time.Duration
	log    *slog.Logger
	now    func() time.Time
}

// New checks the configuration, and reads KeysFile. It fetches nothing: an
// issuer that is away delays its own callers only.
func New(cfg Config) (*Identifier, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	tokens, err := newVerifier(cfg)
	if err != nil {
		return nil, err
	}
	i := &Identifier{tokens: tokens, domain: cfg.TrustDomain, fixed: cfg.Keys, poll: cfg.Poll, log: logger(cfg.Logger), now: cfg.Now}
	if i.poll == 0 {
		i.poll = defaultPoll
	}
	if err := i.SetKeys(nil); err != nil {
		return nil, err
	}
	if cfg.KeysFile != "" {
		i.watch = &keyWatch{path: cfg.KeysFile}
		if _, err := i.load(); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// KeyNamed gives who the holder of a gateway key is, whatever the key's state;
// false where none has the name.
func (i *Identifier) KeyNamed(name string) (Principal, bool) { return i.keys.Load().named(name) }

// maxCredential bounds what is looked at, in bytes: Entra tokens that carry
// 200 groups stay below 16 KiB.
const maxCredential = 32 << 10

// Identify reads the one credential of a request: a client certificate, or a
// gateway key or a token, in the api-key header or as Authorization: Bearer,
// either in either. An empty credential is none. Two different ones are
// refused, for then one of them is judged and perhaps the other used. Errors
// are faults of kind Unauthenticated, or Unavailable where an issuer's keys
// cannot be had; they quote nothing of the credential.
func (i *Identifier) Identify(r *http.Request) (Principal, error) {
	credential, err := find(r.Header)
	if err != nil {
		return Principal{}, err
	}
	if cert := i.certificate(r); cert != nil {
		if credential != "" {
			return Principal{}, twoCredentials()
		}
		return i.Certificate(cert)
	}
	switch {
	case credential == "":
		return Principal{}, noCredential()
	case strings.HasPrefix(credential, KeyPrefix):
		return i.keys.Load().find(credential, i.now())
	}
	return i.Token(r.Context(), credential)
}

// Token identifies the bearer of an OpenID Connect or Entra token, of 32 KiB at
// most.
func (i *Identifier) Token(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxCredential {
		return Principal{}, refused("the credential is malformed")
	}
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
	credential, err := find(h)
	if err == nil && credential == "" {
		err = noCredential()
	}
	return credential, err
}

func noCredential() error {
	return refused("no credential").Fix("send a token or a gateway key, in api-key or as Authorization: Bearer")
}

func twoCredentials() error {
	return refused("two different credentials").Fix("send one, in api-key or as Authorization: Bearer")
}

// find gives the credential of the headers, empty for none.
func find(h http.Header) (string, error) {
	found := ""
	for _, v := range h["Api-Key"] {
		if !same(&found, v) {
			return "", twoCredentials()
		}
	}
	for _, v := range h["Authorization"] {
		token, ok := bearer(v)
		if !ok {
			return "", refused("the Authorization scheme is not Bearer")
		}
		if !same(&found, token) {
			return "", twoCredentials()
		}
	}
	if len(found) > maxCredential || !isToken68(found) {
		return "", refused("the credential is malformed")
	}
	return found, nil
}

// same takes a credential, and says whether it is the first or the one before.
func same(found *string, credential string) bool {
	credential = strings.Trim(credential, " \t")
	if credential == "" || credential == *found {
		return true
	}
	first := *found == ""
	*found = credential
	return first
}

// bearer parses RFC 6750's header; the scheme's case does not matter (RFC 9110
// section 11.1). An empty header, and a scheme without a token, are empty.
func bearer(header string) (token string, ok bool) {
	header = strings.Trim(header, " \t")
	scheme, token, _ := strings.Cut(header, " ")
	return token, header == "" || strings.EqualFold(scheme, "Bearer")
}

// isToken68 says whether s holds what RFC 9110 section 11.2 lets stand in a
// token68 alone; empty it does. Every request passes here with its whole token,
// so the alphabet is two words of bits.
func isToken68(s string) bool {
	const (
		low  = 1<<'-' | 1<<'.' | 1<<'+' | 1<<'/' | 1<<'=' | (1<<10-1)<<'0'
		high = 1<<('_'-64) | 1<<('~'-64) | (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64)
	)
	words := [4]uint64{low, high}
	for i := range len(s) {
		if words[s[i]>>6]>>(s[i]&63)&1 == 0 {
			return false
		}
	}
	return true
}

func refused(what string) *fault.Error { return fault.New(fault.Unauthenticated, what) }
