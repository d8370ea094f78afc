package posture

import (
	"strings"
	"testing"
)

const (
	vnet   = net + "/virtualNetworks/vnet"
	apps   = vnet + "/subnets/apps"
	ends   = vnet + "/subnets/ends"
	pep    = net + "/privateEndpoints/pep"
	zoneID = net + "/privateDnsZones/privatelink.openai.azure.com"
	linkID = zoneID + "/virtualNetworkLinks/link"
)

// small is an estate as small as private can be: clients in apps, bystanders
// in build, and the endpoint 10.0.2.4 in ends, whose group lets apps in.
func small() string {
	return `[
{"id":"` + account + `","name":"model","type":"Microsoft.CognitiveServices/accounts","kind":"OpenAI","identity":{"type":"SystemAssigned"},
 "properties":{"customSubDomainName":"model","endpoint":"https://model.openai.azure.com/","publicNetworkAccess":"Disabled","disableLocalAuth":true,
  "networkAcls":{"bypass":"None","defaultAction":"Deny","ipRules":[],"virtualNetworkRules":[]},"capabilities":[{"name":"ContentLogging","value":"false"}],
  "privateEndpointConnections":[{"id":"` + account + `/privateEndpointConnections/c","name":"c","properties":{"privateEndpoint":{"id":"` + pep + `"},"groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}},
{"id":"` + vnet + `","name":"vnet","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"virtualNetworkPeerings":[],"subnets":[
  {"id":"` + apps + `","name":"apps","properties":{"addressPrefix":"10.0.1.0/24"}},
  {"id":"` + vnet + `/subnets/build","name":"build","properties":{"addressPrefix":"10.0.3.0/24"}},
  {"id":"` + ends + `","name":"ends","properties":{"addressPrefix":"10.0.2.0/24","networkSecurityGroup":{"id":"` + net + `/networkSecurityGroups/nsg"},"privateEndpointNetworkPolicies":"NetworkSecurityGroupEnabled"}}]}},
{"id":"` + net + `/networkSecurityGroups/nsg","name":"nsg","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[
  {"name":"allow-apps","properties":{"priority":100,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"10.0.1.0/24","sourcePortRange":"*","destinationAddressPrefix":"10.0.2.4/32","destinationPortRange":"443"}},
  {"name":"deny-all","properties":{"priority":4096,"direction":"Inbound","access":"Deny","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"*"}}]}},
{"id":"` + pep + `","name":"pep","type":"Microsoft.Network/privateEndpoints","properties":{"subnet":{"id":"` + ends + `"},"networkInterfaces":[{"id":"` + net + `/networkInterfaces/pep.nic"}],
  "privateLinkServiceConnections":[{"name":"c","properties":{"privateLinkServiceId":"` + account + `","groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}},
{"id":"` + pep + `/privateDnsZoneGroups/default","name":"default","type":"Microsoft.Network/privateEndpoints/privateDnsZoneGroups","properties":{"privateDnsZoneConfigs":[{"name":"z","properties":{"privateDnsZoneId":"` + zoneID + `"}}]}},
{"id":"` + net + `/networkInterfaces/pep.nic","name":"pep.nic","type":"Microsoft.Network/networkInterfaces","properties":{"ipConfigurations":[{"name":"ip","properties":{"privateIPAddress":"10.0.2.4","subnet":{"id":"` + ends + `"}}}]}},
{"id":"` + zoneID + `","name":"privatelink.openai.azure.com","type":"Microsoft.Network/privateDnsZones","properties":{"numberOfRecordSets":2}},
{"id":"` + zoneID + `/SOA/@","name":"@","type":"Microsoft.Network/privateDnsZones/SOA","properties":{}},
{"id":"` + zoneID + `/A/model","name":"model","type":"Microsoft.Network/privateDnsZones/A","properties":{"aRecords":[{"ipv4Address":"10.0.2.4"}]}},
{"id":"` + linkID + `","name":"link","type":"Microsoft.Network/privateDnsZones/virtualNetworkLinks","properties":{"virtualNetwork":{"id":"` + vnet + `"},"virtualNetworkLinkState":"Completed"}}
]`
}

// edited is the small estate with texts replaced, old and new by turns, and
// resources added.
func edited(t testing.TB, more []string, oldNew ...string) string {
	t.Helper()
	doc := small()
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(doc, oldNew[i]) {
			t.Fatalf("the small estate has no %q", oldNew[i])
		}
		doc = strings.Replace(doc, oldNew[i], oldNew[i+1], 1)
	}
	for _, m := range more {
		doc = strings.TrimSuffix(strings.TrimSpace(doc), "]") + "," + m + "]"
	}
	return doc
}
