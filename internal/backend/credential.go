package backend

import (
	"context"
	"crypto/x509"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/pki"
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
	entra, err := s.tokenCredential()
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

func (s *Settings) tokenCredential() (azcore.TokenCredential, error) {
	// One retry: the caller waits, and the next call tries again anyway.
	client := azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: 500 * time.Millisecond}}
	switch {
	case s.Entra != nil:
		return s.Entra.credential(client)
	case s.ManagedIdentity != nil:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: client}
		if s.ManagedIdentity.ClientID != "" {
			o.ID = azidentity.ClientID(s.ManagedIdentity.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(o)
	case s.WorkloadIdentity != nil:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: client, ClientID: s.WorkloadIdentity.ClientID,
			TenantID: s.WorkloadIdentity.Tenant, TokenFilePath: s.WorkloadIdentity.TokenFile,
		})
	}
	return nil, nil //nolint:nilnil // no Entra credential is configured, and that is no error
}

// credential makes a service principal's. An authority of one's own is taken
// at its word: instance discovery would ask Microsoft's about it.
func (e *Entra) credential(client azcore.ClientOptions) (azcore.TokenCredential, error) {
	key, err := e.Secret.Resolve()
	if err != nil {
		return nil, err
	}
	roots, err := ReadCA(e.CA)
	if err != nil {
		return nil, err
	}
	client.Transport = identity.LoginClient(roots)
	if e.Authority != "" {
		client.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: e.Authority}
	}
	return azidentity.NewClientSecretCredential(e.Tenant, e.ClientID, key.Reveal(), &azidentity.ClientSecretCredentialOptions{
		ClientOptions: client, DisableInstanceDiscovery: e.Authority != "",
	})
}

// ReadCA reads the certificates of a PEM file; an empty path is nil, the
// system's. Errors are faults of kind Invalid that name the file.
func ReadCA(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // nil is the system's pool to crypto/tls
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the authority's certificate").At(path).Because(err)
	}
	certs, err := pki.ParseCertificates(data)
	if err != nil {
		return nil, fault.New(fault.Invalid, "no certificate of an authority").At(path).Because(err)
	}
	return pki.Pool(certs...), nil
}
