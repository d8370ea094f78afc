package emulator

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/place"
)

// family is one of Azure's public services: its names, and what stands at them.
type family struct {
	name     string
	exact    []string // names of the service itself
	domains  []string // domains in which each resource has a name
	typ      string   // of those resources
	provider string   // of its service endpoint
	last     byte     // of its address
}

// families are the services of the emulated internet. Each has one address, of
// the block that RFC 5737 sets aside for examples.
func families() []family {
	return []family{
		{name: "management", exact: []string{"management.azure.com"}, last: 11},
		{name: "login", exact: microsoftNames(), last: 12},
		{name: "graph", exact: []string{"graph.microsoft.com"}, last: 13},
		{name: "openai", domains: []string{"openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"}, typ: managedAccount, provider: "Microsoft.CognitiveServices", last: 14},
		{name: "vault", domains: []string{"vault.azure.net"}, typ: "Microsoft.KeyVault/vaults", provider: "Microsoft.KeyVault", last: 15},
		{name: "blob", domains: []string{"blob.core.windows.net"}, typ: "Microsoft.Storage/storageAccounts", provider: "Microsoft.Storage", last: 16},
		{name: "registry", domains: []string{"azurecr.io"}, typ: "Microsoft.ContainerRegistry/registries", provider: "Microsoft.ContainerRegistry", last: 17},
	}
}

func (f family) address() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, f.last}) }

// certified are the names of the family's certificate: Azure's own wildcards,
// none of which covers a privatelink name.
func (f family) certified() []string {
	names := slices.Clone(f.exact)
	for _, d := range f.domains {
		names = append(names, "*."+d)
	}
	return names
}

// familyOf is the service of a host name, and the label of the resource. A
// privatelink name is the same resource's.
func familyOf(host string) (f family, label string, ok bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	label, domain, _ := strings.Cut(estate.PublicName(host), ".")
	for _, f := range families() {
		if slices.Contains(f.exact, host) {
			return f, "", true
		}
		if slices.Contains(f.domains, domain) && label != "" {
			return f, label, true
		}
	}
	return family{}, "", false
}

// Public is what public DNS says of a name. Of a resource that is not there it
// says nothing, as on Azure.
func (w *world) Public(name string) (place.Public, bool) {
	f, label, ok := familyOf(name)
	if !ok {
		return place.Public{}, false
	}
	p := place.Public{Address: f.address(), Provider: f.provider}
	if f.typ == "" {
		return p, true
	}
	p.Resource, ok = w.resource(f, label)
	return p, ok || f.typ == managedAccount && w.isStatic(label)
}

// resource is the id of the resource that a label names: by its name, or by an
// account's subdomain.
func (w *world) resource(f family, label string) (string, bool) {
	for _, r := range (delayed{w.arm, w.history}).List(f.typ) {
		name := r.Name
		if properties, ok := r.Body["properties"].(map[string]any); ok && f.typ == managedAccount {
			name, _ = properties["customSubDomainName"].(string)
		}
		if strings.EqualFold(name, label) {
			return r.ID, true
		}
	}
	return "", false
}

func (w *world) isStatic(label string) bool {
	return slices.ContainsFunc(w.static, func(a *account) bool { return strings.EqualFold(a.Name, label) })
}

// At says whether a service stands at a public address.
func (w *world) At(a netip.Addr) bool {
	return slices.ContainsFunc(families(), func(f family) bool { return f.address() == a })
}

// SiteDNS is where the DNS servers of a site forward to.
func (w *world) SiteDNS(site string) netip.Addr { return w.history.at().sites[strings.ToLower(site)] }

// Dial opens a connection to the front, which knows by what way it came.
func (w *world) Dial(ctx context.Context, d place.Destination) (net.Conn, error) {
	return w.pipes.dial(ctx, d)
}

// suits says whether a call for a host may come by the way that its connection
// came: a private endpoint leads to one resource, a public address to one
// service. Azure's front ends answer 421 or 404 otherwise, each in its way.
func (w *world) suits(d place.Destination, host string) bool {
	f, label, ok := familyOf(host)
	if !ok || strings.Contains(host, ".privatelink.") {
		return false
	}
	if d.Endpoint != "" {
		id, ok := w.resource(f, label)
		return ok && strings.EqualFold(id, d.Resource)
	}
	return d.Address == f.address()
}

// handler is what answers for a host.
func (w *world) handler(host string) http.Handler {
	switch f, _, _ := familyOf(host); f.name {
	case "management":
		return w.arm
	case "login":
		return w.issuer
	case "openai":
		return w.openAI
	}
	return w.cloud
}
