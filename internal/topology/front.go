package topology

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// reachFront works out who reaches an account's public front: public
// addresses, subnets that its rules name, and trusted services. A network
// that leaves for the internet is among the public addresses, by the one it
// leaves from.
func (t *Topology) reachFront(a *estate.Account, port Port) []Group {
	var out []Group
	rest := t.public
	// The account treats alike every address that no rule tells apart.
	var named []Set
	for _, l := range t.named(a) {
		if set, _ := prefixes(l); !set.Empty() {
			named = append(named, set.Intersect(t.public))
		}
	}
	for _, set := range named {
		for _, part := range divide(set.Intersect(rest), named) {
			h := t.admits(a, caller{addrs: []netip.Addr{part[0].From}})
			out = append(out, Group{Verdict: h.Verdict, From: FromInternet, Set: part, Hops: []Hop{h}})
		}
		rest = rest.Minus(set)
	}
	if !rest.Empty() {
		h := t.admits(a, caller{addrs: []netip.Addr{rest[0].From}})
		out = append(out, Group{Verdict: h.Verdict, From: FromInternet, Set: rest, Whole: len(named) == 0, Hops: []Hop{h}})
	}
	return append(append(out, t.reachByRule(a, port)...), t.trusted(a)...)
}

// named are the lists of addresses that the account or its perimeters name.
func (t *Topology) named(a *estate.Account) []estate.List[string] {
	out := []estate.List[string]{a.IPRules}
	for _, m := range t.perimetersOf(a) {
		if m.profile != nil {
			for _, r := range m.profile.Rules {
				out = append(out, r.Prefixes)
			}
		}
	}
	return out
}

// divide cuts a set along others, so that each part is wholly in or out of
// each of them.
func divide(set Set, along []Set) []Set {
	parts := []Set{set}
	for _, cut := range along {
		var next []Set
		for _, p := range parts {
			for _, half := range [...]Set{p.Intersect(cut), p.Minus(cut)} {
				if !half.Empty() {
					next = append(next, half)
				}
			}
		}
		parts = next
	}
	return parts
}

// reachByRule works out what the account's virtual network rules admit.
func (t *Topology) reachByRule(a *estate.Account, port Port) []Group {
	var out []Group
	for _, r := range a.NetworkRules {
		s := t.bySubnet[r.Subnet.To]
		if s == nil {
			h := t.admits(a, caller{anyone: true})
			if h.Verdict != Denied || h.Note == NoteNoIPRule {
				out = append(out, Group{From: FromUnseen, Hops: []Hop{{Step: StepAccount, Note: NoteSourceUnclear, ID: a.ID, At: r.At}}})
			}
			continue
		}
		for _, p := range sources(s, end{}, port) {
			tr := trail{verdict: Allowed}
			who := t.egress(&tr, Place{kind: placeNetwork, net: s.net, sub: s, addr: p.set[0].From, host: s.net.hosts[p.set[0].From]}, port)
			if tr.verdict != Denied {
				tr.add(t.admits(a, who))
			}
			out = append(out, Group{Verdict: tr.verdict, From: FromNetwork, Network: s.net.of, Subnets: []*estate.Subnet{s.of}, Set: p.set, Whole: false, Hops: tr.hops})
		}
	}
	return out
}

// trusted is the group of Azure's trusted services, where the account lets
// them pass. Whether they still pass once public access is off is not
// documented for these accounts.
//
// https://learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks,
// section Grant access to trusted Azure services. Microsoft's reference states
// no default of bypass; where it is left out Azure writes AzureServices
// (https://github.com/Azure/bicep-registry-modules/issues/5893).
func (t *Topology) trusted(a *estate.Account) []Group {
	bypass, ok := a.Bypass.Or("AzureServices")
	if ok && !strings.Contains(strings.ToLower(bypass), "azureservices") {
		return nil
	}
	h := Hop{Step: StepAccount, Note: NoteTrustedServices, ID: a.ID, At: a.Bypass.At}
	if ok && t.admits(a, caller{anyone: true}).Note != NotePublicOff {
		h.Verdict = Allowed
	}
	return []Group{{Verdict: h.Verdict, From: FromServices, Hops: []Hop{h}}}
}
