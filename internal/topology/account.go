package topology

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// caller is who asks at an account's public front, as the account sees it.
type caller struct {
	addrs   []netip.Addr // the public addresses that it may come from
	anyone  bool         // it may come from any other public address too
	subnet  *estate.Subnet
	vouched tri  // whether it comes through the subnet's service endpoint, which names the subnet
	vague   bool // its subnet is not known
}

// cognitive is the service endpoint that names a subnet to an account.
const cognitive = "Microsoft.CognitiveServices"

// flowToAccount goes to an account's public front, the path that public DNS
// gives. A private endpoint is another target.
func (t *Topology) flowToAccount(from Place, a *estate.Account, port Port) Flow {
	tr := newTrail()
	who := caller{anyone: true}
	switch from.kind {
	case placeInternet:
		if from.addr.IsValid() {
			who = caller{addrs: []netip.Addr{from.addr}}
		}
	case placeService, placeSite:
	case placeNetwork:
		who = t.egress(&tr, from, port)
	default:
		tr.add(Hop{Step: StepPlace, Note: NoteSourceUnclear, ID: from.id, At: from.at})
	}
	if tr.verdict != Denied {
		tr.add(t.admits(a, who))
	}
	return tr.flow()
}

// egress takes a packet out of a network towards a public service, and says
// how it looks from outside.
//
// https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview:
// a service endpoint's route holds whatever 0.0.0.0/0 says, and the service
// sees the subnet and the private address.
func (t *Topology) egress(tr *trail, from Place, port Port) caller {
	if from.sub == nil {
		tr.add(from.nobody())
		return caller{anyone: true, vague: true}
	}
	s := from.sub
	if from.addr.IsValid() {
		out := leaving(s, from.host)
		out.pass(tr, &packet{from: end{addr: from.addr}, to: end{}, port: port})
	} else {
		f := uniform(from.leaving(end{}, port))
		tr.hops, tr.verdict = f.Hops, f.Verdict
	}
	if tr.verdict == Denied {
		return caller{}
	}
	who := caller{subnet: s.of, vouched: endpointService(s.of)}
	h := Hop{Step: StepRoute, Verdict: Allowed, Note: NoteServiceEndpoint, ID: s.of.ID, At: s.of.ServiceEndpoints.At}
	switch who.vouched {
	case yes:
		tr.add(h)
		return who
	case maybe:
		h.Verdict, h.Note, who.anyone = Unknown, NoteEgressUnclear, true
		tr.add(h)
		return who
	}
	before := len(tr.hops)
	if t.exit(tr, s, netip.Addr{}); tr.hops[before].Note == NoteInternetRoute {
		who.addrs, who.anyone = t.outward(tr, from)
	} else {
		who.anyone = true
	}
	return who
}

func endpointService(s *estate.Subnet) tri {
	for _, v := range s.ServiceEndpoints.Items {
		if v.State == estate.Known && strings.EqualFold(v.V, cognitive) {
			return yes
		}
	}
	if !s.ServiceEndpoints.Complete() {
		return maybe
	}
	return no
}

// outward is the public addresses that a place leaves from.
//
// https://learn.microsoft.com/azure/nat-gateway/nat-overview: a NAT gateway
// comes before a public address of the machine's own;
// https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access.
func (t *Topology) outward(tr *trail, from Place) (addrs []netip.Addr, anyone bool) {
	nat := from.sub.of.NAT
	own := estate.Ref[estate.PublicIP]{}
	if from.nic != nil && from.host != nil {
		own = from.host.ip.PublicIP
	}
	switch {
	case nat.State == estate.Known:
		return natAddresses(nat.To)
	case nat.State == estate.Absent && own.State == estate.Known:
		if a, ok := publicAddress(own); ok {
			return []netip.Addr{a}, false
		}
		return nil, true
	}
	if open, ok := from.sub.of.DefaultOutbound.Or(true); !ok || !open {
		h := Hop{Step: StepRoute, Verdict: Denied, Note: NoteNoEgress, ID: from.sub.of.ID, At: from.sub.of.DefaultOutbound.At}
		other := nat.State == estate.Unknown || own.State != estate.Absent || len(t.e.LoadBalancers) > 0
		if !ok || other || from.nic == nil || from.host == nil || from.host.endpoint != nil {
			h.Verdict, h.Note = Unknown, NoteEgressUnclear
		}
		tr.add(h)
	}
	return nil, true
}

// natAddresses are the addresses of a NAT gateway, as far as they are known.
func natAddresses(nat *estate.NATGateway) (addrs []netip.Addr, anyone bool) {
	if nat == nil || nat.PublicIPs.State == estate.Unknown || nat.Prefixes.State != estate.Absent && (len(nat.Prefixes.Items) > 0 || nat.Prefixes.State == estate.Unknown) {
		return nil, true
	}
	for _, r := range nat.PublicIPs.Items {
		a, ok := publicAddress(r)
		if !ok {
			return nil, true
		}
		addrs = append(addrs, a)
	}
	return addrs, len(addrs) == 0
}

func publicAddress(r estate.Ref[estate.PublicIP]) (netip.Addr, bool) {
	ip, state := r.Get()
	if state != estate.Known {
		return netip.Addr{}, false
	}
	return address(ip.Address)
}

// admits is the account's own word on a caller.
//
// https://learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks,
// https://learn.microsoft.com/azure/private-link/network-security-perimeter-concepts
func (t *Topology) admits(a *estate.Account, who caller) Hop {
	h := Hop{Step: StepAccount, ID: a.ID, At: a.PublicAccess.At, Note: NotePublicUnclear}
	if a.Doubt != 0 || a.Stub || t.e.Missing(a.ID) != nil {
		return h
	}
	return t.within(t.perimetersOf(a), settings(a, h, who), who)
}

// settings is the word of the account's own settings.
func settings(a *estate.Account, h Hop, who caller) Hop {
	access, ok := a.PublicAccess.Or("Enabled") // absent means enabled
	switch {
	case !ok:
	case strings.EqualFold(access, "Disabled"), strings.EqualFold(access, "SecuredByPerimeter"):
		h.Verdict, h.Note = Denied, NotePublicOff
	case strings.EqualFold(access, "Enabled"):
		return rules(a, h, who)
	}
	return h
}

// rules reads the account's network rules.
func rules(a *estate.Account, h Hop, who caller) Hop {
	some := len(a.IPRules.Items)+len(a.NetworkRules) > 0 || a.IPRules.State == estate.Unknown
	action, ok := a.DefaultAction.Or("Allow")
	if a.DefaultAction.State == estate.Absent && some {
		ok = false // rules without a default: which one Azure takes is not documented
	}
	h.At = a.DefaultAction.At
	switch {
	case ok && strings.EqualFold(action, "Allow"):
		h.Verdict, h.Note = Allowed, NotePublicOpen
		return h
	case ok && !strings.EqualFold(action, "Deny"):
		return h
	}
	admitted := h
	admitted.Verdict = Allowed
	if r, t := networkRule(a, who); t == yes {
		admitted.Note, admitted.At = NoteNetworkRule, r
		return admitted
	} else if at, t2 := ipRule(a, who); t2 == yes {
		admitted.Note, admitted.At = NoteIPRule, at
		return admitted
	} else if t == no && t2 == no && ok {
		h.Verdict, h.Note = Denied, NoteNoIPRule
	}
	return h
}

func networkRule(a *estate.Account, who caller) (at estate.At, t tri) {
	for _, r := range a.NetworkRules {
		match := no
		switch {
		case r.Subnet.State != estate.Known:
			match = maybe
		case who.subnet != nil && (r.Subnet.To == who.subnet || strings.EqualFold(r.Subnet.ID, who.subnet.ID)):
			match = yes
		}
		if who.subnet == nil {
			match = no
		}
		match = match.and(who.vouched)
		if who.vague {
			match = maybe
		}
		if match > t {
			at, t = r.At, match
		}
	}
	return at, t
}

// ipRule says whether the account's IP rules admit a caller. They mean public
// addresses: one who comes through a service endpoint is seen with a private
// one.
func ipRule(a *estate.Account, who caller) (at estate.At, t tri) {
	if who.vouched == yes {
		return 0, no
	}
	set, dim := prefixes(a.IPRules)
	sure := who.anyone || len(who.addrs) > 0
	perhaps := dim || who.anyone && !set.Empty()
	for _, addr := range who.addrs {
		sure = sure && set.Has(addr)
		perhaps = perhaps || set.Has(addr)
	}
	if who.anyone {
		sure = sure && set.Contains(public())
	}
	at = a.IPRules.At
	for _, v := range a.IPRules.Items {
		if r, ok := parseTerm(v.V); ok && len(who.addrs) > 0 && SetOf(r).Has(who.addrs[0]) {
			at = v.At
		}
	}
	switch {
	case sure && who.vouched == no:
		return at, yes
	case perhaps || sure:
		return at, maybe
	}
	return at, no
}

// flowToPublic goes from the internet to a public address: an interface's, if
// one has it.
func (t *Topology) flowToPublic(from Place, a netip.Addr, port Port) Flow {
	if nic := t.byPublic[a]; nic != nil {
		return t.flowToInterface(from, nic, port)
	}
	return one(Hop{Step: StepTarget, Note: NoteTargetUnknown})
}
