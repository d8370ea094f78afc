package arm

import (
	"net/netip"
	"strings"
)

const (
	vnetType     = "Microsoft.Network/virtualNetworks"
	subnetType   = vnetType + "/subnets"
	peeringType  = vnetType + "/virtualNetworkPeerings"
	nsgType      = "Microsoft.Network/networkSecurityGroups"
	tableType    = "Microsoft.Network/routeTables"
	nicType      = "Microsoft.Network/networkInterfaces"
	publicIPType = "Microsoft.Network/publicIPAddresses"
	prefixType   = "Microsoft.Network/publicIPPrefixes"
	natType      = "Microsoft.Network/natGateways"
	endpointType = "Microsoft.Network/privateEndpoints"
	asgType      = "Microsoft.Network/applicationSecurityGroups"
)

func networkKinds() []kind {
	return []kind{
		{
			typ: vnetType, etag: true, embeds: []string{"subnets", "virtualNetworkPeerings"},
			defaults: `{"properties":{"enableDdosProtection":false,"privateEndpointVNetPolicies":"Disabled","dhcpOptions":{"dnsServers":[]}}}`,
			check:    checkNetwork, review: reviewNetwork, show: showNetwork, keep: keepNetwork,
		},
		{
			typ: subnetType, etag: true, parts: []string{"delegations", "serviceEndpointPolicies"},
			defaults: `{"properties":{"privateEndpointNetworkPolicies":"Disabled","privateLinkServiceNetworkPolicies":"Enabled","delegations":[]}}`,
			check:    checkSubnet, show: showSubnet, keep: keepSubnet,
		},
		{
			typ: peeringType, etag: true,
			defaults: `{"properties":{"allowVirtualNetworkAccess":true,"allowForwardedTraffic":false,"allowGatewayTransit":false,"useRemoteGateways":false,"doNotVerifyRemoteGateways":false,"peerCompleteVnets":true}}`,
			check:    checkPeering, show: showPeering, gone: gonePeering,
		},
		{typ: nsgType, etag: true, embeds: []string{"securityRules"}, check: needLocation, review: reviewRules, show: showGroup, keep: keepGroup},
		{
			typ: nsgType + "/securityRules", etag: true, check: checkRule,
			defaults: `{"properties":{"sourceAddressPrefixes":[],"destinationAddressPrefixes":[],"sourcePortRanges":[],"destinationPortRanges":[]}}`,
		},
		{typ: asgType, etag: true, check: needLocation},
		{
			typ: tableType, etag: true, embeds: []string{"routes"}, check: needLocation, show: showTable, keep: keepTable,
			defaults: `{"properties":{"disableBgpRoutePropagation":false}}`,
		},
		{typ: tableType + "/routes", etag: true, check: checkRoute, defaults: `{"properties":{"hasBgpOverride":false}}`},
		{
			typ: nicType, etag: true, parts: []string{"ipConfigurations"}, check: checkInterface, show: showInterface, keep: keepInterface,
			defaults: `{"properties":{"enableAcceleratedNetworking":false,"enableIPForwarding":false,"disableTcpStateTracking":false,"nicType":"Standard","dnsSettings":{"dnsServers":[],"appliedDnsServers":[]},"vnetEncryptionSupported":false,"hostedWorkloads":[],"tapConfigurations":[]}}`,
		},
	}
}

// prefixes are the CIDRs of a list, or of a single value, or the refusal of
// the first that is none.
func prefixes(d doc, where string, paths ...string) ([]netip.Prefix, *refusal) {
	var all []netip.Prefix
	for _, path := range paths {
		found := texts(d, path)
		if s := text(d, path); s != "" {
			found = append(found, s)
		}
		for _, s := range found {
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return nil, badRequest("InvalidAddressPrefixFormat", "Address prefix %s of resource %s is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24.", clip(s), where)
			}
			if p.Masked() != p {
				return nil, badRequest("InvalidCIDRNotation", "The address prefix %s in resource %s has an invalid CIDR notation. For the given prefix length, the address prefix should be %s.", s, where, p.Masked())
			}
			all = append(all, p)
		}
	}
	return all, nil
}

func (r *record) space() []netip.Prefix {
	all, _ := prefixes(r.doc, r.id, "properties.addressSpace.addressPrefixes")
	return all
}

func (r *record) subnetPrefixes() []netip.Prefix {
	all, _ := prefixes(r.doc, r.id, "properties.addressPrefixes", "properties.addressPrefix")
	return all
}

func checkNetwork(w *writing) *refusal {
	if no := needLocation(w); no != nil {
		return no
	}
	space, no := prefixes(w.doc, w.id, "properties.addressSpace.addressPrefixes")
	if no != nil {
		return no
	}
	if len(space) == 0 && len(list(w.doc, "properties.addressSpace.ipamPoolPrefixAllocations")) == 0 {
		return badRequest("InvalidRequestFormat", "Cannot parse the request: the virtual network %s has no address prefix.", last(w.id))
	}
	for i, a := range space {
		for _, b := range space[:i] {
			if a.Overlaps(b) {
				return badRequest("NetcfgInvalidVirtualNetworkSite", "The address prefixes %s and %s of virtual network '%s' overlap.", b, a, last(w.id))
			}
		}
	}
	return nil
}

// reviewNetwork holds every subnet to the space and to the others.
func reviewNetwork(s *Server, r *record) *refusal {
	type taken struct {
		name   string
		prefix netip.Prefix
	}
	var all []taken
	for _, sub := range s.children(r.id, subnetType) {
		for _, p := range sub.subnetPrefixes() {
			if !inSpace(r.space(), p) {
				return badRequest("NetcfgInvalidSubnet", "Subnet '%s' is not valid because its IP address range is outside the IP address range of virtual network '%s'.", sub.name(), r.name())
			}
			for _, t := range all {
				if t.prefix.Overlaps(p) {
					return badRequest("NetcfgSubnetRangesOverlap", "Subnet '%s' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '%s'.", sub.name(), r.name())
				}
			}
			all = append(all, taken{sub.name(), p})
		}
	}
	return nil
}

func inSpace(space []netip.Prefix, p netip.Prefix) bool {
	for _, s := range space {
		if s.Bits() <= p.Bits() && s.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

func showNetwork(_ *Server, r *record, d doc) { set(d, "properties.resourceGuid", r.guid("resource")) }

func keepNetwork(s *Server, r *record) *refusal {
	for _, sub := range s.children(r.id, subnetType) {
		if no := keepSubnet(s, sub); no != nil {
			return no
		}
	}
	return nil
}

func checkSubnet(w *writing) *refusal {
	all, no := prefixes(w.doc, w.id, "properties.addressPrefixes", "properties.addressPrefix")
	if no != nil {
		return no
	}
	if len(all) == 0 && len(list(w.doc, "properties.ipamPoolPrefixAllocations")) == 0 {
		return badRequest("InvalidRequestFormat", "Cannot parse the request: the subnet %s has no address prefix.", last(w.id))
	}
	for _, p := range all {
		if p.Addr().Is4() && p.Bits() > 29 {
			return badRequest("NetcfgInvalidSubnet", "Subnet '%s' is not valid in virtual network '%s'.", last(w.id), last(up(up(w.id))))
		}
	}
	for path, typ := range map[string]string{
		"properties.networkSecurityGroup.id": nsgType, "properties.routeTable.id": tableType, "properties.natGateway.id": natType,
	} {
		if _, no := w.refer(path, typ); no != nil {
			return no
		}
	}
	for _, e := range objects(w.doc, "properties.serviceEndpoints") {
		e["provisioningState"] = "Succeeded"
		initial(e, "locations", []any{"*"})
	}
	for _, d := range objects(w.doc, "properties.delegations") {
		initial(d, "properties.actions", []any{"Microsoft.Network/virtualNetworks/subnets/action"})
	}
	for _, computed := range []string{"privateEndpoints", "ipConfigurations", "purpose", "resourceNavigationLinks", "serviceAssociationLinks"} {
		unset(w.doc, prop(computed))
	}
	return w.stillHolds(all)
}

// stillHolds refuses to take a prefix away from addresses that are in use.
func (w *writing) stillHolds(all []netip.Prefix) *refusal {
	if w.old == nil {
		return nil
	}
	for addr := range w.s.usedIn(w.id) {
		if !inSpace(all, netip.PrefixFrom(addr, addr.BitLen())) {
			return badRequest("InUsePrefixCannotBeDeleted", "IpPrefix of subnet %s cannot be changed while the address %s is in use.", w.id, addr)
		}
	}
	return nil
}

func showSubnet(s *Server, r *record, d doc) {
	var endpoints, configs []any
	for _, u := range s.referrers(r.id, "") {
		if u.is(endpointType) {
			endpoints = append(endpoints, doc{"id": u.id})
		}
		if u.is(nicType) {
			for _, c := range objects(u.doc, "properties.ipConfigurations") {
				if fold(text(c, "properties.subnet.id")) == r.key() {
					configs = append(configs, doc{"id": u.id + "/ipConfigurations/" + text(c, "name")})
				}
			}
		}
	}
	if endpoints != nil {
		set(d, "properties.privateEndpoints", endpoints)
		set(d, "properties.purpose", "PrivateEndpoints")
	}
	if configs != nil {
		set(d, "properties.ipConfigurations", configs)
	}
}

// occupies lists the types that live in a subnet and keep it from deletion.
// Others only name it: a firewall rule of an account does not hold it.
func occupies(typ string) bool {
	switch fold(typ) {
	case fold(nicType), fold(endpointType), fold(firewallType), fold(balancerType), fold(inboundType), fold(outboundType),
		"microsoft.network/virtualnetworkgateways", "microsoft.network/applicationgateways", "microsoft.network/bastionhosts",
		"microsoft.app/managedenvironments", "microsoft.dbforpostgresql/flexibleservers", "microsoft.kusto/clusters",
		"microsoft.cache/redis", "microsoft.web/sites", "microsoft.containerinstance/containergroups":
		return true
	}
	return false
}

func keepSubnet(s *Server, r *record) *refusal {
	for _, u := range s.referrers(r.id, "") {
		if occupies(u.typ) {
			return badRequest("InUseSubnetCannotBeDeleted", "Subnet %s is in use by %s and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.", r.name(), u.id)
		}
	}
	return nil
}

func checkInterface(w *writing) *refusal {
	if no := needLocation(w); no != nil {
		return no
	}
	if _, no := w.refer("properties.networkSecurityGroup.id", nsgType); no != nil {
		return no
	}
	configs := objects(w.doc, "properties.ipConfigurations")
	if len(configs) == 0 {
		return badRequest("NetworkInterfaceMustHaveAtLeastOneIpConfiguration", "Network interface %s must have one or more IP configurations.", w.id)
	}
	for i, c := range configs {
		initial(c, "properties.primary", i == 0)
		initial(c, "properties.privateIPAddressVersion", "IPv4")
		if id := text(c, "properties.publicIPAddress.id"); id != "" {
			if no := w.takePublic(id); no != nil {
				return no
			}
		}
		if no := w.lease(c, text(c, "name"), "privateIPAddress", "privateIPAllocationMethod"); no != nil {
			return no
		}
	}
	w.keep("properties.privateEndpoint")
	unset(w.doc, "properties.virtualMachine")
	return nil
}

// takePublic refuses a public address that another resource has.
func (w *writing) takePublic(id string) *refusal {
	ip, no := w.s.target(id, publicIPType, w.id)
	if no != nil {
		return no
	}
	for _, u := range w.s.referrers(ip.id, "") {
		if u.key() != fold(w.id) {
			return badRequest("PublicIPAddressInUse", "Resource %s is referencing public IP address %s that is already allocated to resource %s.", w.id, ip.id, u.id)
		}
	}
	return nil
}

func showInterface(s *Server, r *record, d doc) {
	set(d, "properties.resourceGuid", r.guid("resource"))
	for _, vm := range s.referrers(r.id, vmType) {
		set(d, "properties.virtualMachine", doc{"id": vm.id})
		mac := strings.ToUpper(guidOf("mac", r.id))
		set(d, "properties.macAddress", "00-0D-3A-"+mac[:2]+"-"+mac[2:4]+"-"+mac[4:6])
	}
	set(d, "properties.primary", true)
	set(d, "properties.dnsSettings.internalDomainNameSuffix", strings.ReplaceAll(r.guid("suffix"), "-", "")[:26]+".bx.internal.cloudapp.net")
}

func keepInterface(s *Server, r *record) *refusal {
	if endpoint := text(r.doc, "properties.privateEndpoint.id"); endpoint != "" {
		return badRequest("NicInUseWithPrivateEndpoint", "Network interface %s cannot be deleted because it is that of the private endpoint %s.", r.id, endpoint)
	}
	for _, u := range s.referrers(r.id, "") {
		if u.is(vmType) {
			return badRequest("NicInUse", "Network Interface %s is used by existing resource %s. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.", r.id, u.id)
		}
	}
	return nil
}
