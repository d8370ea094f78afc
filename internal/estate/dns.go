package estate

import "strings"

// PrivateZone is Microsoft.Network/privateDnsZones; its Name is the zone's.
type PrivateZone struct {
	Resource
	Count   Value[int] `arm:"properties.numberOfRecordSets" tf:"number_of_record_sets"`
	Records []*RecordSet
	Links   []*ZoneLink
}

// RecordSet is Microsoft.Network/privateDnsZones/A, AAAA, CNAME and so on.
type RecordSet struct {
	Resource
	Zone  *PrivateZone
	Kind  string        // A, AAAA, CNAME, SOA, upper case
	IPv4  List[string]  `arm:"properties.aRecords.ipv4Address properties.ARecords.ipv4Address" tf:"records"`
	IPv6  List[string]  `arm:"properties.aaaaRecords.ipv6Address properties.AAAARecords.ipv6Address"`
	CName Value[string] `arm:"properties.cnameRecord.cname properties.CNAMERecord.cname" tf:"record"`
}

// complete takes the kind off the resource's type.
func (s *RecordSet) complete() { s.Kind = strings.ToUpper(lastSegment(s.Type)) }

// ZoneLink is Microsoft.Network/privateDnsZones/virtualNetworkLinks.
type ZoneLink struct {
	Resource
	Zone     *PrivateZone
	VNet     Ref[VirtualNetwork] `arm:"properties.virtualNetwork.id" tf:"virtual_network_id"`
	Policy   Value[string]       `arm:"properties.resolutionPolicy" tf:"resolution_policy"` // Default, NxDomainRedirect
	Register Value[bool]         `arm:"properties.registrationEnabled" tf:"registration_enabled"`
	State    Value[string]       `arm:"properties.virtualNetworkLinkState"` // InProgress, Completed
}

// Resolver is Microsoft.Network/dnsResolvers.
type Resolver struct {
	Resource
	VNet     Ref[VirtualNetwork] `arm:"properties.virtualNetwork.id" tf:"virtual_network_id"`
	Inbound  []*InboundEndpoint
	Outbound []*OutboundEndpoint
}

// InboundEndpoint is Microsoft.Network/dnsResolvers/inboundEndpoints: it
// answers as Azure DNS answers inside the resolver's network.
type InboundEndpoint struct {
	Resource
	Resolver *Resolver
	IPs      []*InboundIP `arm:"properties.ipConfigurations" tf:"ip_configurations"`
}

// InboundIP is an address of an InboundEndpoint.
type InboundIP struct {
	Part
	Subnet  Ref[Subnet]   `arm:"subnet.id" tf:"subnet_id"`
	Address Value[string] `arm:"privateIpAddress" tf:"private_ip_address"`
}

// OutboundEndpoint is Microsoft.Network/dnsResolvers/outboundEndpoints: the
// queries of forwarding rules leave from it.
type OutboundEndpoint struct {
	Resource
	Resolver *Resolver
	Subnet   Ref[Subnet] `arm:"properties.subnet.id" tf:"subnet_id"`
}

// Ruleset is Microsoft.Network/dnsForwardingRulesets.
type Ruleset struct {
	Resource
	Outbound Refs[OutboundEndpoint] `arm:"properties.dnsResolverOutboundEndpoints.id" tf:"private_dns_resolver_outbound_endpoint_ids"`
	Rules    []*ForwardingRule
	Links    []*RulesetLink
}

// ForwardingRule is Microsoft.Network/dnsForwardingRulesets/forwardingRules.
type ForwardingRule struct {
	Resource
	Ruleset *Ruleset
	Domain  Value[string] `arm:"properties.domainName" tf:"domain_name"` // ends in a dot
	Servers List[string]  `arm:"properties.targetDnsServers.ipAddress" tf:"target_dns_servers.ip_address"`
	State   Value[string] `arm:"properties.forwardingRuleState" tf:"enabled|enabled"` // Enabled, Disabled
}

// RulesetLink is Microsoft.Network/dnsForwardingRulesets/virtualNetworkLinks.
type RulesetLink struct {
	Resource
	Ruleset *Ruleset
	VNet    Ref[VirtualNetwork] `arm:"properties.virtualNetwork.id" tf:"virtual_network_id"`
}
