package estate

import "strings"

// callEndpoints adds the names that customDnsConfigs lacks. Azure empties that
// list while a zone group keeps the endpoint's records; the interface still
// says which names each address stands for, and the group which records it
// keeps. The interface comes first: the group's records are made from it.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func (e *Estate) callEndpoints() {
	names := map[*PrivateEndpoint][]*EndpointName{}
	for _, nic := range e.Interfaces {
		if p := nic.Endpoint.To; p != nil {
			names[p] = append(names[p], nic.names()...)
		}
	}
	for _, p := range e.PrivateEndpoints {
		p.call(names[p])
		p.call(p.keptNames())
	}
}

// call adds names that the endpoint does not have yet.
func (p *PrivateEndpoint) call(names []*EndpointName) {
	if len(names) == 0 {
		return
	}
	has := map[string]bool{}
	for _, n := range p.Names {
		has[strings.ToLower(n.FQDN.V)] = true
	}
	for _, n := range names {
		if n.FQDN.State == Known && !has[strings.ToLower(n.FQDN.V)] {
			p.Names = append(p.Names, n)
		}
	}
}

// names are those that a private endpoint's interface stands for.
func (n *Interface) names() (names []*EndpointName) {
	for _, ip := range n.IPs {
		for _, fqdn := range ip.Names.Items {
			x := &EndpointName{Part: Part{At: fqdn.At}, FQDN: fqdn}
			if ip.Address.State != Absent {
				x.Addresses.found(ip.Address.At)
				x.Addresses.Items = []Value[string]{ip.Address}
			}
			names = append(names, x)
		}
	}
	return names
}

// keptNames are those behind the records that zone groups keep: in ARM below
// each group, in a plan beside them.
func (p *PrivateEndpoint) keptNames() (names []*EndpointName) {
	keep := func(configs []*ZoneConfig) {
		for _, c := range configs {
			for _, r := range c.Records {
				if strings.EqualFold(r.Type.V, "A") && r.FQDN.State == Known {
					n := &EndpointName{Part: Part{At: r.At}, FQDN: r.FQDN, Addresses: r.Addresses}
					n.FQDN.V = PublicName(r.FQDN.V)
					names = append(names, n)
				}
			}
		}
	}
	keep(p.Kept)
	for _, g := range p.ZoneGroups {
		keep(g.Configs)
	}
	return names
}

// AliasOf is the privatelink name that stands behind a service's public name,
// and PublicName the other way. Public DNS answers the public name with it
// once the service has a private endpoint, and records of private endpoints
// bear it. Most services keep their domain and have one label before it; a
// vault's domain is another, and a registry's data endpoints and a Managed
// Redis have more labels. AliasOf of a name without a dot is empty.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func AliasOf(public string) string {
	for _, domain := range [...]string{".azurecr.io", ".redis.azure.net"} {
		if labels, ok := strings.CutSuffix(public, domain); ok {
			return labels + ".privatelink" + domain
		}
	}
	label, domain, ok := strings.Cut(public, ".")
	if !ok {
		return ""
	}
	if rest, ok := strings.CutPrefix(domain, "vault."); ok {
		domain = "vaultcore." + rest
	}
	return label + ".privatelink." + domain
}

// PublicName is the public name of a privatelink name; another name is its own.
func PublicName(alias string) string {
	labels, domain, ok := strings.Cut(alias, ".privatelink.")
	if !ok {
		return alias
	}
	if rest, ok := strings.CutPrefix(domain, "vaultcore."); ok {
		domain = "vault." + rest
	}
	return labels + "." + domain
}
