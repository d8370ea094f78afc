package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/login"
)

// exchangeScope is what a managed identity asks for, so that its token may
// stand for an application's secret ("Configure an application to trust a
// managed identity" of the Entra documentation).
const exchangeScope = "api://AzureADTokenExchange/.default"

const identityTime = 30 * time.Second // for a token of the host's identity

// hostIdentity is nil where a secret is configured instead.
func (s SignIn) hostIdentity() (azcore.TokenCredential, error) {
	if s.ManagedIdentity == nil {
		return nil, nil //nolint:nilnil // none is configured, and that is no error
	}
	// One retry: a person waits, and can try again.
	client := azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: 500 * time.Millisecond}}
	host, err := login.Login{ManagedIdentity: s.ManagedIdentity}.Credential(client)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the host's identity cannot be used").At("chat.sign_in.managed_identity").Because(err)
	}
	return host, nil
}

// proof shows the login service that we are the application: by its secret, or
// by a token of the identity that it trusts (RFC 7523 section 2.2).
func (p *provider) proof(ctx context.Context) (url.Values, error) {
	if p.host == nil {
		return url.Values{"client_secret": {p.secret.Reveal()}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, identityTime)
	defer cancel()
	token, err := p.host.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{exchangeScope}})
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the host gives no token of its identity").At("chat.sign_in.managed_identity").
			Fix("see that the identity is assigned to this host, and that client_id is its own").Because(err)
	}
	return url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token.Token},
	}, nil
}

// options are a proof for golang.org/x/oauth2, which knows secrets by itself.
func (p *provider) options(ctx context.Context) ([]oauth2.AuthCodeOption, error) {
	if p.host == nil {
		return nil, nil
	}
	proof, err := p.proof(ctx)
	if err != nil {
		return nil, err
	}
	var all []oauth2.AuthCodeOption
	for name := range proof {
		all = append(all, oauth2.SetAuthURLParam(name, proof.Get(name)))
	}
	return all, nil
}

// refresh redeems a refresh token (RFC 6749 section 6).
func (p *provider) refresh(ctx context.Context, doc *metadata, token string) (*oauth2.Token, error) {
	if p.host == nil {
		ctx = context.WithValue(ctx, oauth2.HTTPClient, p.client)
		fresh, err := p.oauth(doc).TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
		if err != nil {
			return nil, refusedLogin(err)
		}
		return fresh, nil
	}
	a, err := p.ask(ctx, doc, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: a.Token, RefreshToken: cmp.Or(a.Refresh, token), Expiry: p.now().Add(a.life())}, nil
}

// granted is an answer of the token endpoint.
type granted struct {
	Token   string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int64  `json:"expires_in"`
	Error   string `json:"error"`
	Codes   []int  `json:"error_codes"` // Entra's
}

// life is at most a day, whatever is said.
func (g granted) life() time.Duration {
	return time.Duration(min(max(g.Expires, 0), 86400)) * time.Second
}

// code is the error's, with Entra's number: neither quotes what was sent.
func (g granted) code() string {
	if len(g.Codes) == 0 {
		return clip(g.Error, 60)
	}
	return clip(g.Error, 60) + " AADSTS" + strconv.Itoa(g.Codes[0])
}

// ask sends a form to the token endpoint, with our proof.
func (p *provider) ask(ctx context.Context, doc *metadata, form url.Values) (granted, error) {
	var a granted
	proof, err := p.proof(ctx)
	if err != nil {
		return a, err
	}
	form.Set("client_id", p.s.ClientID)
	for name := range proof {
		form.Set(name, proof.Get(name))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, doc.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.client.Do(req)
	if err != nil {
		return a, fault.New(fault.Unavailable, "the login service cannot be reached").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxToken)).Decode(&a); err != nil {
		return a, fault.New(fault.Upstream, "the login service's answer cannot be read")
	}
	if resp.StatusCode != http.StatusOK || a.Token == "" {
		return a, refusedGrant(a)
	}
	return a, nil
}
