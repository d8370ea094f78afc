package corpus

// Faults of who is asked for names.

func serverFaults() []fault {
	asks := func(vnet string, servers ...string) func(*Document) {
		return func(d *Document) { d.At("virtualNetworks/" + vnet).asks(servers...) }
	}
	astray := func(vnet, server string) []Want {
		return []Want{
			fails("dns-servers-forward", "virtualNetworks/"+vnet, server),
			fails("clients-resolve", "virtualNetworks/"+vnet, mainHost),
		}
	}
	doubted := func(vnet, server string) []Want {
		return []Want{
			unsure("dns-servers-forward", "virtualNetworks/"+vnet, server),
			unsure("clients-resolve", "virtualNetworks/"+vnet, ""),
		}
	}
	one := []string{"one-vnet"}
	return []fault{
		{"public-server", "a public resolver knows no private zone", []string{"one-vnet", "container-app"}, asks("vnet-main", "8.8.8.8"), astray("vnet-main", "8.8.8.8")},
		{"spoke-asks-public-server", "the same in a spoke", []string{"hub-and-spoke", "custom-dns", "forwarding-ruleset"}, asks("vnet-apps", "8.8.8.8"), astray("vnet-apps", "8.8.8.8")},
		{"one-of-two-servers-public", "the second server answers when the first is slow", []string{"custom-dns"}, asks("vnet-apps", "10.0.4.4", "8.8.8.8"),
			[]Want{fails("dns-servers-forward", "virtualNetworks/vnet-apps", "8.8.8.8")}},
		{"own-server", "nobody knows what the server forwards", one, asks("vnet-main", "10.0.3.53"), doubted("vnet-main", "10.0.3.53")},
		{"server-on-premises", "the same on premises", []string{"on-premises"}, asks("vnet-apps", "192.168.0.53"), doubted("vnet-apps", "192.168.0.53")},
		{"resolver-endpoint-gone", "the address that spokes ask is no inbound endpoint any more", []string{"custom-dns"}, gone("inboundEndpoints/in"), doubted("vnet-apps", "10.0.4.4")},
		{"resolver-address-mistyped", "the spokes ask one address beside", []string{"custom-dns"}, asks("vnet-apps", "10.0.4.5"), doubted("vnet-apps", "10.0.4.5")},
		{"resolver-unlinked", "the resolver's own network is not linked to the zone", []string{"custom-dns"}, gone("virtualNetworkLinks/link-vnet-hub"),
			[]Want{fails("clients-resolve", "virtualNetworks/vnet-apps", mainHost)}},
		{"proxy-off", "the firewall answers no question", []string{"dns-proxy"},
			set("firewallPolicies/fwp-egress", "properties.dnsSettings.enableProxy", false), astray("vnet-main", "10.0.10.4")},
		{"proxy-unsaid", "a firewall's default is no proxy", []string{"dns-proxy"},
			remove("firewallPolicies/fwp-egress", "properties.dnsSettings"), astray("vnet-main", "10.0.10.4")},
		{"proxy-asks-public-server", "the firewall forwards to a public resolver", []string{"dns-proxy"},
			set("firewallPolicies/fwp-egress", "properties.dnsSettings.servers", texts("8.8.8.8")), astray("vnet-main", "10.0.10.4")},
		{"machine-asks-public-server", "one client's interface has a server of its own", one,
			set("networkInterfaces/nic-app-1", "properties.dnsSettings.dnsServers", texts("8.8.8.8")),
			[]Want{notPass("dns-servers-forward", "networkInterfaces/nic-app-1")}},
	}
}

func forwardFaults() []fault {
	const rule = "forwardingRules/openai"
	const target = "properties.targetDnsServers[0].ipAddress"
	public := []Want{fails("clients-resolve", "virtualNetworks/vnet-apps", mainHost)}
	doubted := []Want{unsure("clients-resolve", "virtualNetworks/vnet-apps", "")}
	of := []string{"forwarding-ruleset"}
	return []fault{
		{"forwarding-off", "the rule is there and switched off", of, set(rule, "properties.forwardingRuleState", "Disabled"), public},
		{"forwarding-gone", "no rule forwards the domain", of, gone(rule), public},
		{"forwarding-of-another-domain", "the rule means another domain", of, set(rule, "properties.domainName", "vault.azure.net."), public},
		{"forwarding-unlinked", "the ruleset is not linked to the clients' network", of, gone("dnsForwardingRulesets/dnsfrs-hub/virtualNetworkLinks/link-vnet-apps"), public},
		{"forwarding-to-public-server", "the rule leads to a public resolver", of, set(rule, target, "8.8.8.8"), public},
		{"forwarding-to-own-server", "the rule leads to a server that nobody knows", of, set(rule, target, "10.0.3.53"), doubted},
		{"forwarding-host-away", "a longer rule takes the one host away", of,
			func(d *Document) {
				d.forwards(d.At("dnsForwardingRulesets/dnsfrs-hub"), "host", mainHost+".openai.azure.com.", "8.8.8.8")
			}, public},
	}
}
