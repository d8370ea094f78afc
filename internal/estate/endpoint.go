package estate

// PrivateEndpoint is Microsoft.Network/privateEndpoints.
type PrivateEndpoint struct {
	Resource
	Subnet     Ref[Subnet]     `arm:"properties.subnet.id" tf:"subnet_id"`
	Interfaces Refs[Interface] `arm:"properties.networkInterfaces.id" tf:"network_interface.id"`
	Links      []*PrivateLink  `arm:"properties.privateLinkServiceConnections" tf:"private_service_connection"`
	Manual     []*PrivateLink  `arm:"properties.manualPrivateLinkServiceConnections"`
	IPs        []*EndpointIP   `arm:"properties.ipConfigurations" tf:"ip_configuration"`
	Groups     Refs[AppGroup]  `arm:"properties.applicationSecurityGroups.id"`
	ZoneGroups []*ZoneGroup    `tf:"private_dns_zone_group"`
	Kept       []*ZoneConfig   `tf:"private_dns_zone_configs"` // the configs of ZoneGroups in a plan
	// Names are the target's: those of customDnsConfigs, and those that Azure
	// shows elsewhere while a zone group exists.
	Names []*EndpointName `arm:"properties.customDnsConfigs" tf:"custom_dns_configs"`
}

// PrivateLink is what a private endpoint connects to.
type PrivateLink struct {
	Part
	Target Link          `arm:"properties.privateLinkServiceId" tf:"private_connection_resource_id"`
	Groups List[string]  `arm:"properties.groupIds" tf:"subresource_names"`
	Status Value[string] `arm:"properties.privateLinkServiceConnectionState.status"` // Approved, Pending, Rejected, Disconnected
	Manual Value[bool]   `tf:"is_manual_connection"`
	// Address is the endpoint's address as Terraform exports it.
	Address Value[string] `tf:"private_ip_address"`
}

// EndpointIP is an address that a private endpoint asks for.
type EndpointIP struct {
	Part
	Address Value[string] `arm:"properties.privateIPAddress" tf:"private_ip_address"`
	Group   Value[string] `arm:"properties.groupId" tf:"subresource_name"`
	Member  Value[string] `arm:"properties.memberName" tf:"member_name"`
}

// EndpointName is a name that the target has and the addresses that stand for
// it inside.
type EndpointName struct {
	Part
	FQDN      Value[string] `arm:"fqdn" tf:"fqdn"`
	Addresses List[string]  `arm:"ipAddresses" tf:"ip_addresses"`
}

// ZoneGroup is Microsoft.Network/privateEndpoints/privateDnsZoneGroups: it
// keeps the endpoint's records in private DNS zones.
type ZoneGroup struct {
	Resource
	Endpoint *PrivateEndpoint
	Configs  []*ZoneConfig     `arm:"properties.privateDnsZoneConfigs"`
	Zones    Refs[PrivateZone] `tf:"private_dns_zone_ids"` // the zones of Configs
}

// settle fills Zones from Configs, or, in a plan, Configs from Zones.
func (g *ZoneGroup) settle() {
	if len(g.Zones.Items) == 0 {
		for _, c := range g.Configs {
			g.Zones.found(c.At)
			g.Zones.Items = append(g.Zones.Items, c.Zone)
		}
		return
	}
	for i := range g.Zones.Items {
		if len(g.Configs) == i {
			c := &ZoneConfig{Zone: g.Zones.Items[i]}
			c.At = g.Zones.Items[i].At
			g.Configs = append(g.Configs, c)
		}
	}
}

// ZoneConfig is one zone of a ZoneGroup and the records kept there.
type ZoneConfig struct {
	Part
	Zone    Ref[PrivateZone] `arm:"properties.privateDnsZoneId" tf:"private_dns_zone_id"`
	Records []*KeptRecord    `arm:"properties.recordSets" tf:"record_sets"`
}

// KeptRecord is a record that a ZoneGroup keeps.
type KeptRecord struct {
	Part
	Type      Value[string] `arm:"recordType" tf:"type"`
	Record    Value[string] `arm:"recordSetName" tf:"name"`
	FQDN      Value[string] `arm:"fqdn" tf:"fqdn"` // its privatelink name
	Addresses List[string]  `arm:"ipAddresses" tf:"ip_addresses"`
}
