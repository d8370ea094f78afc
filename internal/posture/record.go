package posture

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// record judges the account's record in one zone.
func (s *scene) record(z *estate.PrivateZone, a *subject, doors []*door, label, domain string) resolved {
	r := resolved{status: Pass}
	want, whole := addressesOf(doors, label+"."+domain)
	fqdn := label + "." + strings.ToLower(z.Name)
	if z.Stub || z.Doubt != 0 || s.Missing(z.ID) != nil {
		return r.worst(Unknown, "the zone "+z.Name+" was not read", "")
	}
	for _, set := range z.Records {
		if set.Kind != "A" || !strings.EqualFold(set.Name, label) {
			continue
		}
		r.evidence = append(r.evidence, sawList(s, set, set.IPv4, "none"))
		switch {
		case set.Doubt != 0 || !set.IPv4.Complete() || !whole:
			return r.worst(Unknown, "whether "+fqdn+" is the address of "+a.Name+" cannot be told", "")
		case set.IPv4.Empty():
			return r.worst(Fail, fqdn+" has a record without an address", "")
		case !s.within(set.IPv4, want):
			return r.worst(Fail, fqdn+" is not the address of the private endpoint of "+a.Name,
				"A "+fqdn+" = "+few(texts(set.IPv4), 3)+"; the endpoint has "+few(words(want), 3))
		}
		return r
	}
	return s.noRecord(r, z, a, doors, fqdn, want)
}

// noRecord judges a zone that shows no record for the account.
func (s *scene) noRecord(r resolved, z *estate.PrivateZone, a *subject, doors []*door, fqdn string, want []netip.Addr) resolved {
	r.evidence = append(r.evidence, s.seen(z, estate.Mark{At: z.At}, "", "no record "+fqdn))
	switch kept := keeps(doors, z); {
	case s.Planned && kept == Pass:
		return r // Azure makes the record with the zone group
	case s.Planned && kept == Unknown:
		return r.worst(Unknown, "whether a zone group will keep "+fqdn+" cannot be told", "")
	}
	for _, set := range z.Records {
		if set.Kind == "A" && set.IPv4.State == estate.Known && len(want) > 0 && s.within(set.IPv4, want) {
			return r.worst(Fail, "the address of "+a.Name+" stands in "+z.Name+" under the name "+set.Name+", where nobody asks for it",
				"A "+set.Name+"."+z.Name+" = "+few(texts(set.IPv4), 3)+"; clients ask for "+fqdn)
		}
	}
	if !s.allRecords(z) {
		return r.worst(Unknown, "the records of "+z.Name+" were not all read", "")
	}
	if len(z.Links) == 0 && len(s.zones[strings.ToLower(z.Name)]) > 1 {
		return r.worst(Fail, "a second zone "+z.Name+" does not know "+a.Name, "no record "+fqdn+" in "+idOf(z))
	}
	return r.worst(Fail, z.Name+" has no record for "+a.Name, "no record "+fqdn+" in "+idOf(z))
}

// allRecords reports whether all records of a zone were read. Azure's count
// includes the SOA record, which every zone has; a zone of which no record was
// read was not read.
func (s *scene) allRecords(z *estate.PrivateZone) bool {
	soa := slices.ContainsFunc(z.Records, func(r *estate.RecordSet) bool { return r.Kind == "SOA" })
	switch z.Count.State {
	case estate.Known:
		return len(z.Records) >= z.Count.V || !soa && len(z.Records) >= z.Count.V-1
	case estate.Unknown:
		return false
	}
	return s.Planned || len(z.Records) > 0
}

// keeps passes where a zone group of the endpoints keeps a zone's records.
func keeps(doors []*door, z *estate.PrivateZone) Status {
	answer := Fail
	for _, d := range doors {
		for _, g := range d.ZoneGroups {
			refs, sure := zonesOf(g)
			if !sure {
				answer = better(answer, Unknown)
			}
			for _, ref := range refs {
				if ref.To == z {
					return Pass
				}
			}
		}
	}
	return answer
}

// within reports whether every known address of a list is among those wanted.
func (s *scene) within(l estate.List[string], want []netip.Addr) bool {
	for _, v := range l.Items {
		addr, err := netip.ParseAddr(v.V)
		if v.State != estate.Known || err != nil || !contains(want, addr) {
			return false
		}
	}
	return true
}

func contains(all []netip.Addr, a netip.Addr) bool {
	for _, x := range all {
		if x == a.Unmap() {
			return true
		}
	}
	return false
}

func words(addrs []netip.Addr) []string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String()
	}
	return out
}

// leftBehind looks for a record of an endpoint that is gone: its address lies
// in a subnet of an endpoint, where nothing has it any more. What other
// records mean cannot be told from here: they may be other people's.
func (s *scene) leftBehind(z *estate.PrivateZone, label string) resolved {
	r := resolved{status: Pass}
	for _, set := range z.Records {
		if set.Kind != "A" || strings.EqualFold(set.Name, label) {
			continue
		}
		for _, v := range set.IPv4.Items {
			addr, err := netip.ParseAddr(v.V)
			if v.State != estate.Known || err != nil || s.taken(addr) || !s.endpointSpace().Has(addr) {
				continue
			}
			r.evidence = append(r.evidence, sawList(s, set, set.IPv4, ""))
			r = r.worst(Fail, z.Name+" holds the record "+set.Name+" of an endpoint that is gone", "A "+set.Name+"."+z.Name+" = "+v.V+", which nothing has")
		}
	}
	return r
}

// taken reports whether an interface or an endpoint has an address.
func (s *scene) taken(a netip.Addr) bool {
	if s.addresses == nil {
		s.addresses = map[netip.Addr]bool{}
		keep := func(v estate.Value[string]) {
			if addr, err := netip.ParseAddr(v.V); err == nil {
				s.addresses[addr.Unmap()] = true
			}
		}
		for _, x := range s.Interfaces {
			for _, ip := range x.IPs {
				keep(ip.Address)
			}
		}
		for _, e := range s.PrivateEndpoints {
			for _, ip := range e.IPs {
				keep(ip.Address)
			}
			for _, n := range e.Names {
				for _, v := range n.Addresses.Items {
					keep(v)
				}
			}
		}
	}
	return s.addresses[a.Unmap()]
}

// endpointSpace is the subnets of all judged endpoints.
func (s *scene) endpointSpace() topology.Set {
	if s.space == nil {
		for _, a := range s.accounts {
			for _, d := range a.doors {
				if d.Subnet.To != nil {
					s.space = s.space.Union(setOf(d.Subnet.To.Prefixes))
				}
			}
		}
	}
	return s.space
}
