package topology_test

import (
	"net/netip"
	"testing"

	"github.com/ostiary/ostiary/internal/topology"
)

// A Key Vault's name is an alias in privatelink.vaultcore.azure.net, where
// every other service's keeps its domain.
//
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func TestAVaultsAlias(t *testing.T) {
	const vault = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
	topo := topology.New(read(t, `[
	{"id":"`+rg+`/virtualNetworks/vnet","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[{"name":"a","properties":{"addressPrefix":"10.0.0.0/24"}}]}},
	{"id":"`+rg+`/privateEndpoints/pe","type":"Microsoft.Network/privateEndpoints","properties":{"subnet":{"id":"`+rg+`/virtualNetworks/vnet/subnets/a"},
		"customDnsConfigs":[{"fqdn":"kv.vault.azure.net","ipAddresses":["10.0.0.4"]}],
		"privateLinkServiceConnections":[{"name":"psc","properties":{"privateLinkServiceId":"`+vault+`","groupIds":["vault"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}},
	{"id":"`+rg+`/privateDnsZones/privatelink.vaultcore.azure.net","type":"Microsoft.Network/privateDnsZones"},
	{"id":"`+rg+`/privateDnsZones/privatelink.vaultcore.azure.net/A/kv","type":"Microsoft.Network/privateDnsZones/A","name":"kv","properties":{"aRecords":[{"ipv4Address":"10.0.0.4"}]}},
	{"id":"`+rg+`/privateDnsZones/privatelink.vaultcore.azure.net/virtualNetworkLinks/l","type":"Microsoft.Network/privateDnsZones/virtualNetworkLinks","properties":{"virtualNetwork":{"id":"`+rg+`/virtualNetworks/vnet"},"virtualNetworkLinkState":"Completed"}}]`), topology.Config{})
	inside, _ := topo.AddressIn(rg+"/virtualNetworks/vnet", addr("10.0.0.9"))
	got := topo.Resolve(inside, "kv.vault.azure.net")
	if got.Result != topology.Addresses || len(got.Addrs) != 1 || got.Addrs[0] != addr("10.0.0.4") || got.Chain[0].Value != "kv.privatelink.vaultcore.azure.net" {
		t.Errorf("inside: %v", got)
	}
	if got := topo.Resolve(topology.Internet(netip.Addr{}), "kv.vault.azure.net"); got.Result != topology.Public {
		t.Errorf("outside: %v", got)
	}
}
