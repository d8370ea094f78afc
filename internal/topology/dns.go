package topology

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// Server is a custom DNS server whose behaviour the operator vouches for.
type Server struct {
	Addr netip.Addr
	// Forward says for a domain where the server forwards its names to: the
	// address of Azure DNS (168.63.129.16, as the server's own network sees
	// it), of another server, or of a public resolver. The domain "." means
	// every name; the longest domain wins. A name of no domain is not answered
	// for certain.
	Forward map[string]netip.Addr
}

// Result is what comes of a name.
type Result uint8

// The results. The zero value is Unresolved: the estate does not tell.
const (
	Unresolved Result = iota
	Addresses         // the private addresses in Answer.Addrs
	Public            // public DNS answers; with an Account, the addresses of its public front
	NXDomain          // no such name
	NoData            // the name exists and has no address
)

func (r Result) String() string {
	return [...]string{"unknown", "addresses", "public", "NXDOMAIN", "no data"}[r]
}

// Answerer says who answered, or passed on, a question.
type Answerer uint8

// The answerers.
const (
	ByNobody Answerer = iota
	ByPublicDNS
	ByPrivateZone
	ByZoneGroup // a record that a private endpoint's zone group keeps
	ByFallback  // public DNS, because the zone's link allows the fallback
	ByCustomServer
	ByFirewall
	ByInboundEndpoint
	ByForwardingRule
)

func (a Answerer) String() string {
	return [...]string{"nobody", "public DNS", "private DNS zone", "zone group", "public DNS after NXDOMAIN", "custom DNS server", "firewall's DNS proxy", "resolver's inbound endpoint", "forwarding rule"}[a]
}

// Link is one step of an answer: a record, or a question passed on.
type Link struct {
	Name  string
	Type  string // A, CNAME, NXDOMAIN, NODATA, FORWARD, or empty where it is not known
	Value string // of the record, or the server asked
	By    Answerer
	ID    string // the zone, record set, rule, server or account that spoke
	Via   string // the link that makes a private zone count here
	At    estate.At
}

// Answer is what comes of a name at a place.
type Answer struct {
	Result  Result
	Addrs   []netip.Addr
	Account *estate.Account // for Public, where the name is an account's
	Chain   []Link
}

// asker follows one question.
type asker struct {
	t     *Topology
	chain []Link
	depth int // questions passed on, to end loops
}

// maxSteps bounds a chain of CNAMEs and of forwarders, as resolvers do.
const maxSteps = 16

// Resolve says what a name resolves to at a place, with the whole chain. Names
// are compared without case; a final dot is ignored. Whether the place's
// packets reach its DNS server is not part of it.
func (t *Topology) Resolve(at Place, name string) Answer {
	a := &asker{t: t}
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
	if !validName(name) {
		return Answer{Chain: []Link{{Name: name}}}
	}
	switch at.kind {
	case placeInternet, placeService:
		return a.public(name, ByPublicDNS)
	case placeNetwork:
		return a.client(at, name)
	default: // the servers of a site are not in any estate
		return a.done(Unresolved, Link{Name: name, ID: at.id, At: at.at})
	}
}

// validName follows RFC 1035, section 2.3.4, and allows underscores and the
// asterisk that stands in zones.
func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range label {
			if c != '-' && c != '_' && c != '*' && (c < 'a' || 'z' < c) && (c < '0' || '9' < c) {
				return false
			}
		}
	}
	return true
}

func (a *asker) done(r Result, l Link) Answer {
	a.chain = append(a.chain, l)
	return Answer{Result: r, Chain: a.chain}
}

// client asks the servers that the place is set to: its interface's, else its
// network's, else Azure DNS.
//
// https://learn.microsoft.com/azure/virtual-network/virtual-networks-name-resolution-for-vms-and-role-instances
func (a *asker) client(at Place, name string) Answer {
	servers := at.net.of.DNSServers
	if at.nic != nil && !at.nic.DNSServers.Empty() {
		servers = at.nic.DNSServers
	}
	if servers.Empty() && !at.net.of.Stub {
		return a.azure(at.net, name)
	}
	if !servers.Complete() || at.net.of.Stub {
		return a.done(Unresolved, Link{Name: name, By: ByCustomServer, ID: at.net.of.ID, At: servers.At})
	}
	return a.each(at.net, servers, name)
}

// each asks several servers. A client may take any one's answer, so that they
// must agree.
func (a *asker) each(n *network, servers estate.List[string], name string) Answer {
	if len(servers.Items) == 0 || !servers.Complete() {
		return a.done(Unresolved, Link{Name: name, By: ByCustomServer, At: servers.At})
	}
	var first Answer
	before := a.chain
	for i, v := range servers.Items {
		a.chain = append([]Link(nil), before...)
		got := a.server(n, v, name)
		switch {
		case i == 0:
			first = got
		case !same(first, got):
			first.Result, first.Addrs, first.Account = Unresolved, nil, nil
		}
	}
	return first
}

func same(a, b Answer) bool {
	if a.Result != b.Result || a.Account != b.Account || len(a.Addrs) != len(b.Addrs) {
		return false
	}
	for i := range a.Addrs {
		if a.Addrs[i] != b.Addrs[i] {
			return false
		}
	}
	return true
}

// server asks one DNS server, as seen from a network.
func (a *asker) server(n *network, v estate.Value[string], name string) Answer {
	ip, ok := address(v)
	l := Link{Name: name, Value: v.V, By: ByCustomServer, At: v.At}
	if a.depth++; !ok || a.depth > maxSteps {
		return a.done(Unresolved, l)
	}
	if ip == hostAddress() {
		return a.azure(n, name)
	}
	if s, ok := a.t.dns.servers[ip]; ok {
		return a.vouched(n, s, l)
	}
	if isPublic(ip) {
		return a.public(name, ByPublicDNS)
	}
	at, ok := a.t.seen(n, ip)
	if !ok {
		return a.done(Unresolved, l)
	}
	if e := a.t.dns.inbound[at.sub.net][ip]; e != nil {
		l.Type, l.By, l.ID, l.At = "FORWARD", ByInboundEndpoint, e.ID, e.At
		a.chain = append(a.chain, l)
		return a.azure(at.sub.net, name)
	}
	if f := a.t.dns.firewalls[at.sub.net][ip]; f != nil {
		return a.proxy(at.sub.net, f, l)
	}
	return a.done(Unresolved, l)
}

// vouched asks a server that Config describes. Its own network, where it has
// one, is where its questions to Azure DNS come from.
func (a *asker) vouched(n *network, s Server, l Link) Answer {
	best, to := -1, netip.Addr{}
	for domain, next := range s.Forward {
		if d := canonical(domain); under(l.Name, d) && len(d) > best {
			best, to = len(d), next
		}
	}
	if at, ok := a.t.seen(n, s.Addr); ok {
		n = at.sub.net
		l.ID = at.host.label()
	} else if to == hostAddress() { // Azure DNS answers in a network alone
		to = netip.Addr{}
	}
	if !to.IsValid() {
		return a.done(Unresolved, l)
	}
	l.Type, l.Value = "FORWARD", l.Value+" → "+to.String()
	a.chain = append(a.chain, l)
	return a.server(n, estate.Value[string]{V: to.String(), Mark: estate.Mark{State: estate.Known, At: l.At}}, l.Name)
}

// proxy asks a firewall's DNS proxy.
//
// https://learn.microsoft.com/azure/firewall/dns-settings: it forwards to the
// servers of its settings, by default to Azure DNS.
func (a *asker) proxy(n *network, f *estate.Firewall, l Link) Answer {
	on, servers := f.DNSProxy, f.DNSServers
	if p, state := f.Policy.Get(); state == estate.Known {
		on, servers = p.DNSProxy, p.DNSServers
	} else if state == estate.Unknown {
		on = estate.Value[bool]{Mark: estate.Mark{State: estate.Unknown}}
	}
	l.By, l.ID = ByFirewall, f.ID
	if !on.Is(true) || servers.State == estate.Unknown {
		return a.done(Unresolved, l)
	}
	l.Type = "FORWARD"
	a.chain = append(a.chain, l)
	if servers.Empty() {
		return a.azure(n, l.Name)
	}
	return a.each(n, servers, l.Name)
}

// azure asks Azure DNS inside a network: first the private zones linked to it,
// then the rules of forwarding rulesets linked to it, then public DNS. A
// CNAME that comes back is followed the same way.
//
// https://learn.microsoft.com/azure/dns/dns-private-resolver-overview
func (a *asker) azure(n *network, name string) Answer {
	if a.depth++; a.depth > maxSteps {
		return a.done(Unresolved, Link{Name: name})
	}
	if views, sure := a.t.dns.zones(n, name); len(views) > 0 {
		if len(views) > 1 || !sure {
			// Azure refuses to link two zones of one name to a network.
			return a.done(Unresolved, Link{Name: name, By: ByPrivateZone, ID: views[0].zone.ID, Via: views[0].link.ID, At: views[0].link.At})
		}
		return a.zone(n, views[0], name)
	}
	if rules, sure := a.t.dns.rules(n, name); len(rules) > 0 {
		return a.forward(rules, sure, name)
	}
	return a.chase(n, a.public(name, ByPublicDNS))
}

// chase follows a CNAME that public DNS gave, where the network sees its
// target otherwise than the internet does: that is how a privatelink zone
// takes effect.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func (a *asker) chase(n *network, got Answer) Answer {
	for i, l := range got.Chain {
		if l.Type != "CNAME" || l.By != ByPublicDNS {
			continue
		}
		views, _ := a.t.dns.zones(n, l.Value)
		rules, _ := a.t.dns.rules(n, l.Value)
		switch {
		case len(views) > 0:
			a.chain = got.Chain[:i+1]
			return a.azure(n, l.Value)
		case len(rules) > 0:
			// Whether rules are asked again for a CNAME's target is not documented.
			a.chain = got.Chain[:i+1]
			return a.done(Unresolved, Link{Name: l.Value, By: ByForwardingRule, ID: rules[0].ID, At: rules[0].At})
		}
	}
	return got
}

// forward passes a question on to the servers of a forwarding rule. They are
// seen from the network of the ruleset's outbound endpoint.
//
// https://learn.microsoft.com/azure/dns/private-resolver-endpoints-rulesets
func (a *asker) forward(rules []*estate.ForwardingRule, sure bool, name string) Answer {
	r := rules[0]
	l := Link{Name: name, Type: "FORWARD", Value: list(r.Servers), By: ByForwardingRule, ID: r.ID, At: r.At}
	n := a.t.dns.outbound(r.Ruleset)
	if len(rules) > 1 || !sure || n == nil {
		l.Type = ""
		return a.done(Unresolved, l)
	}
	a.chain = append(a.chain, l)
	return a.each(n, r.Servers, name)
}

func list(l estate.List[string]) string {
	var parts []string
	for _, v := range l.Items {
		parts = append(parts, v.V)
	}
	return strings.Join(parts, ", ")
}
