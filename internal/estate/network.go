package estate

// VirtualNetwork is Microsoft.Network/virtualNetworks.
type VirtualNetwork struct {
	Resource
	Space      List[string] `arm:"properties.addressSpace.addressPrefixes" tf:"address_space"`
	DNSServers List[string] `arm:"properties.dhcpOptions.dnsServers" tf:"dns_servers|set"` // none: Azure's own
	Subnets    []*Subnet    `arm:"properties.subnets" tf:"subnet"`
	Peerings   []*Peering   `arm:"properties.virtualNetworkPeerings"`
}

// Subnet is Microsoft.Network/virtualNetworks/subnets.
type Subnet struct {
	Resource
	VNet     *VirtualNetwork // a Stub where the network itself was not read
	Prefixes List[string]    `arm:"properties.addressPrefix properties.addressPrefixes" tf:"address_prefixes address_prefix"`
	Group    Ref[Group]      `arm:"properties.networkSecurityGroup.id" tf:"security_group network_security_group_id network_security_group_id_wo"`
	Routes   Ref[RouteTable] `arm:"properties.routeTable.id" tf:"route_table_id route_table_id_wo"`
	NAT      Ref[NATGateway] `arm:"properties.natGateway.id"`
	// EndpointPolicies says whether groups and routes bind private endpoints
	// here: Disabled (Azure's default), Enabled, NetworkSecurityGroupEnabled,
	// RouteTableEnabled.
	EndpointPolicies Value[string] `arm:"properties.privateEndpointNetworkPolicies" tf:"private_endpoint_network_policies private_endpoint_network_policies_enabled|enabled enforce_private_link_endpoint_network_policies|disabled"`
	Delegations      List[string]  `arm:"properties.delegations.properties.serviceName" tf:"delegation.service_delegation.name"`
	ServiceEndpoints List[string]  `arm:"properties.serviceEndpoints.service" tf:"service_endpoints|set service_endpoint.service|set"`
	DefaultOutbound  Value[bool]   `arm:"properties.defaultOutboundAccess" tf:"default_outbound_access_enabled"`
}

// Peering is Microsoft.Network/virtualNetworks/virtualNetworkPeerings: one
// side of a peering. Traffic flows only where both sides are connected.
type Peering struct {
	Resource
	VNet             *VirtualNetwork
	Remote           Ref[VirtualNetwork] `arm:"properties.remoteVirtualNetwork.id" tf:"remote_virtual_network_id"`
	State            Value[string]       `arm:"properties.peeringState"` // Connected, Initiated, Disconnected
	Sync             Value[string]       `arm:"properties.peeringSyncLevel"`
	AllowAccess      Value[bool]         `arm:"properties.allowVirtualNetworkAccess" tf:"allow_virtual_network_access"`
	AllowForwarded   Value[bool]         `arm:"properties.allowForwardedTraffic" tf:"allow_forwarded_traffic"`
	GatewayTransit   Value[bool]         `arm:"properties.allowGatewayTransit" tf:"allow_gateway_transit"`
	UseRemoteGateway Value[bool]         `arm:"properties.useRemoteGateways" tf:"use_remote_gateways"`
	RemoteSpace      List[string]        `arm:"properties.remoteVirtualNetworkAddressSpace.addressPrefixes"`
	SyncedSpace      List[string]        `arm:"properties.remoteAddressSpace.addressPrefixes"` // what is routed
	// Complete is false for a peering of some subnets alone.
	Complete Value[bool] `arm:"properties.peerCompleteVnets" tf:"peer_complete_virtual_networks_enabled"`
}

// Interface is Microsoft.Network/networkInterfaces.
type Interface struct {
	Resource
	Group      Ref[Group]           `arm:"properties.networkSecurityGroup.id" tf:"network_security_group_id"`
	IPs        []*IPConfiguration   `arm:"properties.ipConfigurations" tf:"ip_configuration"`
	VM         Ref[VirtualMachine]  `arm:"properties.virtualMachine.id"`
	Endpoint   Ref[PrivateEndpoint] `arm:"properties.privateEndpoint.id"`
	Forwarding Value[bool]          `arm:"properties.enableIPForwarding" tf:"ip_forwarding_enabled enable_ip_forwarding"`
	DNSServers List[string]         `arm:"properties.dnsSettings.dnsServers" tf:"dns_servers|set"`
}

// IPConfiguration is an address of an Interface, a Firewall, a load balancer
// or a gateway.
type IPConfiguration struct {
	Part
	Subnet   Ref[Subnet]    `arm:"properties.subnet.id" tf:"subnet_id"`
	Address  Value[string]  `arm:"properties.privateIPAddress" tf:"private_ip_address"`
	PublicIP Ref[PublicIP]  `arm:"properties.publicIPAddress.id" tf:"public_ip_address_id"`
	Primary  Value[bool]    `arm:"properties.primary" tf:"primary"`
	Groups   Refs[AppGroup] `arm:"properties.applicationSecurityGroups.id"`
	// Names are those of a private endpoint's target that the address stands for.
	Names List[string] `arm:"properties.privateLinkConnectionProperties.fqdns"`
}

// VirtualMachine is Microsoft.Compute/virtualMachines.
type VirtualMachine struct {
	Resource
	Interfaces Refs[Interface] `arm:"properties.networkProfile.networkInterfaces.id" tf:"network_interface_ids"`
}

// PublicIP is Microsoft.Network/publicIPAddresses.
type PublicIP struct {
	Resource
	SKU     Value[string] `arm:"sku.name" tf:"sku"` // Standard, Basic
	Address Value[string] `arm:"properties.ipAddress" tf:"ip_address"`
	Prefix  Link          `arm:"properties.publicIPPrefix.id" tf:"public_ip_prefix_id"`
}

// PublicIPPrefix is Microsoft.Network/publicIPPrefixes.
type PublicIPPrefix struct {
	Resource
	Prefix Value[string] `arm:"properties.ipPrefix" tf:"ip_prefix"`
}

// NATGateway is Microsoft.Network/natGateways.
type NATGateway struct {
	Resource
	PublicIPs Refs[PublicIP]       `arm:"properties.publicIpAddresses.id"`
	Prefixes  Refs[PublicIPPrefix] `arm:"properties.publicIpPrefixes.id"`
}

// LoadBalancer is Microsoft.Network/loadBalancers, as far as its frontends:
// one may be the next hop of a route.
type LoadBalancer struct {
	Resource
	Frontends []*IPConfiguration `arm:"properties.frontendIPConfigurations" tf:"frontend_ip_configuration"`
}
