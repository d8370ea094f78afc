package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
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
}

type issuer struct {
	tenant    string
	audiences []string // without trailing slash
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
	}
	for _, from := range cfg.Issuers {
		if len(from.Names) == 0 || len(from.Audiences) == 0 {
			return nil, fault.New(fault.Invalid, "an issuer of tokens without a name or an audience").At(from.Discovery)
		}
		is := &issuer{tenant: from.Tenant, keys: newKeySet(from, cfg)}
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

// claims are those that are read. Entra's version 1 tokens have appid, version
// 2 tokens azp; other OpenID providers have neither oid nor tid.
type claims struct {
	jwt.RegisteredClaims
	Tenant    string   `json:"tid"`
	ObjectID  string   `json:"oid"`
	Name      string   `json:"name"`
	Preferred string   `json:"preferred_username"`
	AppID     string   `json:"appid"`
	Party     string   `json:"azp"`
	Groups    []string `json:"groups"`
	Roles     []string `json:"roles"`
}

// verify checks form, algorithm, signature, times, issuer, tenant and audience.
func (v *verifier) verify(ctx context.Context, token string) (Principal, error) {
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		return v.key(ctx, t.Header, c.Issuer)
	})
	if err != nil {
		return Principal{}, tokenFault(err)
	}
	is := v.issuers[c.Issuer] // key found it
	if is.tenant != anyTenant && c.Tenant != is.tenant {
		return Principal{}, refused("the token is of another tenant")
	}
	if !slices.ContainsFunc(c.Audience, is.accepts) {
		return Principal{}, refused("the token is for another audience").Fix("ask for the scope https://cognitiveservices.azure.com/.default, or list the audience in the configuration")
	}
	p := Principal{
		Issuer: c.Issuer, Tenant: c.Tenant,
		Subject: first(c.ObjectID, c.Subject), App: first(c.AppID, c.Party),
		Groups: c.Groups, Roles: c.Roles,
	}
	p.Name = first(c.Name, c.Preferred, p.App)
	if p.Subject == "" {
		return Principal{}, refused("the token names no subject")
	}
	return p, nil
}

// key finds the public key of a token whose signature is not yet checked.
// Nothing that the token says leads anywhere: iss and kid only choose among
// what is configured and fetched, and jku, jwk, x5u and x5c (RFC 7515 section
// 4.1) are not looked at.
func (v *verifier) key(ctx context.Context, header map[string]any, iss string) (any, error) {
	is, ok := v.issuers[iss]
	if !ok {
		return nil, refused("the token's issuer is not trusted")
	}
	if _, ok := header["crit"]; ok { // RFC 7515 section 4.1.11: we understand no extension
		return nil, refused("the token demands an extension")
	}
	kid, _ := header["kid"].(string)
	if kid == "" || len(kid) > maxKeyID {
		return nil, refused("the token names no key")
	}
	key, err := is.keys.find(ctx, kid)
	if err != nil {
		return nil, err
	}
	alg, _ := header["alg"].(string)
	if !key.fits(alg) {
		return nil, refused("the token's algorithm does not fit its key")
	}
	return key.public, nil
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

func first(candidates ...string) string {
	for _, s := range candidates {
		if s != "" {
			return s
		}
	}
	return ""
}
