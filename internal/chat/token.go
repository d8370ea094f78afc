package chat

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// tokens are a session's, in memory alone.
type tokens struct {
	mu      sync.Mutex
	own     *oauth2.Token // for the gateway, or for our own API where we exchange it
	gateway secret.String // what own was exchanged for
	until   time.Time
}

const (
	renewBefore = time.Minute // of a token's end
	maxToken    = 64 << 10    // bytes of an answer
)

// bearer is a token to show the gateway, renewed where it is about to end.
// errExpired: the person must sign in again.
func (p *provider) bearer(ctx context.Context, t *tokens) (secret.String, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := p.renew(ctx, t); err != nil {
		return secret.String{}, err
	}
	if p.s.OnBehalfOf == "" {
		return secret.New(t.own.AccessToken), nil
	}
	if t.gateway.Empty() || p.now().Add(renewBefore).After(t.until) {
		if err := p.onBehalfOf(ctx, t); err != nil {
			return secret.String{}, err
		}
	}
	return t.gateway, nil
}

func (p *provider) renew(ctx context.Context, t *tokens) error {
	if t.own.Expiry.IsZero() || p.now().Add(renewBefore).Before(t.own.Expiry) {
		return nil
	}
	if t.own.RefreshToken == "" {
		return errExpired
	}
	doc, err := p.metadata(ctx)
	if err != nil {
		return err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, p.client)
	fresh, err := p.oauth(doc).TokenSource(ctx, &oauth2.Token{RefreshToken: t.own.RefreshToken}).Token()
	if err != nil {
		return refusedLogin(err)
	}
	t.own, t.gateway = fresh, secret.String{}
	return nil
}

// onBehalfOf exchanges our token for the gateway's: "OAuth 2.0 On-Behalf-Of
// flow" of the Microsoft identity platform, RFC 7523 section 2.1.
func (p *provider) onBehalfOf(ctx context.Context, t *tokens) error {
	doc, err := p.metadata(ctx)
	if err != nil {
		return err
	}
	scope := p.s.Scope
	if scope == "" {
		scope = defaultScope
	}
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "requested_token_use": {"on_behalf_of"},
		"client_id": {p.s.ClientID}, "client_secret": {p.secret.Reveal()}, "assertion": {t.own.AccessToken}, "scope": {scope},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, doc.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.client.Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "the login service cannot be reached").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
		Error   string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxToken)).Decode(&answer); err != nil {
		return fault.New(fault.Upstream, "the login service's answer cannot be read")
	}
	if resp.StatusCode != http.StatusOK || answer.Token == "" {
		return refusedLogin(&oauth2.RetrieveError{ErrorCode: answer.Error})
	}
	t.gateway, t.until = secret.New(answer.Token), p.now().Add(time.Duration(min(max(answer.Expires, 0), 86400))*time.Second)
	return nil
}
