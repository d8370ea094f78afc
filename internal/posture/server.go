package posture

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

func dnsServersForward() row {
	return row{Check{
		ID:    "dns-servers-forward",
		Title: "Custom DNS servers lead to the private zones",
		Level: Must,
		Looks: "virtualNetworks of clients: dhcpOptions.dnsServers, followed to resolvers and firewalls",
		Why:   "A network with DNS servers of its own does not ask Azure's, so that links to the private zones do nothing there. The servers must pass the question on to a network that is linked.",
		Equal: Equal{Checkov: []string{"CKV_AZURE_182", "CKV_AZURE_183"}, Azqr: []string{"vnet-009"}},
	}, (*scene).forwarding}
}

func (s *scene) forwarding() []Finding {
	var all []Finding
	for _, a := range s.accounts {
		if a.Subdomain.V == "" {
			continue
		}
		for _, v := range s.networks(a) {
			if asksAzure(v) {
				continue
			}
			if f := s.servers(a, v, v.Name, v.DNSServers, s.placeOfAny(v)); f.Status != Pass || len(s.pairs(a)) > 0 {
				all = append(all, f)
			}
		}
		for _, x := range s.machines(a) {
			at, _ := s.t.PlaceOf(idOf(x))
			all = append(all, s.servers(a, x, x.Name, x.DNSServers, at))
		}
	}
	return all
}

// servers judges the DNS servers of a network or of an interface.
func (s *scene) servers(a *subject, t estate.Thing, name string, servers estate.List[string], at topology.Place) Finding {
	f := s.on(t, sawList(s, t, servers, "Azure's own"))
	host, _ := a.host()
	answer := s.t.Resolve(at, host)
	status, what := a.judged(s, host, answer)
	if astray := publicServer(servers); status != Pass && astray != "" {
		status, what = Fail, astray+" is a public resolver and knows no private zone"
	}
	list := few(texts(servers), 3)
	switch status {
	case Pass:
		f = f.pass("the DNS servers of %s lead to the private zones of %s", name, a.Name)
	case Unknown:
		f = f.doubt("whether the DNS servers of %s (%s) lead to the private zones of %s cannot be told", name, list, a.Name)
	default:
		f = f.fail("the DNS servers of %s do not lead to the private zones of %s: %s", name, a.Name, what)
	}
	return f.by("%s asked of %s: %s", host, list, chainText(answer.Chain)+s.beyond(answer.Chain)).mended(
		hcl("azurerm_virtual_network", t, `dns_servers = [] # Azure's own, or the inbound endpoint of a private resolver`), "")
}

// beyond are the servers that a firewall's DNS proxy asks.
func (s *scene) beyond(chain []topology.Link) string {
	var text strings.Builder
	for _, l := range chain {
		f, ok := s.Find(l.ID).(*estate.Firewall)
		if !ok {
			continue
		}
		servers := f.DNSServers
		if f.Policy.To != nil {
			servers = f.Policy.To.DNSServers
		}
		if !servers.Empty() {
			text.WriteString("; " + f.Name + " asks " + few(texts(servers), 3))
		}
	}
	return text.String()
}

// publicServer is the first server of a list that stands on the internet. A
// client may take any server's answer.
func publicServer(servers estate.List[string]) string {
	for _, v := range servers.Items {
		if a, err := netip.ParseAddr(v.V); v.State == estate.Known && err == nil && a.IsGlobalUnicast() && !a.IsPrivate() &&
			v.V != azureDNS && !sharedSpace().Contains(a) {
			return v.V
		}
	}
	return ""
}

// sharedSpace is not routed on the internet either (RFC 6598).
func sharedSpace() netip.Prefix { return netip.MustParsePrefix("100.64.0.0/10") }

// placeOfAny is a place in a network; every subnet asks as its network does.
func (s *scene) placeOfAny(v *estate.VirtualNetwork) topology.Place {
	for _, n := range v.Subnets {
		if at, ok := s.t.PlaceOf(idOf(n)); ok {
			return at
		}
	}
	return topology.Place{}
}

// machines are the interfaces in the clients' subnets that have DNS servers of
// their own.
func (s *scene) machines(a *subject) []*estate.Interface {
	if s.ownServers == nil {
		s.ownServers = map[*estate.Subnet][]*estate.Interface{}
		for _, x := range s.Interfaces {
			for _, ip := range x.IPs {
				if ip.Subnet.To != nil && !x.DNSServers.Empty() {
					s.ownServers[ip.Subnet.To] = append(s.ownServers[ip.Subnet.To], x)
					break
				}
			}
		}
	}
	var all []*estate.Interface
	seen := map[*estate.Subnet]bool{}
	for _, p := range s.pairs(a) {
		if p.vnet == nil || len(s.ownServers) == 0 {
			continue
		}
		for _, n := range p.vnet.Subnets {
			if !seen[n] && (p.whole || setOf(n.Prefixes).Meets(p.set)) {
				seen[n] = true
				all = append(all, s.ownServers[n]...)
			}
		}
	}
	return all
}
