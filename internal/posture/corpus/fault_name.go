package corpus

// Faults of zones, their records and links.

const (
	mainHost   = "aoai-main"
	mainZone   = "privateDnsZones/" + zoneOpenAI
	mainRecord = mainZone + "/A/" + mainHost
	zoneGroup  = mainEndpoint + "/privateDnsZoneGroups/default"
)

func recordFaults() []fault {
	wrong := []Want{fails("zone-complete", mainZone, mainHost), fails("clients-resolve", "virtualNetworks/vnet-main", mainHost)}
	incomplete := func(host string) []Want { return []Want{fails("zone-complete", mainZone, host)} }
	const address = "properties.aRecords[0].ipv4Address"
	one, two := []string{"one-vnet"}, []string{"one-vnet", "hub-and-spoke"}
	return []fault{
		{"record-gone", "the linked zone answers that there is no such name", []string{"one-vnet", "lean", "container-app"},
			func(d *Document) { d.forget(mainRecord) }, wrong},
		{"record-stale", "the record holds an address that the endpoint had once", []string{"one-vnet", "other-region", "several-accounts"},
			set(mainRecord, address, "10.0.2.99"), wrong},
		{"record-public", "the record holds a public address", one, set(mainRecord, address, "203.0.113.90"), wrong},
		{"record-with-another", "half of all answers lead nowhere", two,
			func(d *Document) {
				d.At(mainRecord).Append("properties.aRecords", object{"ipv4Address": "10.0.2.99"})
			}, incomplete(mainHost)},
		{"record-of-another-endpoint", "two accounts' records stand the wrong way round", []string{"several-accounts"},
			func(d *Document) {
				d.At(mainRecord).Set(address, "10.0.2.5")
				d.At(mainZone+"/A/aoai-second").Set(address, "10.0.2.4")
			}, incomplete(mainHost)},
		{"record-under-account-name", "a record made by hand bears the account's name, clients ask for its subdomain", []string{"static-address"},
			func(d *Document) {
				d.Delete(zoneGroup)
				d.forget(mainZone + "/A/ask-the-model")
				d.record(d.At(mainZone), "aoai-prod-01", "10.0.2.40")
			},
			[]Want{fails("zone-complete", mainZone, "ask-the-model"), fails("clients-resolve", "virtualNetworks/vnet-main", "ask-the-model")}},
		{"account-renamed", "the account was made again under another name, the record was not", one,
			func(d *Document) {
				d.At(mainAccount).Set("properties.customSubDomainName", "aoai-again").
					Set("properties.endpoint", "https://aoai-again.openai.azure.com/")
			},
			[]Want{fails("zone-complete", mainZone, "aoai-again"), fails("clients-resolve", "virtualNetworks/vnet-main", "aoai-again")}},
		{"record-left-behind", "a record of an account and an endpoint that are gone", two,
			func(d *Document) { d.record(d.At(mainZone), "aoai-former", "10.0.2.77") }, incomplete("aoai-former")},

		{"no-zone-group", "a record made by hand, which nobody keeps", two,
			gone(zoneGroup), []Want{fails("zone-complete", mainEndpoint, "")}},
		{"zone-group-empty", "a zone group that names no zone", one,
			set(zoneGroup, "properties.privateDnsZoneConfigs", list{}), []Want{fails("zone-complete", mainEndpoint, "")}},
		{"zone-group-of-another-zone", "a zone group that keeps its record in a zone nobody read", one,
			set(zoneGroup, "properties.privateDnsZoneConfigs[0].properties.privateDnsZoneId",
				armID(subscriptionA, network, "privateDnsZones", "privatelink.unread.example")),
			[]Want{notPass("zone-complete", mainEndpoint)}},
		{"zone-group-without-one-of-three", "one of the three names of AIServices has no record", []string{"ai-services", "three-addresses"},
			func(d *Document) {
				g := d.At(zoneGroup)
				if l, is := g.Get("properties.privateDnsZoneConfigs").(list); is {
					g.Set("properties.privateDnsZoneConfigs", l[:2])
				}
				d.forget("privateDnsZones/" + zoneServices + "/A/ais-main")
			},
			[]Want{fails("zone-complete", mainEndpoint, zoneServices)}},
	}
}

func zoneFaults() []fault {
	second := "/subscriptions/" + subscriptionA + "/resourceGroups/rg-second/providers/" + network + "/privateDnsZones/" + zoneOpenAI
	again := func(linked string, address string) func(*Document) {
		return func(d *Document) {
			z := d.zoneAt(second, d.At("virtualNetworks/"+linked))
			if address != "" {
				d.record(z, mainHost, address)
			}
		}
	}
	return []fault{
		{"no-zone", "clients get the public address", []string{"one-vnet", "other-region", "portal-outlet"},
			gone(mainZone),
			[]Want{fails("clients-resolve", "virtualNetworks/vnet-main", mainHost), notPass("zone-complete", mainEndpoint)}},
		{"no-zone-for-one-of-three", "one of the three names of AIServices resolves publicly", []string{"ai-services"},
			gone("privateDnsZones/" + zoneServices),
			[]Want{notPass("zone-complete", mainEndpoint)}},
		{"zone-of-another-cloud", "the commercial zone beside an account of the Government cloud", []string{"us-government"},
			func(d *Document) {
				v := d.At("virtualNetworks/vnet-main")
				d.Delete("privateDnsZones/" + zoneUSGov)
				d.record(d.zone(zoneOpenAI, v), mainHost, "10.0.2.4")
			},
			[]Want{fails("clients-resolve", "virtualNetworks/vnet-main", mainHost), notPass("zone-complete", mainEndpoint)}},
		{"zone-twice", "another network has a zone of the same name, with an address of long ago", []string{"hub-and-spoke"},
			again("vnet-other", "10.0.2.99"),
			[]Want{fails("zone-complete", second, mainHost)}},
		{"zone-twice-empty", "the clients' network is linked to a second, empty zone of the name", []string{"hub-and-spoke"},
			func(d *Document) {
				d.Delete("virtualNetworkLinks/link-vnet-apps")
				again("vnet-apps", "")(d)
			},
			[]Want{fails("zone-complete", second, mainHost), fails("clients-resolve", "virtualNetworks/vnet-apps", mainHost)}},
		{"zone-twice-stale", "the clients' network is linked to a second zone with an old record", []string{"hub-and-spoke"},
			func(d *Document) {
				d.Delete("virtualNetworkLinks/link-vnet-apps")
				again("vnet-apps", "10.0.2.99")(d)
			},
			[]Want{fails("zone-complete", second, mainHost), fails("clients-resolve", "virtualNetworks/vnet-apps", mainHost)}},
	}
}

func linkFaults() []fault {
	unlinked := func(vnet string) []Want {
		return []Want{fails("zone-linked", "virtualNetworks/"+vnet, zoneOpenAI), fails("clients-resolve", "virtualNetworks/"+vnet, mainHost)}
	}
	fallback := func(zone, vnet string, of ...string) fault {
		link := "privateDnsZones/" + zone + "/virtualNetworkLinks/link-" + vnet
		return fault{"fallback-" + vnet + "-" + zone, "a name that the zone lacks is asked of the internet", of,
			set(link, "properties.resolutionPolicy", "NxDomainRedirect"),
			[]Want{fails("no-public-fallback", link, "NxDomainRedirect")}}
	}
	return []fault{
		{"unlinked", "clients get the public address", []string{"one-vnet", "lean", "zone-elsewhere"}, gone("virtualNetworkLinks/link-vnet-main"), unlinked("vnet-main")},
		{"spoke-unlinked", "the hub is linked, the clients' spoke is not", []string{"hub-and-spoke", "two-subscriptions", "on-premises", "odd-case"},
			gone("virtualNetworkLinks/link-vnet-apps"), unlinked("vnet-apps")},
		{"linked-to-the-neighbour", "the link leads to the other spoke", []string{"hub-and-spoke"},
			func(d *Document) {
				d.At("virtualNetworkLinks/link-vnet-apps").Set("properties.virtualNetwork", ref(d.At("virtualNetworks/vnet-other").ID()))
			}, unlinked("vnet-apps")},
		{"one-of-three-unlinked", "two of the three zones are linked", []string{"ai-services", "three-addresses"},
			gone("privateDnsZones/" + zoneServices + "/virtualNetworkLinks/link-vnet-main"),
			[]Want{fails("zone-linked", "virtualNetworks/vnet-main", zoneServices)}},
		{"link-in-progress", "the link is not there yet", []string{"one-vnet"},
			set("virtualNetworkLinks/link-vnet-main", "properties.virtualNetworkLinkState", "InProgress"),
			[]Want{notPass("zone-linked", "virtualNetworks/vnet-main")}},
		fallback(zoneOpenAI, "vnet-main", "one-vnet", "lean", "zone-elsewhere", "selected-networks"),
		fallback(zoneOpenAI, "vnet-apps", "hub-and-spoke", "two-subscriptions", "children-separate", "odd-case"),
		fallback(zoneOpenAI, "vnet-hub", "custom-dns", "forwarding-ruleset"),
		fallback(zoneServices, "vnet-main", "ai-services", "three-addresses"),
		fallback(zoneUSGov, "vnet-main", "us-government"),
	}
}
