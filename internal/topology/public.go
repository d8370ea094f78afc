package topology

import (
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// front is a public name that the estate explains.
type front struct {
	account *estate.Account // nil for a service of another kind
	// private says whether the service has a private endpoint: only then does
	// public DNS have the privatelink name.
	private tri
	cname   string // the privatelink name; empty where this is it
	id      string
	at      estate.At
}

// suffixes are the public domains of accounts by kind.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func suffixes(kind, endpoint string) []string {
	gov := strings.HasSuffix(endpoint, ".azure.us")
	cloud := func(s string) string {
		if gov {
			return strings.TrimSuffix(s, ".com") + ".us"
		}
		return s
	}
	switch strings.ToLower(kind) {
	case "openai":
		return []string{cloud("openai.azure.com")}
	case "aiservices":
		return []string{cloud("cognitiveservices.azure.com"), cloud("openai.azure.com"), cloud("services.ai.azure.com")}
	}
	return []string{cloud("cognitiveservices.azure.com")}
}

// hostsOf are the public names of an account. Without a custom subdomain it
// shares its region's name and can have no private endpoint.
func hostsOf(a *estate.Account) []string {
	endpoint := ""
	if u, err := url.Parse(a.Endpoint.V); err == nil {
		endpoint = strings.ToLower(u.Hostname())
	}
	if a.Subdomain.State != estate.Known || a.Kind.State != estate.Known {
		return nil
	}
	var out []string
	for _, s := range suffixes(a.Kind.V, endpoint) {
		out = append(out, strings.ToLower(a.Subdomain.V)+"."+s)
	}
	return out
}

// fronts collects the public names of the estate.
func (d *names) fronts() {
	for _, a := range d.t.e.Accounts {
		private := d.private(a)
		for _, host := range hostsOf(a) {
			d.front1(host, front{account: a, private: private, id: a.ID, at: a.At})
		}
	}
	for _, p := range d.t.e.PrivateEndpoints {
		for _, n := range p.Names {
			host := canonical(n.FQDN.V)
			if _, known := d.front[host]; n.FQDN.State == estate.Known && !known && !strings.Contains(host, ".privatelink.") {
				private := maybe
				if d.t.endpoints[p].hop().Verdict == Allowed {
					private = yes
				}
				d.front1(host, front{private: private, id: p.ID, at: n.At})
			}
		}
	}
}

// front1 files a name and its privatelink name.
func (d *names) front1(host string, f front) {
	if f.cname = estate.AliasOf(host); f.cname == "" {
		return
	}
	d.front[host] = f
	d.front[f.cname] = front{account: f.account, private: f.private, id: f.id, at: f.at}
}

// private says whether an account has a private endpoint. One that waits for
// approval leaves it open.
func (d *names) private(a *estate.Account) tri {
	t := no
	for _, c := range a.PrivateConnections {
		if approved(c.Status) == Allowed {
			return yes
		}
		t = maybe
	}
	for _, p := range d.t.e.PrivateEndpoints {
		for _, l := range d.t.endpoints[p].links {
			if l.link.Target.To != estate.Thing(a) {
				continue
			}
			if l.open == Allowed {
				return yes
			}
			t = maybe
		}
	}
	return t
}

// public asks public DNS.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns: once a
// service has a private endpoint its public name is a CNAME for the
// privatelink name, which leads everyone else to the public addresses.
func (a *asker) public(name string, by Answerer) Answer {
	f, ok := a.t.dns.front[name]
	l := Link{Name: name, By: by, ID: f.id, At: f.at}
	switch {
	case !ok && ours(name):
		return a.done(Unresolved, l) // another's account: whether it has a private endpoint is not known
	case !ok:
		return a.done(Public, l)
	case f.private == maybe:
		return a.done(Unresolved, l)
	case f.cname != "" && f.private == yes:
		l.Type, l.Value = "CNAME", f.cname
		a.chain = append(a.chain, l)
		return a.public(f.cname, by)
	case f.cname == "" && f.private == no:
		l.Type = "NXDOMAIN"
		return a.done(NXDomain, l)
	}
	l.Type, l.Value = "A", "public addresses"
	out := a.done(Public, l)
	out.Account = f.account
	return out
}

// ours says whether a name is in one of the domains of accounts.
func ours(name string) bool {
	for _, s := range [...]string{"openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com", "openai.azure.us", "cognitiveservices.azure.us"} {
		if under(name, s) && name != s {
			return true
		}
	}
	return false
}
