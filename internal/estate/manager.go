package estate

// NetworkManager is Microsoft.Network/networkManagers.
type NetworkManager struct {
	Resource
	// Deployments is what is deployed where; Deployed is Known where the
	// answer of listDeploymentStatus was read.
	Deployments []*Deployed
	Deployed    Mark
}

// Deployed is one line of a manager's deployment status: the configurations
// in force in a region.
type Deployed struct {
	Resource
	Manager        *NetworkManager
	Region         Value[string]            `arm:"region" tf:"location"`
	Kind           Value[string]            `arm:"deploymentType" tf:"scope_access"` // SecurityAdmin, Connectivity, Routing
	Status         Value[string]            `arm:"deploymentStatus"`                 // Deployed, Deploying, Failed
	Configurations Refs[AdminConfiguration] `arm:"configurationIds" tf:"configuration_ids"`
}

// NetworkGroup is Microsoft.Network/networkManagers/networkGroups.
type NetworkGroup struct {
	Resource
	Manager *NetworkManager
	Members []*StaticMember
	// Effective is the answer of listEffectiveVirtualNetworks: all members,
	// those that Azure Policy adds included. Without it a network that is no
	// static member may be a member all the same.
	Effective Refs[VirtualNetwork]
}

// StaticMember is Microsoft.Network/networkManagers/networkGroups/staticMembers.
type StaticMember struct {
	Resource
	Group  *NetworkGroup
	Member Link `arm:"properties.resourceId" tf:"target_virtual_network_id"` // a virtual network or a subnet
}

// AdminConfiguration is
// Microsoft.Network/networkManagers/securityAdminConfigurations.
type AdminConfiguration struct {
	Resource
	Manager     *NetworkManager
	Collections []*AdminCollection
}

// AdminCollection is its ruleCollections.
type AdminCollection struct {
	Resource
	Configuration *AdminConfiguration
	AppliesTo     Refs[NetworkGroup] `arm:"properties.appliesToGroups.networkGroupId" tf:"network_group_ids"`
	Rules         []*AdminRule
}

// AdminRule is a security admin rule: it runs before any Group.
type AdminRule struct {
	Resource
	Collection       *AdminCollection
	Priority         Value[int]    `arm:"properties.priority" tf:"priority"`
	Direction        Value[string] `arm:"properties.direction" tf:"direction"`
	Access           Value[string] `arm:"properties.access" tf:"action"` // Allow, AlwaysAllow, Deny
	Protocol         Value[string] `arm:"properties.protocol" tf:"protocol"`
	Sources          List[string]  `arm:"properties.sources.addressPrefix" tf:"source.address_prefix"`
	SourcePorts      List[string]  `arm:"properties.sourcePortRanges" tf:"source_port_ranges"`
	Destinations     List[string]  `arm:"properties.destinations.addressPrefix" tf:"destination.address_prefix"`
	DestinationPorts List[string]  `arm:"properties.destinationPortRanges" tf:"destination_port_ranges"`
}

// ConnectivityConfiguration is
// Microsoft.Network/networkManagers/connectivityConfigurations. What it makes
// of the members' connectivity is not modelled, so it makes it unknown.
type ConnectivityConfiguration struct {
	Resource
	Manager   *NetworkManager
	Topology  Value[string]      `arm:"properties.connectivityTopology" tf:"connectivity_topology"` // HubAndSpoke, Mesh
	Direct    List[string]       `arm:"properties.appliesToGroups.groupConnectivity" tf:"applies_to_group.group_connectivity"`
	AppliesTo Refs[NetworkGroup] `arm:"properties.appliesToGroups.networkGroupId" tf:"applies_to_group.network_group_id"`
}
