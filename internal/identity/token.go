package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	leeway    = time.Minute // for clocks that differ
	maxKeyID  = 256         // bytes
	anyTenant = ""
)

// verifier checks tokens of the configured issuers.
type verifier struct {
	parser  *jwt.Parser
	issuers map[string]*issuer // by the exact text of iss
	now     func() time.Time
	known   cache
}

type issuer struct {
	tenant    string
	audiences []string // without trailing slash
	claims    Claims
	keys      *keySet
}

func newVerifier(cfg Config) (*verifier, error) {
	v := &verifier{
		// No symmetric method and no "none": a public key can then never be
		// taken for a shared secret.
		parser: jwt.NewParser(jwt.WithValidMethods([]string{"RS256", "PS256", "ES256"}),
			jwt.WithLeeway(leeway), jwt.WithTimeFunc(cfg.Now), jwt.WithIssuedAt(),
			jwt.WithExpirationRequired(), jwt.WithStrictDecoding()),
		issuers: map[string]*issuer{},
		now:     cfg.Now,
	}
	for _, from := range cfg.Issuers {
		if len(from.Names) == 0 || len(from.Audiences) == 0 || (from.Discovery == "") == (from.Keys == "") {
			return nil, fault.New(fault.Invalid, "an issuer of tokens without a name, an audience, or one place for its keys").At(from.Discovery)
		}
		is := &issuer{tenant: from.Tenant, claims: from.Claims, keys: newKeySet(from, cfg)}
		for _, a := range from.Audiences {
			is.audiences = append(is.audiences, strings.TrimSuffix(a, "/"))
		}
		for _, name := range from.Names {
			if _, ok := v.issuers[name]; ok {
				return nil, fault.New(fault.Invalid, "an issuer of tokens is configured twice").At(name).Fix("remove one of the two")
			}
			v.issuers[name] = is
		}
	}
	return v, nil
}

// verify checks form, algorithm, signature, times, issuer, tenant and audience.
// A token that was verified before, byte for byte, is not verified again while
// its issuer has the key that signed it; its times are looked at each time.
func (v *verifier) verify(ctx context.Context, token string) (Principal, error) {
	var room [usualToken]byte
	sum := sha256.Sum256(append(room[:0], token...))
	if known, ok := v.known.get(sum); ok && known.signer.holds() {
		return known.who, known.timely(v.now())
	}
	known, err := v.check(ctx, token)
	if err != nil {
		return Principal{}, tokenFault(err)
	}
	v.known.put(sum, known, len(token))
	return known.who, nil
}

// usualToken is the size in bytes up to which a token is hashed where it lies
// on the stack.
const usualToken = 2 << 10

// check does the work that verify saves.
func (v *verifier) check(ctx context.Context, token string) (*verified, error) {
	if err := checkHeader(token); err != nil {
		return nil, err
	}
	var c claims
	var by signer
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (_ any, err error) {
		by, err = v.signer(ctx, t.Header, c.Issuer)
		return by.key.public, err
	})
	if err != nil {
		return nil, err
	}
	who, err := v.issuers[c.Issuer].principal(&c)
	if err != nil {
		return nil, err
	}
	known := &verified{who: who, signer: by, until: c.ExpiresAt.Add(leeway)}
	for _, t := range []*jwt.NumericDate{c.NotBefore, c.IssuedAt} {
		if t != nil && t.After(known.from) {
			known.from = t.Add(-leeway)
		}
	}
	return known, nil
}

// checkHeader is strict where the parser is not: a name that stands twice, an
// extension that must be understood (RFC 7515 section 4.1.11), and a kind of
// token that is not for access (RFC 8725 section 3.11).
func checkHeader(token string) error {
	segment, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return jwt.ErrTokenMalformed
	}
	header, err := object(raw)
	if err != nil {
		return jwt.ErrTokenMalformed
	}
	if _, ok := header["crit"]; ok {
		return refused("the token demands an extension")
	}
	switch typ := strings.ToLower(string(header["typ"])); typ {
	case "", `"jwt"`, `"at+jwt"`, `"application/at+jwt"`: // RFC 9068 section 2.1
		return nil
	}
	return refused("the token is not an access token")
}

// principal is whom a token of the issuer names, if it is for us.
func (is *issuer) principal(c *claims) (Principal, error) {
	p := Principal{
		Issuer: c.Issuer, Subject: c.text(is.claims.Subject), App: c.text(is.claims.App),
		Groups: c.list(is.claims.Groups), Roles: c.list(is.claims.Roles),
	}
	if is.tenant != anyTenant {
		if p.Tenant = is.tenant; c.text([]string{"tid"}) != is.tenant {
			return p, refused("the token is of another tenant")
		}
	}
	if !slices.ContainsFunc(c.Audience, is.accepts) {
		return p, refused("the token is for another audience").Fix("ask for the scope https://cognitiveservices.azure.com/.default, or list the audience in the configuration")
	}
	if p.Name = c.text(is.claims.Name); p.Name == "" {
		p.Name = p.App
	}
	if p.Subject == "" {
		return p, refused("the token names no subject")
	}
	return p, nil
}

// signer is the key that signed a token, and where it stands.
type signer struct {
	set *keySet
	kid string
	key publicKey
}

// holds says whether the issuer has the key still; it also sees to it that old
// keys are fetched again.
func (s signer) holds() bool {
	key, ok, _ := s.set.lookup(s.kid)
	return ok && key.equal(s.key)
}

// signer finds the public key of a token whose signature is not yet checked.
// Nothing that the token says leads anywhere: iss and kid only choose among
// what is configured and fetched, and jku, jwk, x5u and x5c (RFC 7515 section
// 4.1) are not looked at.
func (v *verifier) signer(ctx context.Context, header map[string]any, iss string) (signer, error) {
	is, ok := v.issuers[iss]
	if !ok {
		return signer{}, refused("the token's issuer is not trusted")
	}
	kid, _ := header["kid"].(string)
	if kid == "" || len(kid) > maxKeyID {
		return signer{}, refused("the token names no key")
	}
	key, err := is.keys.find(ctx, kid)
	if err != nil {
		return signer{}, err
	}
	alg, _ := header["alg"].(string)
	if !key.fits(alg) {
		return signer{}, refused("the token's algorithm does not fit its key")
	}
	return signer{is.keys, kid, key}, nil
}

// fits says whether the key may check signatures of alg.
func (k publicKey) fits(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch k.public.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" || alg == "PS256"
	case *ecdsa.PublicKey:
		return alg == "ES256"
	}
	return false
}

// accepts compares with and without the trailing slash: Entra's version 1
// tokens carry whichever form the client asked with.
func (is *issuer) accepts(audience string) bool {
	return slices.Contains(is.audiences, strings.TrimSuffix(audience, "/"))
}

// tokenFault gives the reason without what the token holds.
func tokenFault(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return refused("the token has expired").Fix("get a new one")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return refused("the token is not valid yet").Fix("check the clocks")
	case errors.Is(err, jwt.ErrTokenInvalidClaims):
		return refused("the token lacks a claim")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return refused("the token's signature or algorithm is not acceptable")
	}
	return refused("the credential is neither a token nor a gateway key")
}
