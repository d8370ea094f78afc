package arm

import (
	"net/netip"
	"strings"
)

// usedIn are the addresses that resources have in a subnet, and whose.
func (s *Server) usedIn(subnet string) map[netip.Addr]*record {
	used := map[netip.Addr]*record{}
	for _, r := range s.referrers(subnet, "") {
		holdings(r.doc, fold(subnet), func(a netip.Addr) { used[a] = r })
	}
	return used
}

// holdings finds the objects that name a subnet and an address beside it.
func holdings(v any, subnet string, yield func(netip.Addr)) {
	switch v := v.(type) {
	case doc:
		if fold(text(v, "subnet.id")) == subnet {
			for _, key := range []string{"privateIPAddress", "privateIpAddress"} {
				if a, err := netip.ParseAddr(text(v, key)); err == nil {
					yield(a)
				}
			}
		}
		for _, x := range v {
			holdings(x, subnet, yield)
		}
	case []any:
		for _, x := range v {
			holdings(x, subnet, yield)
		}
	}
}

// lease gives an ip configuration of w's document an address of its subnet:
// the one it asks for, the one it had, or the next that is free. Azure keeps
// the first four addresses and the last one of every prefix.
func (w *writing) lease(config doc, name, addrKey, methodKey string) *refusal {
	p := object(config, "properties")
	if p == nil {
		p = config
	}
	id := text(p, "subnet.id")
	if id == "" {
		return badRequest("InvalidRequestFormat", "The ip configuration %s of %s names no subnet.", clip(name), w.id)
	}
	subnet, no := w.s.target(id, subnetType, w.id)
	if no != nil {
		return no
	}
	if static := strings.EqualFold(text(p, methodKey), "Static"); static && text(p, addrKey) != "" {
		return w.claim(subnet, text(p, addrKey))
	}
	set(p, methodKey, "Dynamic")
	addr, no := w.s.free(subnet, w.id, w.had(subnet, name, addrKey), text(p, "privateIPAddressVersion") == "IPv6", w.mine(subnet))
	if no != nil {
		return no
	}
	set(p, addrKey, addr.String())
	return nil
}

// had is the address that the configuration of that name had in the subnet.
func (w *writing) had(subnet *record, name, addrKey string) string {
	if w.old == nil {
		return ""
	}
	found := ""
	for _, c := range append(objects(w.old.doc, "properties.ipConfigurations"), objects(w.old.doc, "properties.frontendIPConfigurations")...) {
		p := object(c, "properties")
		if p == nil {
			p = c
		}
		if text(c, "name") == name && fold(text(p, "subnet.id")) == subnet.key() {
			found = text(p, addrKey)
		}
	}
	return found
}

// mine are the addresses that w's own document has taken already.
func (w *writing) mine(subnet *record) map[netip.Addr]bool {
	own := map[netip.Addr]bool{}
	holdings(w.doc, subnet.key(), func(a netip.Addr) { own[a] = true })
	return own
}

// claim holds an address that is asked for to Azure's rules.
func (w *writing) claim(subnet *record, want string) *refusal {
	addr, err := netip.ParseAddr(want)
	if err != nil {
		return badRequest("InvalidIPAddressFormat", "IP address %s of resource %s is not formatted correctly.", clip(want), w.id)
	}
	for _, p := range subnet.subnetPrefixes() {
		if !p.Contains(addr) {
			continue
		}
		if reserved(p, addr) {
			return badRequest("PrivateIPAddressInReservedRange", "Private static IP address %s falls within reserved IP range of subnet prefix %s.", addr, p)
		}
		if u := w.s.usedIn(subnet.id)[addr]; u != nil && u.key() != fold(w.id) && !w.s.belongs(u, w.id) {
			return badRequest("PrivateIPAddressInUse", "IP configuration of %s is using the private IP address %s which is already allocated to resource %s.", w.id, addr, u.id)
		}
		return nil
	}
	return badRequest("PrivateIPAddressNotInSubnet", "Private static IP address %s does not belong to the range of subnet prefix %s.", addr, join(subnet.subnetPrefixes()))
}

// belongs says whether a network interface is that of a private endpoint.
func (s *Server) belongs(nic *record, endpoint string) bool {
	return fold(text(nic.doc, "properties.privateEndpoint.id")) == fold(endpoint)
}

func join(all []netip.Prefix) string {
	var b []string
	for _, p := range all {
		b = append(b, p.String())
	}
	return strings.Join(b, ",")
}

func reserved(p netip.Prefix, a netip.Addr) bool {
	first := p.Masked().Addr()
	for range 4 {
		if a == first {
			return true
		}
		first = first.Next()
	}
	return a.Is4() && !p.Contains(a.Next())
}

// free is the address before, if it is nobody else's, or the lowest free one.
func (s *Server) free(subnet *record, who, before string, v6 bool, own map[netip.Addr]bool) (netip.Addr, *refusal) {
	used := s.usedIn(subnet.id)
	taken := func(a netip.Addr) bool {
		u := used[a]
		return own[a] || u != nil && u.key() != fold(who) && !s.belongs(u, who)
	}
	if a, err := netip.ParseAddr(before); err == nil && !taken(a) && inSpace(subnet.subnetPrefixes(), netip.PrefixFrom(a, a.BitLen())) {
		return a, nil
	}
	for _, p := range subnet.subnetPrefixes() {
		if p.Addr().Is4() == v6 {
			continue
		}
		a := p.Addr()
		for range 4 {
			a = a.Next()
		}
		for n := 0; p.Contains(a) && n < 1<<16; n++ {
			if !taken(a) && !reserved(p, a) {
				return a, nil
			}
			a = a.Next()
		}
	}
	return netip.Addr{}, badRequest("SubnetIsFull", "Subnet %s with address prefix %s does not have enough capacity for 1 IP addresses.", subnet.name(), join(subnet.subnetPrefixes()))
}
