package corpus

// Good estates that differ in how names are resolved.

func customDNS() *Document {
	h := writeHub(false)
	h.resolver(h.vnet, "10.0.4.0/28", "10.0.4.4")
	h.appsNet.asks("10.0.4.4")
	h.otherNet.asks("10.0.4.4")
	return h.Document
}

func dnsProxy() *Document {
	p := writePlain()
	p.firewall(p.vnet, "10.0.10.0/26", "10.0.10.4")
	p.At("firewallPolicies/fwp-egress").Set("properties.dnsSettings", object{"enableProxy": true, "servers": list{}})
	p.apps.routed(p.routeTable("rt-apps", [3]string{"default", "0.0.0.0/0", "10.0.10.4"}))
	p.vnet.asks("10.0.10.4")
	return p.Document
}

func forwardingRuleset() *Document {
	h := writeHub(false)
	r := h.resolver(h.vnet, "10.0.4.0/28", "10.0.4.4")
	set := h.ruleset(r, h.vnet, "10.0.5.0/28", h.appsNet, h.otherNet)
	h.forwards(set, "openai", "openai.azure.com.", "10.0.4.4")
	return h.Document
}

func zoneElsewhere() *Document {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16")
	apps := v.clients("snet-apps", "10.0.1.0/24")
	v.workers("snet-build", "10.0.3.0/24")
	ends := v.endpoints("10.0.2.0/24", apps)
	d.sub = subscriptionB
	zone := d.zone(zoneOpenAI, v)
	d.sub = subscriptionA
	d.endpoint("pep-main", d.model("aoai-main"), ends, []string{"10.0.2.4"}, zone)
	return d
}
