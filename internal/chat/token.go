package chat

import (
	"context"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"

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
	fresh, err := p.refresh(ctx, doc, t.own.RefreshToken)
	if err != nil {
		return err
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
	a, err := p.ask(ctx, doc, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "requested_token_use": {"on_behalf_of"},
		"assertion": {t.own.AccessToken}, "scope": {scope},
	})
	if err != nil {
		return err
	}
	t.gateway, t.until = secret.New(a.Token), p.now().Add(a.life())
	return nil
}
