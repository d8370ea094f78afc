package arm

import (
	"net/netip"
	"strings"
)

const (
	resolverType = "Microsoft.Network/dnsResolvers"
	inboundType  = resolverType + "/inboundEndpoints"
	outboundType = resolverType + "/outboundEndpoints"
	rulesetType  = "Microsoft.Network/dnsForwardingRulesets"
)

func resolverKinds() []kind {
	return []kind{
		{typ: resolverType, etag: true, check: checkResolver, keep: keepResolver, show: func(_ *Server, r *record, d doc) {
			set(d, "properties.resourceGuid", r.guid("resource"))
			set(d, "properties.dnsResolverState", "Connected")
		}},
		{typ: inboundType, etag: true, check: checkInbound, show: guidShown},
		{typ: outboundType, etag: true, check: checkOutbound, show: guidShown, keep: keepOutbound},
		{typ: rulesetType, etag: true, check: checkRuleset, show: guidShown},
		{typ: rulesetType + "/forwardingRules", etag: true, check: checkForwarding, defaults: `{"properties":{"forwardingRuleState":"Enabled"}}`},
		{typ: rulesetType + "/virtualNetworkLinks", etag: true, check: checkRulesetLink},
	}
}

func checkResolver(w *writing) *refusal {
	vnet, no := w.refer("properties.virtualNetwork.id", vnetType)
	if no != nil || vnet == nil {
		return badRequest("InvalidParameter", "The virtual network of the DNS resolver %s was not found.", last(w.id))
	}
	for _, r := range w.s.referrers(vnet.id, resolverType) {
		if r.key() != fold(w.id) {
			return conflict("Conflict", "The virtual network %s has the DNS resolver %s already.", vnet.id, r.id)
		}
	}
	return needLocation(w)
}

func keepResolver(s *Server, r *record) *refusal {
	if len(s.children(r.id, "")) > 0 {
		return conflict("CannotDeleteResource", "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: '%s'. Please delete all nested resources before deleting this resource.", s.children(r.id, "")[0].id)
	}
	return nil
}

func checkInbound(w *writing) *refusal {
	configs := objects(w.doc, "properties.ipConfigurations")
	if len(configs) == 0 {
		return badRequest("InvalidParameter", "The inbound endpoint %s has no ip configuration.", last(w.id))
	}
	for _, c := range configs {
		if w.old != nil { // its address stays, as it cannot be changed in Azure
			if before := objects(w.old.doc, "properties.ipConfigurations"); len(before) > 0 {
				initial(c, "privateIpAddress", text(before[0], "privateIpAddress"))
				continue
			}
		}
		if no := w.inOwnNetwork(text(c, "subnet.id")); no != nil {
			return no
		}
		if no := w.lease(c, "", "privateIpAddress", "privateIpAllocationMethod"); no != nil {
			return no
		}
	}
	return nil
}

// inOwnNetwork refuses a subnet that is not of the resolver's network.
func (w *writing) inOwnNetwork(subnet string) *refusal {
	resolver := w.parent()
	if resolver == nil || !within(subnet, text(resolver.doc, "properties.virtualNetwork.id")) {
		return badRequest("InvalidParameter", "The subnet '%s' of %s is not in the virtual network of its DNS resolver.", clip(subnet), last(w.id))
	}
	return nil
}

func checkOutbound(w *writing) *refusal {
	if _, no := w.refer("properties.subnet.id", subnetType); no != nil {
		return no
	}
	return w.inOwnNetwork(text(w.doc, "properties.subnet.id"))
}

func keepOutbound(s *Server, r *record) *refusal {
	for _, u := range s.referrers(r.id, rulesetType) {
		return conflict("CannotDeleteResource", "The outbound endpoint %s is used by the ruleset %s.", r.id, u.id)
	}
	return nil
}

func checkRuleset(w *writing) *refusal {
	ends := objects(w.doc, "properties.dnsResolverOutboundEndpoints")
	if len(ends) == 0 {
		return badRequest("InvalidParameter", "The DNS forwarding ruleset %s names no outbound endpoint.", last(w.id))
	}
	for _, o := range ends {
		if _, no := w.s.target(text(o, "id"), outboundType, w.id); no != nil {
			return no
		}
	}
	return needLocation(w)
}

func checkForwarding(w *writing) *refusal {
	domain := text(w.doc, "properties.domainName")
	if !strings.HasSuffix(domain, ".") || domain != "." && !zonePattern().MatchString(strings.TrimSuffix(domain, ".")) {
		return badRequest("InvalidParameter", "The domain name '%s' of the forwarding rule %s must be a domain name that ends in a dot.", clip(domain), last(w.id))
	}
	servers := objects(w.doc, "properties.targetDnsServers")
	if len(servers) == 0 || len(servers) > 6 {
		return badRequest("InvalidParameter", "The forwarding rule %s must have one to six target DNS servers.", last(w.id))
	}
	for _, s := range servers {
		if _, err := netip.ParseAddr(text(s, "ipAddress")); err != nil {
			return badRequest("InvalidParameter", "The target DNS server '%s' of %s is not an IP address.", clip(text(s, "ipAddress")), last(w.id))
		}
		initial(s, "port", 53.0)
	}
	for _, r := range w.siblings() {
		if strings.EqualFold(text(r.doc, "properties.domainName"), domain) {
			return conflict("Conflict", "The forwarding rule %s has the domain name '%s' already.", r.name(), domain)
		}
	}
	return nil
}

func checkRulesetLink(w *writing) *refusal {
	vnet, no := w.refer("properties.virtualNetwork.id", vnetType)
	if no != nil || vnet == nil {
		return badRequest("InvalidParameter", "The virtual network of the ruleset link %s was not found.", last(w.id))
	}
	for _, l := range w.s.referrers(vnet.id, rulesetType+"/virtualNetworkLinks") {
		if l.key() != fold(w.id) {
			return conflict("Conflict", "The virtual network %s is linked to a DNS forwarding ruleset already, by %s.", vnet.id, l.id)
		}
	}
	return nil
}
