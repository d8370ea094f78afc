package corpus

// Good estates of several networks, and those with a way out.

// hub is a hub with the endpoint, and two spokes: vnet-apps, whose clients are
// meant to reach the model, and vnet-other.
type hub struct {
	*Document
	vnet, appsNet, otherNet, apps, ends, zone, account Part
}

func writeHub(linked bool) hub {
	d := newDocument()
	h := hub{Document: d, vnet: d.vnet("vnet-hub", "10.0.0.0/16")}
	h.appsNet, h.otherNet = d.vnet("vnet-apps", "10.1.0.0/16"), d.vnet("vnet-other", "10.2.0.0/16")
	h.apps = h.appsNet.clients("snet-apps", "10.1.1.0/24")
	h.otherNet.workers("snet-other", "10.2.1.0/24")
	h.ends = h.vnet.endpoints("10.0.2.0/24", h.apps)
	d.peers(h.vnet, h.appsNet)
	d.peers(h.vnet, h.otherNet)
	h.zone = d.zone(zoneOpenAI, h.vnet)
	if linked {
		d.link(h.zone, h.appsNet)
	}
	h.account = d.model("aoai-main")
	d.endpoint("pep-main", h.account, h.ends, []string{"10.0.2.4"}, h.zone)
	return h
}

// transit makes the spokes use the hub's gateway.
func (h hub) transit() {
	for _, spoke := range []string{"vnet-apps", "vnet-other"} {
		h.At("vnet-hub/virtualNetworkPeerings/to-"+spoke).Set("properties.allowGatewayTransit", true)
		h.At(spoke+"/virtualNetworkPeerings/to-vnet-hub").Set("properties.useRemoteGateways", true)
	}
}

func hubAndSpoke() *Document {
	h := writeHub(true)
	h.gateway(h.vnet, "Vpn", "10.0.255.0/27", false)
	h.transit()
	return h.Document
}

func twoSubscriptions() *Document {
	d := newDocument()
	v := d.vnet("vnet-hub", "10.0.0.0/16")
	d.sub = subscriptionB
	spoke := d.vnet("vnet-apps", "10.1.0.0/16")
	apps := spoke.clients("snet-apps", "10.1.1.0/24")
	spoke.workers("snet-build", "10.1.3.0/24")
	d.sub = subscriptionA
	ends := v.endpoints("10.0.2.0/24", apps)
	d.peers(v, spoke)
	zone := d.zone(zoneOpenAI, v, spoke)
	d.endpoint("pep-main", d.model("aoai-main"), ends, []string{"10.0.2.4"}, zone)
	return d
}

func unconnected() *Document {
	p := writePlain()
	twin := p.Document.vnet("vnet-twin", "10.0.0.0/16")
	twin.workers("snet-twin", "10.0.1.0/24")
	half := p.Document.vnet("vnet-half", "10.5.0.0/16")
	half.workers("snet-half", "10.5.1.0/24")
	half.peered(p.vnet).Set("properties.peeringState", "Initiated").
		Set("properties.peeringSyncLevel", "RemoteNotInSync")
	old := p.Document.vnet("vnet-old", "10.9.0.0/16")
	old.workers("snet-old", "10.9.1.0/24")
	for i, prefix := range []string{"10.5.1.0/24", "10.9.1.0/24"} {
		p.adds("nsg-endpoints", allow("allow-former-"+string(rune('a'+i)), 110+i, prefix, "10.0.2.0/24"))
	}
	return p.Document
}

func onPremises() *Document {
	h := writeHub(true)
	g := h.gateway(h.vnet, "Vpn", "10.0.255.0/27", false)
	h.transit()
	h.site(g, "lgw-office", "192.168.0.0/16")
	return h.Document
}

func expressRoute() *Document {
	h := writeHub(true)
	g := h.gateway(h.vnet, "ExpressRoute", "10.0.255.0/27", true)
	h.transit()
	h.connection(g, "cn-circuit", "ExpressRoute").
		Set("properties.peer", ref(h.id(network, "expressRouteCircuits", "erc-office")))
	h.Add(resource(h.id(network, "expressRouteCircuits", "erc-office"), h.region, object{
		"circuitProvisioningState": "Enabled", "serviceProviderProvisioningState": "Provisioned",
	}))
	return h.Document
}

func firewallEgress() *Document {
	p := writePlain()
	p.firewall(p.vnet, "10.0.10.0/26", "10.0.10.4")
	p.apps.routed(p.routeTable("rt-apps", [3]string{"default", "0.0.0.0/0", "10.0.10.4"}))
	return p.Document
}

func natEgress() *Document {
	p := writePlain()
	p.nat(p.apps)
	return p.Document
}
