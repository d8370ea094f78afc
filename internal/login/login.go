// Package login is how a service of ours shows itself to Microsoft Entra ID:
// with a secret, or as the host or the pod that it runs on. What it gets are
// tokens for a scope; azidentity keeps and renews them.
package login

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// ServicePrincipal logs in with a secret.
type ServicePrincipal struct {
	Tenant    string     `yaml:"tenant" config:"required" doc:"tenant id"`
	ClientID  string     `yaml:"client_id" config:"required" doc:"application (client) id"`
	Secret    secret.Ref `yaml:"client_secret" config:"required" doc:"env:NAME or file:PATH"`
	Authority string     `yaml:"authority" doc:"login service; default that of Azure's public cloud"`
	CA        string     `yaml:"ca" doc:"PEM file of the only authority trusted for the login service; default the system's"`
}

// ManagedIdentity is the identity of the host.
type ManagedIdentity struct {
	ClientID string `yaml:"client_id" doc:"client id of a user-assigned identity; default the system-assigned one"`
}

// WorkloadIdentity is the identity of a Kubernetes pod.
type WorkloadIdentity struct {
	Tenant    string `yaml:"tenant" doc:"default AZURE_TENANT_ID"`
	ClientID  string `yaml:"client_id" doc:"default AZURE_CLIENT_ID"`
	TokenFile string `yaml:"token_file" doc:"default AZURE_FEDERATED_TOKEN_FILE"`
}

// Login is one of three; the others are nil.
type Login struct {
	ServicePrincipal *ServicePrincipal
	ManagedIdentity  *ManagedIdentity
	WorkloadIdentity *WorkloadIdentity
}

// Count is how many are set: more than one is a mistake to report.
func (l Login) Count() int {
	n := 0
	for _, there := range []bool{l.ServicePrincipal != nil, l.ManagedIdentity != nil, l.WorkloadIdentity != nil} {
		if there {
			n++
		}
	}
	return n
}

// Credential makes what gets tokens; nil if none is set. It asks for no token
// yet.
func (l Login) Credential(client azcore.ClientOptions) (azcore.TokenCredential, error) {
	switch {
	case l.ServicePrincipal != nil:
		return l.ServicePrincipal.credential(client)
	case l.ManagedIdentity != nil:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: client}
		if l.ManagedIdentity.ClientID != "" {
			o.ID = azidentity.ClientID(l.ManagedIdentity.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(o)
	case l.WorkloadIdentity != nil:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: client, ClientID: l.WorkloadIdentity.ClientID,
			TenantID: l.WorkloadIdentity.Tenant, TokenFilePath: l.WorkloadIdentity.TokenFile,
		})
	}
	return nil, nil //nolint:nilnil // none is configured, and that is no error
}

// credential makes a service principal's. An authority of one's own is taken
// at its word: instance discovery would ask Microsoft's about it.
func (p *ServicePrincipal) credential(client azcore.ClientOptions) (azcore.TokenCredential, error) {
	key, err := p.Secret.Resolve()
	if err != nil {
		return nil, err
	}
	roots, err := pki.ReadPool(p.CA)
	if err != nil {
		return nil, err
	}
	client.Transport = identity.LoginClient(roots)
	if p.Authority != "" {
		client.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: p.Authority}
	}
	return azidentity.NewClientSecretCredential(p.Tenant, p.ClientID, key.Reveal(), &azidentity.ClientSecretCredentialOptions{
		ClientOptions: client, DisableInstanceDiscovery: p.Authority != "",
	})
}
