package topology_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/topology"
)

// The names of vaults, storage and registries lead to their private endpoints
// too. Beside a zone group customDnsConfigs is empty, and the names stand in
// the group, or at the interface where the group's records are not shown. A
// vault's alias is in privatelink.vaultcore.azure.net, where every other
// service's keeps its domain.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func TestNamesOfOtherServices(t *testing.T) {
	for _, c := range []struct{ target, public, zone, label string }{
		{"Microsoft.KeyVault/vaults/kv", "kv.vault.azure.net", "privatelink.vaultcore.azure.net", "kv"},
		{"Microsoft.Storage/storageAccounts/st", "st.blob.core.windows.net", "privatelink.blob.core.windows.net", "st"},
		{"Microsoft.ContainerRegistry/registries/r", "r.azurecr.io", "privatelink.azurecr.io", "r"},
		{"Microsoft.ContainerRegistry/registries/r", "r.westeurope.data.azurecr.io", "privatelink.azurecr.io", "r.westeurope.data"},
	} {
		alias := c.label + "." + c.zone
		record := `,{"id":"` + rg + `/privateDnsZones/` + c.zone + `/A/` + c.label + `","type":"Microsoft.Network/privateDnsZones/A","name":"` + c.label + `","properties":{"aRecords":[{"ipv4Address":"10.0.0.4"}]}}`
		group := func(sets string) string {
			return `,{"id":"` + rg + `/privateEndpoints/pe/privateDnsZoneGroups/default","type":"Microsoft.Network/privateEndpoints/privateDnsZoneGroups","properties":{"privateDnsZoneConfigs":[{"name":"z","properties":{"privateDnsZoneId":"` + rg + `/privateDnsZones/` + c.zone + `","recordSets":` + sets + `}}]}}`
		}
		nic := `,{"id":"` + rg + `/networkInterfaces/nic","type":"Microsoft.Network/networkInterfaces","properties":{"privateEndpoint":{"id":"` + rg + `/privateEndpoints/pe"},"ipConfigurations":[{"name":"i","properties":{"privateIPAddress":"10.0.0.4","privateLinkConnectionProperties":{"fqdns":["` + c.public + `"]}}}]}}`
		sets := `[{"recordType":"A","recordSetName":"` + c.label + `","fqdn":"` + alias + `","ttl":10,"ipAddresses":["10.0.0.4"]}]`
		custom := `[{"fqdn":"` + c.public + `","ipAddresses":["10.0.0.4"]}]`
		for how, doc := range map[string][2]string{
			"a record made by hand":             {custom, record},
			"a zone group":                      {`[]`, record + group(sets)},
			"a zone group, records not read":    {`[]`, group(sets)},
			"a zone group that shows no record": {`[]`, record + nic + group(`[]`)},
		} {
			topo := topology.New(read(t, `[
	{"id":"`+rg+`/virtualNetworks/vnet","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[{"name":"a","properties":{"addressPrefix":"10.0.0.0/24"}}]}},
	{"id":"`+rg+`/privateEndpoints/pe","type":"Microsoft.Network/privateEndpoints","properties":{"subnet":{"id":"`+rg+`/virtualNetworks/vnet/subnets/a"},"networkInterfaces":[{"id":"`+rg+`/networkInterfaces/nic"}],
		"customDnsConfigs":`+doc[0]+`,
		"privateLinkServiceConnections":[{"name":"psc","properties":{"privateLinkServiceId":"/subscriptions/s/resourceGroups/rg/providers/`+c.target+`","privateLinkServiceConnectionState":{"status":"Approved"}}}]}},
	{"id":"`+rg+`/privateDnsZones/`+c.zone+`","type":"Microsoft.Network/privateDnsZones"},
	{"id":"`+rg+`/privateDnsZones/`+c.zone+`/virtualNetworkLinks/l","type":"Microsoft.Network/privateDnsZones/virtualNetworkLinks","properties":{"virtualNetwork":{"id":"`+rg+`/virtualNetworks/vnet"},"virtualNetworkLinkState":"Completed"}}`+doc[1]+`]`), topology.Config{})
			inside, _ := topo.AddressIn(rg+"/virtualNetworks/vnet", addr("10.0.0.9"))
			got := topo.Resolve(inside, strings.ToUpper(c.public))
			if got.Result != topology.Addresses || len(got.Addrs) != 1 || got.Addrs[0] != addr("10.0.0.4") || got.Chain[0].Value != alias {
				t.Errorf("%s, %s, inside: %v", c.public, how, got)
			}
			if got := topo.Resolve(topology.Internet(netip.Addr{}), c.public); got.Result != topology.Public || len(got.Chain) != 2 || got.Chain[0].Value != alias {
				t.Errorf("%s, %s, outside: %v", c.public, how, got)
			}
		}
	}
}

// A zone group over one of an account's three zones shows one of three
// addresses. Where the interface was not read, the others are somewhere in the
// subnet: nothing there is certainly another's.
func TestAGroupThatShowsSomeNames(t *testing.T) {
	const account = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a"
	flow := func(custom, sets string) topology.Verdict {
		topo := topology.New(read(t, `[
	{"id":"`+account+`","type":"Microsoft.CognitiveServices/accounts","kind":"AIServices","properties":{"customSubDomainName":"a","publicNetworkAccess":"Disabled"}},
	{"id":"`+rg+`/networkSecurityGroups/g","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[
		{"name":"open","properties":{"priority":100,"direction":"Inbound","access":"Allow","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"10.0.0.6","destinationPortRange":"*"}},
		{"name":"shut","properties":{"priority":200,"direction":"Inbound","access":"Deny","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"*"}}]}},
	{"id":"`+rg+`/virtualNetworks/vnet","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[
		{"name":"a","properties":{"addressPrefix":"10.0.0.0/24","privateEndpointNetworkPolicies":"Enabled","networkSecurityGroup":{"id":"`+rg+`/networkSecurityGroups/g"}}},
		{"name":"b","properties":{"addressPrefix":"10.0.1.0/24"}}]}},
	{"id":"`+rg+`/privateEndpoints/pe","type":"Microsoft.Network/privateEndpoints","properties":{"subnet":{"id":"`+rg+`/virtualNetworks/vnet/subnets/a"},"networkInterfaces":[{"id":"`+rg+`/networkInterfaces/hidden"}],
		"customDnsConfigs":[`+custom+`],
		"privateLinkServiceConnections":[{"name":"psc","properties":{"privateLinkServiceId":"`+account+`","groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}},
	{"id":"`+rg+`/privateEndpoints/pe/privateDnsZoneGroups/default","type":"Microsoft.Network/privateEndpoints/privateDnsZoneGroups","properties":{"privateDnsZoneConfigs":[{"name":"z","properties":{"recordSets":[`+sets+`]}}]}}]`), topology.Config{})
		from, _ := topo.AddressIn(rg+"/virtualNetworks/vnet", addr("10.0.1.9"))
		to, ok := topo.TargetOf(rg + "/privateEndpoints/pe")
		if !ok {
			t.Fatal("there is no endpoint")
		}
		return topo.Flow(from, to, topology.Port{Number: 443}).Verdict
	}
	record := func(domain, ip string) string {
		return `{"recordType":"A","recordSetName":"a","fqdn":"a.privatelink.` + domain + `","ipAddresses":["` + ip + `"]}`
	}
	custom := func(domain, ip string) string { return `{"fqdn":"a.` + domain + `","ipAddresses":["` + ip + `"]}` }
	const cog, oai, ai = "cognitiveservices.azure.com", "openai.azure.com", "services.ai.azure.com"
	if got := flow("", record(oai, "10.0.0.5")); got != topology.Unknown {
		t.Errorf("one name of three: %v, want unknown", got)
	}
	if got := flow("", record(cog, "10.0.0.4")+","+record(oai, "10.0.0.5")+","+record(ai, "10.0.0.7")); got != topology.Denied {
		t.Errorf("all names, none at the open address: %v, want denied", got)
	}
	if got := flow(custom(cog, "10.0.0.4")+","+custom(ai, "10.0.0.7"), record(oai, "10.0.0.5")); got != topology.Denied {
		t.Errorf("names at the endpoint and in its group: %v, want denied", got)
	}
}
