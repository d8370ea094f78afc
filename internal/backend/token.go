package backend

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	tokenMargin = 5 * time.Minute  // before its end a token is replaced, behind the scenes
	tokenLast   = 30 * time.Second // before its end a token is not used any more
	tokenRetry  = 15 * time.Second // between attempts while the old token serves
	tokenTime   = 30 * time.Second // for one attempt
)

// tokenSource keeps one token for one scope. Callers wait only while there is
// none that serves; then all wait for the same attempt.
type tokenSource struct {
	credential azcore.TokenCredential
	scope      string
	now        func() time.Time

	mu        sync.Mutex
	token     azcore.AccessToken
	attempted time.Time
	running   chan struct{} // closed when the attempt under way ends; nil if none is
	err       error         // of the last attempt
}

func (s *tokenSource) apply(ctx context.Context, h http.Header) error {
	token, wait := s.current()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err != nil {
			return fault.New(fault.Upstream, "no Entra token for the backend").
				Fix("check the backend's credential, and that the login service can be reached").Because(s.err)
		}
		token = s.token.Token
	}
	h.Set("Authorization", "Bearer "+token)
	return nil
}

// current gives a token that serves, or the attempt to wait for; it starts one
// where one is due.
func (s *tokenSource) current() (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	serves := now.Before(s.token.ExpiresOn.Add(-tokenLast))
	fresh := now.Before(s.token.ExpiresOn.Add(-tokenMargin)) && (s.token.RefreshOn.IsZero() || now.Before(s.token.RefreshOn))
	if serves && (fresh || s.running != nil || now.Sub(s.attempted) < tokenRetry) {
		return s.token.Token, nil
	}
	if s.running == nil {
		s.attempted, s.running = now, make(chan struct{})
		go s.fetch(s.running)
	}
	if serves {
		return s.token.Token, nil
	}
	return "", s.running
}

// fetch outlives the caller that caused it: others wait for it too.
func (s *tokenSource) fetch(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTime)
	defer cancel()
	token, err := s.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{s.scope}})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.token = token
	}
	s.err, s.running = err, nil
	close(done)
}
