package backend

import (
	"context"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// credential proves us to a backend.
type credential interface {
	// apply sets a header; errors are faults of kind Upstream.
	apply(ctx context.Context, h http.Header) error
}

type noCredential struct{}

func (noCredential) apply(context.Context, http.Header) error { return nil }

// keyCredential is a key in Azure's header, or as OpenAI's bearer.
type keyCredential struct {
	name, prefix string
	key          secret.String
}

func (c keyCredential) apply(_ context.Context, h http.Header) error {
	h.Set(c.name, c.prefix+c.key.Reveal())
	return nil
}

func (s *Settings) credential() (credential, error) {
	if !s.APIKey.IsZero() {
		key, err := s.APIKey.Resolve()
		if err != nil {
			return nil, fault.New(fault.Invalid, "the backend's key cannot be read").Because(err)
		}
		if s.Kind == OpenAI {
			return keyCredential{"Authorization", "Bearer ", key}, nil
		}
		return keyCredential{"Api-Key", "", key}, nil
	}
	// One retry: the caller waits, and the next call tries again anyway.
	client := azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: 500 * time.Millisecond}}
	entra, err := s.login().Credential(client)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the backend's Entra credential cannot be made").Because(err)
	}
	if entra == nil {
		return noCredential{}, nil
	}
	scope := s.Scope
	if scope == "" {
		scope = defaultScope
	}
	return &tokenSource{credential: entra, scope: scope, now: time.Now}, nil
}
