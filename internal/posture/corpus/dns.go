package corpus

import "strings"

// Private DNS zones of Azure OpenAI and of AI Services.
const (
	zoneOpenAI    = "privatelink.openai.azure.com"
	zoneCognitive = "privatelink.cognitiveservices.azure.com"
	zoneServices  = "privatelink.services.ai.azure.com"
	zoneUSGov     = "privatelink.openai.azure.us"
)

// zone adds a private DNS zone linked to virtual networks.
func (d *Document) zone(name string, linked ...Part) Part {
	return d.zoneAt(d.id(network, "privateDnsZones", name), linked...)
}

// zoneAt adds a private DNS zone under an id.
func (d *Document) zoneAt(id string, linked ...Part) Part {
	name := lastOf(id)
	z := d.add(resource(id, "global", object{
		"maxNumberOfRecordSets": 25000, "numberOfRecordSets": 1,
		"numberOfVirtualNetworkLinks": len(linked),
	}))
	soa := bare(z.ID()+"/SOA/@", object{
		"fqdn": name + ".", "isAutoRegistered": false, "ttl": 3600,
		"soaRecord": object{
			"email": "azureprivatedns-host.microsoft.com", "expireTime": 2419200,
			"host": "azureprivatedns.net", "minimumTtl": 10,
			"refreshTime": 3600, "retryTime": 300, "serialNumber": 1,
		},
	})
	d.Add(soa)
	for _, v := range linked {
		d.link(z, v)
	}
	return z
}

// link links a zone to a virtual network, without fallback to the internet.
func (d *Document) link(zone, v Part) Part {
	return d.add(resource(zone.ID()+"/virtualNetworkLinks/link-"+v.name(), "global", object{
		"registrationEnabled":     false,
		"resolutionPolicy":        "Default",
		"virtualNetwork":          ref(v.ID()),
		"virtualNetworkLinkState": "Completed",
	}))
}

// record adds an A record to a zone.
func (d *Document) record(zone Part, host string, addresses ...string) Part {
	values := list{}
	for _, a := range addresses {
		values = append(values, object{"ipv4Address": a})
	}
	zone.counts(1)
	return d.add(bare(zone.ID()+"/A/"+host, object{
		"aRecords": values, "fqdn": host + "." + zone.name() + ".",
		"isAutoRegistered": false, "ttl": 10,
	}))
}

// counts changes a zone's number of record sets.
func (p Part) counts(by int) {
	const number = "properties.numberOfRecordSets"
	if n, is := p.Get(number).(int); is {
		p.Set(number, n+by)
	}
}

// forget takes a record out of its zone.
func (d *Document) forget(record string) {
	zone, _, _ := strings.Cut(d.At(record).ID(), "/A/")
	d.Delete(record)
	for _, r := range d.resources {
		if r["id"] == zone {
			Part{d, r}.counts(-1)
		}
	}
}

// resolver adds a DNS private resolver with an inbound endpoint.
func (d *Document) resolver(v Part, prefix, address string) Part {
	r := d.add(resource(d.id(network, "dnsResolvers", "dnspr-hub"), d.region, object{
		"dnsResolverState": "Connected", "virtualNetwork": ref(v.ID()),
	}))
	in := v.subnet("snet-dns-inbound", prefix).delegated("Microsoft.Network/dnsResolvers")
	d.Add(resource(r.ID()+"/inboundEndpoints/in", d.region, object{
		"ipConfigurations": list{object{
			"privateIpAddress": address, "privateIpAllocationMethod": "Static",
			"subnet": ref(in.ID()),
		}},
		"resourceGuid": guid(r.ID()),
	}))
	return r
}

// ruleset adds a forwarding ruleset behind a resolver's outbound endpoint,
// linked to virtual networks.
func (d *Document) ruleset(resolver, v Part, prefix string, linked ...Part) Part {
	out := v.subnet("snet-dns-outbound", prefix).delegated("Microsoft.Network/dnsResolvers")
	end := d.add(resource(resolver.ID()+"/outboundEndpoints/out", d.region, object{"subnet": ref(out.ID())}))
	set := d.add(resource(d.id(network, "dnsForwardingRulesets", "dnsfrs-hub"), d.region, object{
		"dnsResolverOutboundEndpoints": list{ref(end.ID())},
	}))
	for _, v := range linked {
		d.Add(resource(set.ID()+"/virtualNetworkLinks/link-"+v.name(), "", object{"virtualNetwork": ref(v.ID())}))
	}
	return set
}

// forwards adds a rule to a ruleset: what ends in domain is asked of server.
func (d *Document) forwards(set Part, name, domain, server string) Part {
	return d.add(resource(set.ID()+"/forwardingRules/"+name, "", object{
		"domainName":          domain,
		"forwardingRuleState": "Enabled",
		"targetDnsServers":    list{object{"ipAddress": server, "port": 53}},
	}))
}
