package arm

import (
	"net/netip"
	"strconv"
	"strings"
)

// checkRule refuses what Azure refuses of one rule; reviewRules of all.
func checkRule(w *writing) *refusal {
	p := object(w.doc, "properties")
	if p == nil {
		return badContent("a security rule needs properties")
	}
	n, ok := number(p, "priority")
	if !ok || n < 100 || n > 4096 || n != float64(int(n)) {
		return badRequest("SecurityRuleInvalidPriority", "Security rule %s has invalid Priority. Value provided: %v. Allowed range 100-4096.", w.id, at(p, "priority"))
	}
	for path, allowed := range map[string][]string{"direction": {"Inbound", "Outbound"}, "access": {"Allow", "Deny"}, "protocol": {"*", "Tcp", "Udp", "Icmp", "Esp", "Ah"}} {
		if !oneOf(text(p, path), allowed) {
			return badRequest("SecurityRuleInvalidValue", "Security rule %s has invalid %s. Value provided: %s. Allowed values: %s.", w.id, path, clip(text(p, path)), strings.Join(allowed, ","))
		}
	}
	for _, side := range []string{"source", "destination"} {
		if no := checkSide(w, p, side); no != nil {
			return no
		}
	}
	return nil
}

func oneOf(s string, allowed []string) bool {
	for _, a := range allowed {
		if strings.EqualFold(a, s) {
			return true
		}
	}
	return false
}

func checkSide(w *writing, p doc, side string) *refusal {
	many := texts(p, side+"AddressPrefixes")
	one := text(p, side+"AddressPrefix")
	groups := objects(p, side+"ApplicationSecurityGroups")
	if one == "" && len(many) == 0 && len(groups) == 0 {
		return badRequest("SecurityRuleParameterNotSpecified", "Required security rule parameters are missing for security rule with Id: %s. Security rule must specify %sAddressPrefixes, %sAddressPrefix, or %sApplicationSecurityGroups.", w.id, side, side, side)
	}
	for _, prefix := range append(many, one) {
		if prefix != "" && !addressOrTag(prefix) {
			return badRequest("SecurityRuleInvalidAddressPrefix", "Security rule %s has invalid Address prefix. Value provided: %s", w.id, clip(prefix))
		}
	}
	for _, g := range groups {
		if _, no := w.s.target(text(g, "id"), asgType, w.id); no != nil {
			return no
		}
	}
	ports := append(texts(p, side+"PortRanges"), text(p, side+"PortRange"))
	for _, port := range ports {
		if port != "" && !portRange(port) {
			return badRequest("SecurityRuleInvalidPortRange", "Security rule %s has invalid Port range. Value provided: %s. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535.", w.id, clip(port))
		}
	}
	return nil
}

// addressOrTag accepts an address, a CIDR, a star, and anything that begins
// with a letter: which service tags there are, Azure tells and we do not.
func addressOrTag(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	c := s[0] | 0x20
	return s == "*" || c >= 'a' && c <= 'z' && !strings.Contains(s, "/")
}

func portRange(s string) bool {
	if s == "*" {
		return true
	}
	from, to, dashed := strings.Cut(s, "-")
	a, err := strconv.ParseUint(from, 10, 16)
	if err != nil || !dashed {
		return err == nil
	}
	b, err := strconv.ParseUint(to, 10, 16)
	return err == nil && a <= b
}

// reviewRules refuses two rules of one direction and priority.
func reviewRules(s *Server, r *record) *refusal {
	seen := map[string]*record{}
	for _, rule := range s.children(r.id, nsgType+"/securityRules") {
		n, _ := number(rule.doc, "properties.priority")
		key := strings.ToLower(text(rule.doc, "properties.direction")) + strconv.Itoa(int(n))
		if other := seen[key]; other != nil {
			return badRequest("SecurityRuleConflict", "Security rule %s conflicts with rule %s. Rules cannot have the same Priority and Direction.", rule.name(), other.name())
		}
		seen[key] = rule
	}
	return nil
}

// defaultRules are those that every group has; azure-facts: Azure's page
// "Network security groups".
func defaultRules(id string) []any {
	rule := func(name, direction, access, source, destination, about string, priority int) any {
		return doc{
			"id": id + "/defaultSecurityRules/" + name, "name": name, "type": nsgType + "/defaultSecurityRules",
			"properties": doc{
				"provisioningState": "Succeeded", "description": about, "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*",
				"sourceAddressPrefix": source, "destinationAddressPrefix": destination, "access": access, "priority": float64(priority), "direction": direction,
				"sourcePortRanges": []any{}, "destinationPortRanges": []any{}, "sourceAddressPrefixes": []any{}, "destinationAddressPrefixes": []any{},
			},
		}
	}
	const vnet = "VirtualNetwork"
	return []any{
		rule("AllowVnetInBound", "Inbound", "Allow", vnet, vnet, "Allow inbound traffic from all VMs in VNET", 65000),
		rule("AllowAzureLoadBalancerInBound", "Inbound", "Allow", "AzureLoadBalancer", "*", "Allow inbound traffic from azure load balancer", 65001),
		rule("DenyAllInBound", "Inbound", "Deny", "*", "*", "Deny all inbound traffic", 65500),
		rule("AllowVnetOutBound", "Outbound", "Allow", vnet, vnet, "Allow outbound traffic from all VMs to all VMs in VNET", 65000),
		rule("AllowInternetOutBound", "Outbound", "Allow", "*", "Internet", "Allow outbound traffic from all VMs to Internet", 65001),
		rule("DenyAllOutBound", "Outbound", "Deny", "*", "*", "Deny all outbound traffic", 65500),
	}
}

func showGroup(s *Server, r *record, d doc) {
	set(d, "properties.resourceGuid", r.guid("resource"))
	set(d, "properties.defaultSecurityRules", defaultRules(r.id))
	s.showUsers(r, d, "subnets", subnetType)
	s.showUsers(r, d, "networkInterfaces", nicType)
}

// showUsers lists who names a resource, where anybody does.
func (s *Server) showUsers(r *record, d doc, name, typ string) {
	var all []any
	for _, u := range s.referrers(r.id, typ) {
		all = append(all, doc{"id": u.id})
	}
	unset(d, prop(name))
	if all != nil {
		set(d, prop(name), all)
	}
}

// inUse refuses the deletion of what a subnet or an interface names.
func (s *Server) inUse(r *record, code, what string) *refusal {
	for _, typ := range []string{subnetType, nicType} {
		for _, u := range s.referrers(r.id, typ) {
			return badRequest(code, "%s %s cannot be deleted because it is in use by the following resources: %s. In order to delete the %s, remove the association with the resource(s).", what, r.id, u.id, what)
		}
	}
	return nil
}

func keepGroup(s *Server, r *record) *refusal {
	return s.inUse(r, "InUseNetworkSecurityGroupCannotBeDeleted", "Network security group")
}

func showTable(s *Server, r *record, d doc) {
	set(d, "properties.resourceGuid", r.guid("resource"))
	s.showUsers(r, d, "subnets", subnetType)
}

func keepTable(s *Server, r *record) *refusal {
	return s.inUse(r, "InUseRouteTableCannotBeDeleted", "Route table")
}

func checkRoute(w *writing) *refusal {
	prefix, hop, ip := text(w.doc, "properties.addressPrefix"), text(w.doc, "properties.nextHopType"), text(w.doc, "properties.nextHopIpAddress")
	if prefix == "" || !addressOrTag(prefix) {
		return badRequest("InvalidAddressPrefixFormat", "Address prefix %s of resource %s is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24.", clip(prefix), w.id)
	}
	if !oneOf(hop, []string{"VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None"}) {
		return badRequest("InvalidNextHopType", "Route %s has an invalid next hop type '%s'.", w.id, clip(hop))
	}
	if _, err := netip.ParseAddr(ip); strings.EqualFold(hop, "VirtualAppliance") != (err == nil) {
		return badRequest("InvalidNextHopIpAddress", "The next hop IP address of route %s must be given for the next hop type VirtualAppliance, and for no other.", w.id)
	}
	for _, r := range w.siblings() {
		if text(r.doc, "properties.addressPrefix") == prefix {
			return badRequest("RouteConflict", "Route %s conflicts with route %s: both have the address prefix %s.", last(w.id), r.name(), prefix)
		}
	}
	return nil
}
