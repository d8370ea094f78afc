package estate

// Group is Microsoft.Network/networkSecurityGroups, without the default rules
// that Azure adds to each and nobody can change.
type Group struct {
	Resource
	Rules []*Rule `arm:"properties.securityRules" tf:"security_rule"`
}

// Rule is a rule of a Group. Singular and plural fields are united: Azure
// takes one or the other.
type Rule struct {
	Part
	Group             *Group
	Priority          Value[int]     `arm:"properties.priority" tf:"priority"`
	Direction         Value[string]  `arm:"properties.direction" tf:"direction"` // Inbound, Outbound
	Access            Value[string]  `arm:"properties.access" tf:"access"`       // Allow, Deny
	Protocol          Value[string]  `arm:"properties.protocol" tf:"protocol"`   // Tcp, Udp, Icmp, Esp, Ah, *
	Sources           List[string]   `arm:"properties.sourceAddressPrefix properties.sourceAddressPrefixes" tf:"source_address_prefix source_address_prefixes"`
	SourceGroups      Refs[AppGroup] `arm:"properties.sourceApplicationSecurityGroups.id" tf:"source_application_security_group_ids"`
	SourcePorts       List[string]   `arm:"properties.sourcePortRange properties.sourcePortRanges" tf:"source_port_range source_port_ranges"`
	Destinations      List[string]   `arm:"properties.destinationAddressPrefix properties.destinationAddressPrefixes" tf:"destination_address_prefix destination_address_prefixes"`
	DestinationGroups Refs[AppGroup] `arm:"properties.destinationApplicationSecurityGroups.id" tf:"destination_application_security_group_ids"`
	DestinationPorts  List[string]   `arm:"properties.destinationPortRange properties.destinationPortRanges" tf:"destination_port_range destination_port_ranges"`
}

// AppGroup is Microsoft.Network/applicationSecurityGroups. Its members name
// it; it names none.
type AppGroup struct{ Resource }
