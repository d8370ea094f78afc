package posture

import "testing"

func TestNames(t *testing.T) {
	const (
		record  = `"aRecords":[{"ipv4Address":"10.0.2.4"}]`
		aModel  = `"id":"` + zoneID + `/A/model","name":"model"`
		link    = `"virtualNetworkLinkState":"Completed"`
		group   = `[{"name":"z","properties":{"privateDnsZoneId":"` + zoneID + `"}}]`
		space   = `"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},`
		azure   = `"kind":"OpenAI"`
		count   = `"numberOfRecordSets":2`
		linkTo  = `"virtualNetwork":{"id":"` + vnet + `"}`
		nothing = `"virtualNetwork":{"id":"` + net + `/virtualNetworks/lost"}`
	)
	asks := func(servers string) []string {
		return []string{space, space + `"dhcpOptions":{"dnsServers":` + servers + `},`}
	}
	left := []string{`{"id":"` + zoneID + `/A/former","name":"former","type":"Microsoft.Network/privateDnsZones/A","properties":{"aRecords":[{"ipv4Address":"10.0.2.77"}]}}`}
	others := []string{`{"id":"` + zoneID + `/A/other","name":"other","type":"Microsoft.Network/privateDnsZones/A","properties":{"aRecords":[{"ipv4Address":"10.99.2.77"}]}}`}
	machine := []string{`{"id":"` + net + `/networkInterfaces/m","name":"m","type":"Microsoft.Network/networkInterfaces","properties":{"dnsSettings":{"dnsServers":["9.9.9.9"]},"ipConfigurations":[{"name":"ip","properties":{"privateIPAddress":"10.0.1.9","subnet":{"id":"` + apps + `"}}}]}}`}
	firewall := func(proxy string) []string {
		return []string{
			`{"id":"` + vnet + `/subnets/AzureFirewallSubnet","name":"AzureFirewallSubnet","type":"Microsoft.Network/virtualNetworks/subnets","properties":{"addressPrefix":"10.0.9.0/26"}}`,
			`{"id":"` + net + `/firewallPolicies/p","name":"p","type":"Microsoft.Network/firewallPolicies","properties":{"dnsSettings":{` + proxy + `}}}`,
			`{"id":"` + net + `/azureFirewalls/fw","name":"fw","type":"Microsoft.Network/azureFirewalls","properties":{"firewallPolicy":{"id":"` + net + `/firewallPolicies/p"},"ipConfigurations":[{"name":"ip","properties":{"privateIPAddress":"10.0.9.4","subnet":{"id":"` + vnet + `/subnets/AzureFirewallSubnet"}}}]}}`,
		}
	}
	for _, c := range []example{
		{name: "whole", check: "zone-complete", status: Pass},
		{name: "stale", oldNew: []string{record, `"aRecords":[{"ipv4Address":"10.0.2.5"}]`}, check: "zone-complete", status: Fail, says: "A model.privatelink.openai.azure.com = 10.0.2.5; the endpoint has 10.0.2.4"},
		{name: "one right, one wrong", oldNew: []string{record, `"aRecords":[{"ipv4Address":"10.0.2.4"},{"ipv4Address":"10.0.2.5"}]`}, check: "zone-complete", status: Fail},
		{name: "empty", oldNew: []string{record, `"aRecords":[]`}, check: "zone-complete", status: Fail, says: "without an address"},
		{name: "unread address", oldNew: []string{record, `"aRecords":[{"ipv4Address":7}]`}, check: "zone-complete", status: Unknown},
		{name: "wrong name", oldNew: []string{aModel, `"id":"` + zoneID + `/A/modell","name":"modell"`}, check: "zone-complete", status: Fail, says: "A modell.privatelink.openai.azure.com = 10.0.2.4; clients ask for model.privatelink"},
		{name: "records unread", oldNew: []string{count, `"numberOfRecordSets":3`, aModel, `"id":"` + zoneID + `/A/x","name":"x"`, record, `"aRecords":[{"ipv4Address":"10.9.9.9"}]`}, check: "zone-complete", status: Unknown},
		{name: "left behind", more: left, oldNew: []string{count, `"numberOfRecordSets":3`}, check: "zone-complete", status: Fail, says: "A former.privatelink.openai.azure.com = 10.0.2.77"},
		{name: "other people's", more: others, oldNew: []string{count, `"numberOfRecordSets":3`}, check: "zone-complete", status: Pass},
		{name: "kept by nobody", oldNew: []string{group, `[]`}, check: "zone-complete", status: Fail, says: "no zone group of pep", mends: "private_dns_zone_group"},
		{name: "zones of services", oldNew: []string{azure, `"kind":"AIServices"`}, check: "zone-complete", status: Fail, says: "privatelink.services.ai.azure.com", mends: "privatelink.cognitiveservices.azure.com"},

		{name: "linked", check: "zone-linked", status: Pass},
		{name: "unlinked", oldNew: []string{linkTo, nothing}, check: "zone-linked", about: vnet, status: Fail, says: "vnet is not linked", mends: "az network private-dns link vnet create"},
		{name: "link unread", oldNew: []string{linkTo, `"virtualNetwork":{"id":7}`}, check: "zone-linked", about: vnet, status: Unknown},
		{name: "in progress", oldNew: []string{link, `"virtualNetworkLinkState":"InProgress"`}, check: "zone-linked", about: vnet, status: Unknown},

		{name: "no fallback", check: "no-public-fallback", about: zoneID, status: Pass, says: "1 link"},
		{name: "fallback", oldNew: []string{link, link + `,"resolutionPolicy":"NxDomainRedirect"`}, check: "no-public-fallback", about: linkID, status: Fail, says: "NxDomainRedirect", mends: "resolution_policy"},
		{name: "fallback odd", oldNew: []string{link, link + `,"resolutionPolicy":"Maybe"`}, check: "no-public-fallback", about: linkID, status: Unknown},
		{name: "fallback unread", oldNew: []string{link, link + `,"resolutionPolicy":7`}, check: "no-public-fallback", about: linkID, status: Unknown},

		{name: "Azure's own, named", oldNew: asks(`["168.63.129.16"]`), check: "clients-resolve", status: Pass},
		{name: "public resolver", oldNew: asks(`["8.8.8.8"]`), check: "dns-servers-forward", about: vnet, status: Fail, says: "8.8.8.8"},
		{name: "one of two public", oldNew: asks(`["168.63.129.16","8.8.8.8"]`), check: "dns-servers-forward", about: vnet, status: Fail, says: "8.8.8.8"},
		{name: "unknown server", oldNew: asks(`["10.0.3.53"]`), check: "dns-servers-forward", about: vnet, status: Unknown, says: "10.0.3.53"},
		{name: "servers unread", oldNew: asks(`[7]`), check: "dns-servers-forward", about: vnet, status: Unknown},
		{name: "proxy", more: firewall(`"enableProxy":true`), oldNew: asks(`["10.0.9.4"]`), check: "dns-servers-forward", about: vnet, status: Pass},
		{name: "proxy off", more: firewall(`"enableProxy":false`), oldNew: asks(`["10.0.9.4"]`), check: "dns-servers-forward", about: vnet, status: Fail, says: "fw answers no DNS questions"},
		{name: "proxy unread", more: firewall(`"enableProxy":7`), oldNew: asks(`["10.0.9.4"]`), check: "dns-servers-forward", about: vnet, status: Unknown},
		{name: "proxy elsewhere", more: firewall(`"enableProxy":true,"servers":["1.1.1.1"]`), oldNew: asks(`["10.0.9.4"]`), check: "dns-servers-forward", about: vnet, status: Fail, says: "fw asks 1.1.1.1"},
		{name: "a machine's own", more: machine, check: "dns-servers-forward", about: net + "/networkInterfaces/m", status: Fail, says: "9.9.9.9"},

		{name: "resolves", check: "clients-resolve", about: account, status: Pass, says: "model.openai.azure.com resolves to 10.0.2.4"},
		{name: "publicly", oldNew: []string{linkTo, nothing}, check: "clients-resolve", about: vnet, status: Fail, says: "public"},
		{name: "not at all", oldNew: []string{aModel, `"id":"` + zoneID + `/A/modell","name":"modell"`}, check: "clients-resolve", about: vnet, status: Fail, says: "no such name"},
		{name: "by hearsay", oldNew: []string{linkTo, `"virtualNetwork":{"id":7}`}, check: "clients-resolve", about: vnet, status: Unknown},
	} {
		c.run(t)
	}
}
