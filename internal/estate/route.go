package estate

// RouteTable is Microsoft.Network/routeTables.
type RouteTable struct {
	Resource
	Routes []*Route `arm:"properties.routes" tf:"route"`
	// NoGatewayRoutes keeps routes learnt from a gateway out.
	NoGatewayRoutes Value[bool] `arm:"properties.disableBgpRoutePropagation" tf:"disable_bgp_route_propagation bgp_route_propagation_enabled|not"`
}

// Route is a user-defined route.
type Route struct {
	Part
	Table       *RouteTable
	Prefix      Value[string] `arm:"properties.addressPrefix" tf:"address_prefix"` // or a service tag
	NextHop     Value[string] `arm:"properties.nextHopType" tf:"next_hop_type"`    // VirtualAppliance, VnetLocal, Internet, VirtualNetworkGateway, None
	NextAddress Value[string] `arm:"properties.nextHopIpAddress" tf:"next_hop_in_ip_address"`
}

// Firewall is Microsoft.Network/azureFirewalls. Its rules are not read.
type Firewall struct {
	Resource
	IPs        []*IPConfiguration  `arm:"properties.ipConfigurations" tf:"ip_configuration"`
	Policy     Ref[FirewallPolicy] `arm:"properties.firewallPolicy.id" tf:"firewall_policy_id"`
	DNSProxy   Value[bool]         `tf:"dns_proxy_enabled"`
	DNSServers List[string]        `tf:"dns_servers"`
}

// FirewallPolicy is Microsoft.Network/firewallPolicies, as far as its DNS
// proxy.
type FirewallPolicy struct {
	Resource
	DNSProxy   Value[bool]  `arm:"properties.dnsSettings.enableProxy" tf:"dns.proxy_enabled"`
	DNSServers List[string] `arm:"properties.dnsSettings.servers" tf:"dns.servers"`
}

// Gateway is Microsoft.Network/virtualNetworkGateways.
type Gateway struct {
	Resource
	Type        Value[string]      `arm:"properties.gatewayType" tf:"type"` // Vpn, ExpressRoute
	BGP         Value[bool]        `arm:"properties.enableBgp" tf:"bgp_enabled enable_bgp"`
	IPs         []*IPConfiguration `arm:"properties.ipConfigurations" tf:"ip_configuration"`
	ClientSpace List[string]       `arm:"properties.vpnClientConfiguration.vpnClientAddressPool.addressPrefixes" tf:"vpn_client_configuration.address_space"`
}

// LocalGateway is Microsoft.Network/localNetworkGateways: a site on premises.
type LocalGateway struct {
	Resource
	Space List[string] `arm:"properties.localNetworkAddressSpace.addressPrefixes" tf:"address_space"`
}

// Connection is Microsoft.Network/connections: a gateway's tunnel or circuit.
type Connection struct {
	Resource
	Type    Value[string]     `arm:"properties.connectionType" tf:"type"` // IPsec, Vnet2Vnet, ExpressRoute
	Gateway Ref[Gateway]      `arm:"properties.virtualNetworkGateway1.id" tf:"virtual_network_gateway_id"`
	Peer    Ref[Gateway]      `arm:"properties.virtualNetworkGateway2.id" tf:"peer_virtual_network_gateway_id"`
	Local   Ref[LocalGateway] `arm:"properties.localNetworkGateway2.id" tf:"local_network_gateway_id"`
	Circuit Link              `arm:"properties.peer.id" tf:"express_route_circuit_id"`
	BGP     Value[bool]       `arm:"properties.enableBgp" tf:"bgp_enabled enable_bgp"`
}
