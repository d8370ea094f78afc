package corpus

// Estate is a good estate: private in truth.
type Estate struct {
	Name  string
	Shows string // what its shape is good for, in a line
	JSON  []byte // an array of resources as ARM returns them
	// Clients are the ids of the subnets that are meant to reach the model.
	Clients []string
	// Advice are the ids of checks that advise something here, which does not
	// make the estate less private. Every other check that applies passes.
	Advice []string
}

// good is a good estate and how it is written.
type good struct {
	name, shows string
	write       func() *Document
	advice      []string
}

// Good is the good estates, always the same and in the same order.
func Good() []Estate {
	var all []Estate
	for _, g := range goods() {
		d := g.write()
		all = append(all, Estate{g.name, g.shows, d.readable(), d.Clients, g.advice})
	}
	return all
}

// goods is the one list of good estates.
func goods() []good {
	lean := []string{"default-deny", "customer-managed-key", "outbound-restricted", "content-logging-off"}
	return []good{
		// One network.
		{"one-vnet", "one network: clients, bystanders and the endpoint, each in a subnet of its own", oneVNet, nil},
		{"lean", "as little as private needs: no key of its own, Azure's defaults wherever they do no harm", leanest, lean},
		{"static-address", "an endpoint with a fixed address; the account's name is not its subdomain", staticAddress, nil},
		{"other-region", "the account in one region, network and endpoint in another", otherRegion, nil},
		{"several-accounts", "three accounts behind three endpoints in one subnet", severalAccounts, nil},
		{"ai-services", "kind AIServices: three names in three zones, one address", aiServices, nil},
		{"three-addresses", "kind AIServices with an address of the endpoint for each of its names", threeAddresses, nil},
		{"us-government", "the Government cloud's names and zone", usGovernment, nil},
		{"one-subnet", "clients and endpoint in one subnet: the group binds inside it too", oneSubnet, nil},

		// Security groups.
		{"rule-order", "a rule that lets everyone in, listed first but never reached", ruleOrder, nil},
		{"both-sides", "groups on both sides, the endpoint's closed outbound: answers still pass", bothSides, nil},
		{"plural-fields", "rules in the plural fields, two client subnets, one with two prefixes", pluralFields, nil},
		{"application-groups", "rules that name the endpoint by an application security group", applicationGroups, nil},
		{"network-manager", "admin rules of Virtual Network Manager in force", networkManager, nil},
		{"default-deny-alone", "no explicit deny of all: one of VirtualNetwork, under the allow, does", defaultDenyAlone, nil},

		// Several networks.
		{"hub-and-spoke", "the endpoint in a hub with a gateway; of two spokes one is meant to reach it", hubAndSpoke, nil},
		{"two-subscriptions", "the clients' network in another subscription", twoSubscriptions, nil},
		{"unconnected", "networks that do not count: one of the same addresses, one half peered, one that a stale rule names", unconnected, nil},
		{"on-premises", "a site on premises behind a VPN gateway, kept out by the group", onPremises, nil},
		{"express-route", "ExpressRoute with BGP: addresses nobody can list, kept out by the group", expressRoute, nil},

		// Ways out.
		{"firewall-egress", "Azure Firewall for what leaves; the endpoint's own route is shorter", firewallEgress, []string{"routes-inspected"}},
		{"nat-egress", "a NAT gateway, no default outbound access", natEgress, nil},

		// Names.
		{"custom-dns", "spokes ask the inbound endpoint of a DNS private resolver in the hub", customDNS, nil},
		{"dns-proxy", "clients ask the firewall, a DNS proxy", dnsProxy, []string{"routes-inspected"}},
		{"forwarding-ruleset", "spokes without a link to the zone, with a ruleset that forwards it", forwardingRuleset, nil},
		{"zone-elsewhere", "the zone in another subscription than everything else", zoneElsewhere, nil},

		// The account's own door.
		{"selected-networks", "public access for one narrow address beside the endpoint: private with a note", selectedNetworks, nil},
		{"perimeter", "inside an enforced network security perimeter", inPerimeter, nil},
		{"customer-managed-key", "a user-assigned identity, the key in a vault with an endpoint of its own", customerManagedKey, nil},
		{"logs-elsewhere", "logs to a storage account and to event hubs, by category", logsElsewhere, nil},

		// Applications in front.
		{"container-app", "an internal Container Apps environment whose app asks to sign in", containerApp, nil},
		{"container-app-inside", "an app without sign-in, in an environment closed to the internet", containerAppInside, nil},
		{"container-app-public", "an app on the internet that asks everyone to sign in", containerAppPublic, nil},
		{"app-service", "App Service with network integration and authsettingsV2", appService, nil},
		{"open-app-elsewhere", "an app open to everyone that cannot reach the model", openAppElsewhere, nil},
		{"portal-outlet", "one outlet of a portal is the only client, and takes no connection", portalOutlet, nil},

		// Forms of the document.
		{"children-separate", "subnets, peerings, rules and connections as resources of their own", childrenSeparate, nil},
		{"children-twice", "children embedded and separate at once, as a full export has them", childrenTwice, nil},
		{"odd-case", "ids in the odd case that ARM mixes in", oddCase, nil},
	}
}

// plain is what most estates share: a network 10.0.0.0/16 with the clients'
// subnet, bystanders, and the endpoint 10.0.2.4 of the account aoai-main.
type plain struct {
	*Document
	vnet, apps, build, ends, zone, account, endpoint Part
}

func writePlain() plain {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16")
	apps := v.clients("snet-apps", "10.0.1.0/24")
	build := v.workers("snet-build", "10.0.3.0/24")
	ends := v.endpoints("10.0.2.0/24", apps)
	p := plain{Document: d, vnet: v, apps: apps, build: build, ends: ends}
	p.zone = d.zone(zoneOpenAI, v)
	p.account = d.model("aoai-main")
	p.endpoint = d.endpoint("pep-main", p.account, ends, []string{"10.0.2.4"}, p.zone)
	return p
}
