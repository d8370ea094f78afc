package chat

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// provider is the login service: OpenID Connect Core 1.0, the code flow with
// PKCE (RFC 7636), as a confidential client. ID tokens are checked by the same
// code that checks tokens at the gateway.
type provider struct {
	s         SignIn
	secret    secret.String
	host      azcore.TokenCredential // in place of the secret; nil without
	self      string                 // our own URL
	client    *http.Client
	tokens    *identity.Identifier
	discovery string
	names     []string // what the issuer may call itself
	now       func() time.Time

	mu   sync.Mutex
	doc  *metadata
	read time.Time
}

// metadata is what we need of OpenID Connect Discovery 1.0 and of RP-Initiated
// Logout 1.0.
type metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	EndSession    string `json:"end_session_endpoint"`
}

const (
	metadataAge  = time.Hour
	maxMetadata  = 1 << 20
	callbackPath = "/signin/callback"
	signedOut    = "/signed-out"
)

// errExpired: the login service wants to see the person again.
var errExpired = fault.New(fault.Unauthenticated, "the sign-in has ended")

func newProvider(s SignIn, self string, now func() time.Time) (*provider, error) {
	var key secret.String
	host, err := s.hostIdentity()
	if err != nil {
		return nil, err
	}
	if host == nil {
		if key, err = s.ClientSecret.Resolve(); err != nil {
			return nil, fault.New(fault.Invalid, "the client secret is not known").At("chat.sign_in.client_secret").Because(err)
		}
	}
	roots, err := pki.ReadPool(s.CA)
	if err != nil {
		return nil, err
	}
	p := &provider{s: s, secret: key, host: host, self: self, client: identity.LoginClient(roots), now: now}
	from, err := p.issuer()
	if err != nil {
		return nil, err
	}
	p.names, p.discovery = from.Names, from.Discovery
	p.tokens, err = identity.New(identity.Config{Issuers: []identity.Issuer{from}, Now: now})
	return p, err
}

func (p *provider) issuer() (identity.Issuer, error) {
	if p.s.Tenant != "" {
		entra := identity.Entra{Tenant: p.s.Tenant, Authority: p.s.Authority, Audiences: []string{p.s.ClientID}}
		return entra.Issuer(p.client)
	}
	other := identity.OIDC{Issuer: p.s.Issuer, Audiences: []string{p.s.ClientID}}
	return other.Trusted(p.client)
}

// scopes are what a person agrees to.
func (p *provider) scopes() []string {
	scope := p.s.Scope
	if scope == "" {
		scope = defaultScope
	}
	if p.s.OnBehalfOf != "" {
		scope = p.s.OnBehalfOf
	}
	return append([]string{"openid", "profile", "offline_access"}, strings.Fields(scope)...)
}

// metadata reads the discovery document, at most once an hour.
func (p *provider) metadata(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doc != nil && p.now().Sub(p.read) < metadataAge {
		return p.doc, nil
	}
	doc, err := p.fetch(ctx)
	if err != nil {
		if p.doc != nil {
			return p.doc, nil // an old one is better than none
		}
		return nil, fault.New(fault.Unavailable, "the login service cannot be reached").At(p.discovery).Because(err)
	}
	p.doc, p.read = doc, p.now()
	return doc, nil
}

func (p *provider) fetch(ctx context.Context) (*metadata, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.discovery, nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var doc metadata
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxMetadata)).Decode(&doc); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || !slices.Contains(p.names, doc.Issuer) {
		return nil, errors.New("it does not describe the issuer that is configured")
	}
	for _, endpoint := range []string{doc.Authorization, doc.Token} {
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "https" {
			return nil, errors.New("an endpoint is not https")
		}
	}
	doc.Authorization, doc.EndSession = p.forBrowsers(doc.Authorization), p.forBrowsers(doc.EndSession)
	return &doc, nil
}

// forBrowsers is an endpoint's address as browsers reach it.
func (p *provider) forBrowsers(endpoint string) string {
	u, err := url.Parse(endpoint)
	seen, err2 := url.Parse(p.s.BrowserURL)
	if err != nil || err2 != nil || p.s.BrowserURL == "" || endpoint == "" {
		return endpoint
	}
	u.Scheme, u.Host = seen.Scheme, seen.Host
	return u.String()
}

func (p *provider) oauth(doc *metadata) *oauth2.Config {
	style := oauth2.AuthStyleInParams
	if p.s.Issuer != "" {
		style = oauth2.AuthStyleAutoDetect
	}
	return &oauth2.Config{
		ClientID: p.s.ClientID, ClientSecret: p.secret.Reveal(), RedirectURL: p.self + callbackPath, Scopes: p.scopes(),
		Endpoint: oauth2.Endpoint{AuthURL: doc.Authorization, TokenURL: doc.Token, AuthStyle: style},
	}
}

// away is where a browser is sent to sign in.
func (p *provider) away(ctx context.Context, a attempt, choose bool) (string, error) {
	doc, err := p.metadata(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier), oauth2.SetAuthURLParam("nonce", a.Nonce)}
	if choose {
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	return p.oauth(doc).AuthCodeURL(a.State, options...), nil
}

// end is where a browser is sent to end its session at the login service too;
// our own page where that has no such place.
func (p *provider) end(ctx context.Context) string {
	doc, err := p.metadata(ctx)
	if err != nil || doc.EndSession == "" {
		return signedOut
	}
	u, err := url.Parse(doc.EndSession)
	if err != nil {
		return signedOut
	}
	q := u.Query()
	q.Set("client_id", p.s.ClientID)
	q.Set("post_logout_redirect_uri", p.self+signedOut)
	u.RawQuery = q.Encode()
	return u.String()
}

// origin is whose pages a form may lead to: sign-out is one, and browsers hold
// redirects to form-action too.
func (p *provider) origin() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doc == nil {
		return ""
	}
	u, err := url.Parse(p.doc.EndSession)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// exchange redeems a code: who signed in, and their tokens.
func (p *provider) exchange(ctx context.Context, code string, a attempt) (identity.Principal, *oauth2.Token, error) {
	doc, err := p.metadata(ctx)
	if err != nil {
		return identity.Principal{}, nil, err
	}
	options, err := p.options(ctx)
	if err != nil {
		return identity.Principal{}, nil, err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.client)
	token, err := p.oauth(doc).Exchange(ctx, code, append(options, oauth2.VerifierOption(a.Verifier))...)
	if err != nil {
		return identity.Principal{}, nil, refusedLogin(err)
	}
	id, _ := token.Extra("id_token").(string)
	who, err := p.tokens.Token(ctx, id)
	if err != nil {
		return who, nil, err
	}
	if claim(id, "nonce") != a.Nonce { // OpenID Connect Core 1.0, section 3.1.3.7, step 11
		return who, nil, fault.New(fault.Unauthenticated, "the token answers another sign-in")
	}
	return who, token, nil
}

// claim reads a text of a token that was verified before.
func claim(token, name string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims map[string]any
	if json.Unmarshal(raw, &claims) != nil {
		return ""
	}
	text, _ := claims[name].(string)
	return text
}

// refusedLogin keeps the code of an OAuth error (RFC 6749 section 5.2) and
// drops the body, which may quote what was sent.
func refusedLogin(err error) error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return fault.New(fault.Unavailable, "the login service cannot be reached").Because(err)
	}
	a := granted{Error: refused.ErrorCode}
	_ = json.Unmarshal(refused.Body, &a) // for Entra's numbers
	return refusedGrant(a)
}

// refusedGrant is what an error of the token endpoint means here.
func refusedGrant(a granted) error {
	switch a.Error {
	case "invalid_grant", "interaction_required", "login_required", "consent_required":
		return errExpired.Because(errors.New(a.code()))
	}
	return fault.New(fault.Upstream, "the login service refuses").Because(errors.New(a.code()))
}
