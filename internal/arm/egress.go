package arm

import (
	"net/netip"
	"strings"
)

const (
	firewallType = "Microsoft.Network/azureFirewalls"
	policyType   = "Microsoft.Network/firewallPolicies"
	balancerType = "Microsoft.Network/loadBalancers"
)

func egressKinds() []kind {
	return []kind{
		{
			typ: publicIPType, etag: true, check: checkPublicIP, show: showPublicIP, keep: keepPublicIP,
			defaults: `{"sku":{"name":"Basic","tier":"Regional"},"properties":{"publicIPAddressVersion":"IPv4","publicIPAllocationMethod":"Dynamic","idleTimeoutInMinutes":4,"ipTags":[],"ddosSettings":{"protectionMode":"VirtualNetworkInherited"}}}`,
		},
		{
			typ: prefixType, etag: true, check: checkPublicPrefix, show: guidShown,
			defaults: `{"sku":{"name":"Standard","tier":"Regional"},"properties":{"publicIPAddressVersion":"IPv4","ipTags":[]}}`,
		},
		{
			typ: natType, etag: true, check: checkNAT, show: showNAT, keep: keepNAT,
			defaults: `{"sku":{"name":"Standard","tier":"Regional"},"properties":{"idleTimeoutInMinutes":4}}`,
		},
		{typ: firewallType, etag: true, parts: []string{"ipConfigurations"}, check: checkFirewall, defaults: `{"properties":{"threatIntelMode":"Alert","additionalProperties":{},"networkRuleCollections":[],"applicationRuleCollections":[],"natRuleCollections":[]}}`},
		{typ: policyType, etag: true, check: needLocation, show: showPolicy, keep: keepPolicy, defaults: `{"properties":{"threatIntelMode":"Alert"}}`},
		{typ: policyType + "/ruleCollectionGroups", etag: true},
		{typ: balancerType, etag: true, parts: []string{"frontendIPConfigurations", "backendAddressPools", "probes", "loadBalancingRules", "outboundRules"}, check: checkBalancer, show: guidShown},
		{typ: "Microsoft.Network/virtualNetworkGateways", etag: true, parts: []string{"ipConfigurations"}, show: guidShown},
		{typ: "Microsoft.Network/localNetworkGateways", etag: true, show: guidShown},
		{typ: "Microsoft.Network/connections", etag: true, show: guidShown},
	}
}

func guidShown(_ *Server, r *record, d doc) { set(d, "properties.resourceGuid", r.guid("resource")) }

// checkPublicIP gives an address that is nobody's on the real internet: of
// 198.51.100.0/24 and 203.0.113.0/24 (RFC 5737), then of 198.18.0.0/15
// (RFC 2544).
func checkPublicIP(w *writing) *refusal {
	if no := needLocation(w); no != nil {
		return no
	}
	p := object(w.doc, "properties")
	if strings.EqualFold(text(w.doc, "sku.name"), "Standard") && !strings.EqualFold(text(p, "publicIPAllocationMethod"), "Static") {
		return badRequest("StandardSkuPublicIPAddressesMustBeStatic", "Standard sku publicIp %s must have AllocationMethod set to Static.", w.id)
	}
	if label := text(p, "dnsSettings.domainNameLabel"); label != "" {
		fqdn := label + "." + text(w.doc, "location") + ".cloudapp.azure.com"
		for _, r := range w.s.ofType(publicIPType) {
			if r.key() != fold(w.id) && strings.EqualFold(text(r.doc, "properties.dnsSettings.fqdn"), fqdn) {
				return badRequest("DnsRecordInUse", "DNS record %s is already used by another public IP.", fqdn)
			}
		}
		set(p, "dnsSettings.fqdn", fqdn)
	}
	unset(p, "ipConfiguration")
	unset(p, "natGateway")
	w.keep("properties.ipAddress")
	if text(p, "ipAddress") == "" && text(p, "publicIPAddressVersion") == "IPv4" {
		set(p, "ipAddress", w.s.publicAddress().String())
	}
	return nil
}

func (s *Server) publicAddress() netip.Addr {
	used := map[string]bool{}
	for _, r := range s.ofType(publicIPType) {
		used[text(r.doc, "properties.ipAddress")] = true
	}
	for _, block := range []string{"198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15"} {
		p := netip.MustParsePrefix(block)
		for a := p.Addr().Next(); p.Contains(a.Next()); a = a.Next() {
			if !used[a.String()] {
				return a
			}
		}
	}
	return netip.AddrFrom4([4]byte{198, 51, 100, 1})
}

func showPublicIP(s *Server, r *record, d doc) {
	set(d, "properties.resourceGuid", r.guid("resource"))
	for _, u := range s.referrers(r.id, "") {
		if u.is(natType) {
			set(d, "properties.natGateway", doc{"id": u.id})
			continue
		}
		for _, name := range []string{"ipConfigurations", "frontendIPConfigurations"} {
			for _, c := range objects(u.doc, prop(name)) {
				if fold(text(c, "properties.publicIPAddress.id")) == r.key() {
					set(d, "properties.ipConfiguration", doc{"id": u.id + "/" + name + "/" + text(c, "name")})
				}
			}
		}
	}
}

func keepPublicIP(s *Server, r *record) *refusal {
	for _, u := range s.referrers(r.id, "") {
		if !strings.HasPrefix(fold(u.typ), "microsoft.network/") {
			continue // names it without having it: a role assignment, a deployment
		}
		return badRequest("PublicIPAddressCannotBeDeleted", "Public IP address %s can not be deleted since it is still allocated to resource %s. In order to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do this, see aka.ms/deletepublicip.", r.id, u.id)
	}
	return nil
}

func checkPublicPrefix(w *writing) *refusal {
	w.keep("properties.ipPrefix")
	if text(w.doc, "properties.ipPrefix") == "" {
		set(w.doc, "properties.ipPrefix", "192.0.2.0/28") // RFC 5737
	}
	return needLocation(w)
}

func checkNAT(w *writing) *refusal {
	for _, list := range []struct{ path, typ string }{{"publicIpAddresses", publicIPType}, {"publicIpPrefixes", prefixType}} {
		for _, o := range objects(w.doc, prop(list.path)) {
			if _, no := w.s.target(text(o, "id"), list.typ, w.id); no != nil {
				return no
			}
			if list.typ == publicIPType {
				if no := w.takePublic(text(o, "id")); no != nil {
					return no
				}
			}
		}
	}
	unset(w.doc, "properties.subnets")
	return needLocation(w)
}

func showNAT(s *Server, r *record, d doc) {
	set(d, "properties.resourceGuid", r.guid("resource"))
	s.showUsers(r, d, "subnets", subnetType)
}

func keepNAT(s *Server, r *record) *refusal {
	return s.inUse(r, "InUseNatGatewayCannotBeDeleted", "Nat gateway")
}

// checkFirewall gives every configuration the one address that the firewall
// has in AzureFirewallSubnet.
func checkFirewall(w *writing) *refusal {
	if _, no := w.refer("properties.firewallPolicy.id", policyType); no != nil {
		return no
	}
	for i, c := range objects(w.doc, "properties.ipConfigurations") {
		if id := text(c, "properties.publicIPAddress.id"); id != "" {
			if no := w.takePublic(id); no != nil {
				return no
			}
		}
		subnet := text(c, "properties.subnet.id")
		if i == 0 && !strings.EqualFold(last(subnet), "AzureFirewallSubnet") {
			return badRequest("AzureFirewallSubnetNameInvalid", "The subnet of Azure Firewall %s must be named AzureFirewallSubnet.", w.id)
		}
		if subnet == "" {
			continue
		}
		if no := w.lease(c, text(c, "name"), "privateIPAddress", "privateIPAllocationMethod"); no != nil {
			return no
		}
	}
	return needLocation(w)
}

func showPolicy(s *Server, r *record, d doc) {
	groups := []any{}
	for _, g := range s.children(r.id, policyType+"/ruleCollectionGroups") {
		groups = append(groups, doc{"id": g.id})
	}
	set(d, "properties.ruleCollectionGroups", groups)
	s.showUsers(r, d, "firewalls", firewallType)
	s.showUsers(r, d, "childPolicies", policyType)
}

func keepPolicy(s *Server, r *record) *refusal {
	for _, u := range s.referrers(r.id, firewallType) {
		return badRequest("FirewallPolicyInUse", "Firewall policy %s is in use by %s and cannot be deleted.", r.id, u.id)
	}
	return nil
}

func checkBalancer(w *writing) *refusal {
	for _, c := range objects(w.doc, "properties.frontendIPConfigurations") {
		if text(c, "properties.subnet.id") == "" {
			continue
		}
		if no := w.lease(c, text(c, "name"), "privateIPAddress", "privateIPAllocationMethod"); no != nil {
			return no
		}
	}
	return needLocation(w)
}
