package arm_test

import (
	"net/http"
	"strings"
	"testing"
)

// Azure's refusals, by the mistakes that Terraform makes.
func TestNetworkRefusals(t *testing.T) {
	r := network(t, nil)
	vnet := net + "virtualNetworks/vnet"
	rule := func(priority, direction string) string {
		return `{"properties":{"priority":` + priority + `,"direction":"` + direction + `","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"443"}}`
	}
	r.put(net+"networkSecurityGroups/nsg", `{"location":"westeurope"}`)
	r.put(net+"networkSecurityGroups/nsg/securityRules/a", rule("100", "Inbound"))
	r.put(net+"networkSecurityGroups/nsg/securityRules/b", rule("100", "Outbound"))
	r.put(vnet+"/subnets/guarded", `{"properties":{"addressPrefix":"10.1.9.0/24","networkSecurityGroup":{"id":"`+net+`networkSecurityGroups/nsg"}}}`)
	for _, c := range []struct {
		name, path, body string
		code             string
	}{
		{"priority under the range", "networkSecurityGroups/nsg/securityRules/c", rule("99", "Inbound"), "SecurityRuleInvalidPriority"},
		{"priority over the range", "networkSecurityGroups/nsg/securityRules/c", rule("4097", "Inbound"), "SecurityRuleInvalidPriority"},
		{"priority taken", "networkSecurityGroups/nsg/securityRules/c", rule("100", "Inbound"), "SecurityRuleConflict"},
		{"priority twice in one document", "networkSecurityGroups/two", `{"location":"westeurope","properties":{"securityRules":[` +
			strings.Replace(rule("200", "Inbound"), "{", `{"name":"x",`, 1) + `,` + strings.Replace(rule("200", "Inbound"), "{", `{"name":"y",`, 1) + `]}}`, "SecurityRuleConflict"},
		{"a source that is no address", "networkSecurityGroups/nsg/securityRules/c", strings.Replace(rule("300", "Inbound"), `"sourceAddressPrefix":"*"`, `"sourceAddressPrefix":"10.0.0.0/33"`, 1), "SecurityRuleInvalidAddressPrefix"},
		{"a port that is none", "networkSecurityGroups/nsg/securityRules/c", strings.Replace(rule("300", "Inbound"), `"443"`, `"99999"`, 1), "SecurityRuleInvalidPortRange"},
		{"a subnet outside", "virtualNetworks/vnet/subnets/x", `{"properties":{"addressPrefix":"10.2.0.0/24"}}`, "NetcfgInvalidSubnet"},
		{"a subnet over another", "virtualNetworks/vnet/subnets/x", `{"properties":{"addressPrefix":"10.1.1.128/25"}}`, "NetcfgSubnetRangesOverlap"},
		{"host bits set", "virtualNetworks/vnet/subnets/x", `{"properties":{"addressPrefix":"10.1.3.1/24"}}`, "InvalidCIDRNotation"},
		{"no CIDR", "virtualNetworks/vnet/subnets/x", `{"properties":{"addressPrefix":"10.1.3"}}`, "InvalidAddressPrefixFormat"},
		{"a group that is not there", "virtualNetworks/vnet/subnets/x", `{"properties":{"addressPrefix":"10.1.3.0/24","networkSecurityGroup":{"id":"` + net + `networkSecurityGroups/none"}}}`, "InvalidResourceReference"},
		{"the space taken away under a subnet", "virtualNetworks/vnet", `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.1.1.0/24"]}}}`, "NetcfgInvalidSubnet"},
		{"another region", "virtualNetworks/vnet", `{"location":"eastus","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]}}}`, "InvalidResourceLocation"},
		{"no region", "routeTables/x", `{"location":"atlantis"}`, "LocationNotAvailableForResourceType"},
		{"an endpoint to nothing", "privateEndpoints/x", endpointBody(cog+"none", "endpoints"), "LinkedResourceNotFound"},
	} {
		before := r.Version()
		code, d := r.ask(http.MethodPut, net+c.path, c.body)
		if at(d, "error.code") != c.code {
			t.Errorf("%s: %d %v, want %s", c.name, code, d, c.code)
		}
		if r.Version() != before {
			t.Errorf("%s: something changed", c.name)
		}
	}
	r.refused(http.MethodDelete, net+"networkSecurityGroups/nsg", "", 400, "InUseNetworkSecurityGroupCannotBeDeleted")
	if code, _ := r.ask(http.MethodGet, net+"networkSecurityGroups/two", ""); code != 404 {
		t.Error("a refused group is there in part")
	}
}

func TestEmbeddedChildren(t *testing.T) {
	r := network(t, nil)
	vnet := net + "virtualNetworks/vnet"
	r.want(r.get(vnet), "properties.subnets.1.name", "endpoints")
	r.want(r.get(vnet+"/subnets/clients"), "properties.privateEndpointNetworkPolicies", "Disabled")
	r.put(vnet, `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16","10.3.0.0/16"]}}}`)
	r.want(r.get(vnet), "properties.subnets.1.name", "endpoints") // a list that is not said stays
	r.put(vnet, `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"subnets":[{"name":"endpoints","properties":{"addressPrefix":"10.1.2.0/24"}}]}}`)
	r.refused(http.MethodGet, vnet+"/subnets/clients", "", 404, "NotFound")
}

func TestIDsAreComparedWithoutCase(t *testing.T) {
	r := network(t, nil)
	upper := strings.ToUpper(net + "virtualNetworks/vnet/subnets/clients")
	d := r.get(upper)
	r.want(d, "id", net+"virtualNetworks/vnet/subnets/clients")
	r.want(d, "type", "Microsoft.Network/virtualNetworks/subnets")
	r.put(strings.ToLower(rg)+"/providers/microsoft.network/routetables/Mixed", `{"location":"West Europe"}`)
	d = r.get(net + "routeTables/mixed")
	r.want(d, "id", net+"routeTables/Mixed")
	r.want(d, "location", "westeurope")
}

func TestPeeringHasTwoHalves(t *testing.T) {
	r := network(t, nil)
	r.put(net+"virtualNetworks/hub", `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.9.0.0/16"]}}}`)
	r.put(net+"virtualNetworks/twin", `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.9.0.0/16"]}}}`)
	half := func(to string) string {
		return `{"properties":{"remoteVirtualNetwork":{"id":"` + net + `virtualNetworks/` + to + `"}}}`
	}
	one, two := net+"virtualNetworks/vnet/virtualNetworkPeerings/out", net+"virtualNetworks/hub/virtualNetworkPeerings/back"
	r.want(r.put(one, half("hub")), "properties.peeringState", "Initiated")
	r.want(r.put(two, half("vnet")), "properties.peeringState", "Connected")
	d := r.get(one)
	r.want(d, "properties.peeringState", "Connected")
	r.want(d, "properties.remoteAddressSpace.addressPrefixes.0", "10.9.0.0/16")
	r.refused(http.MethodPut, net+"virtualNetworks/hub/virtualNetworkPeerings/t", half("twin"), 400, "VnetAddressSpacesOverlap")
	r.ask(http.MethodDelete, two, "")
	r.want(r.get(one), "properties.peeringState", "Disconnected")
	r.refused(http.MethodPut, two, half("vnet"), 400, "RemotePeeringIsDisconnected")
	r.put(one, half("hub"))
	r.want(r.put(two, half("vnet")), "properties.peeringState", "Connected")
}

func TestPrivateEndpoint(t *testing.T) {
	r := network(t, nil)
	account := r.account("aoai")
	zone := net + "privateDnsZones/privatelink.openai.azure.com"
	r.put(zone, `{"location":"global"}`)
	pe := net + "privateEndpoints/pe"
	d := r.put(pe, endpointBody(account, "endpoints"))
	r.want(d, "properties.privateLinkServiceConnections.0.properties.privateLinkServiceConnectionState.status", "Approved")
	r.want(d, "properties.customDnsConfigs.0.fqdn", "aoai.openai.azure.com")
	r.want(d, "properties.customDnsConfigs.0.ipAddresses.0", "10.1.2.4")
	nic := at(d, "properties.networkInterfaces.0.id").(string)
	r.want(r.get(nic), "properties.ipConfigurations.0.properties.privateIPAddress", "10.1.2.4")
	r.want(r.get(account), "properties.privateEndpointConnections.0.properties.privateEndpoint.id", pe)
	r.refused(http.MethodDelete, net+"virtualNetworks/vnet/subnets/endpoints", "", 400, "InUseSubnetCannotBeDeleted")
	r.refused(http.MethodDelete, nic, "", 400, "NicInUseWithPrivateEndpoint")

	g := r.put(pe+"/privateDnsZoneGroups/default", `{"properties":{"privateDnsZoneConfigs":[{"name":"openai","properties":{"privateDnsZoneId":"`+zone+`"}}]}}`)
	r.want(g, "properties.privateDnsZoneConfigs.0.properties.recordSets.0.fqdn", "aoai.privatelink.openai.azure.com")
	r.want(r.get(zone+"/A/aoai"), "properties.aRecords.0.ipv4Address", "10.1.2.4")
	r.want(r.get(zone), "properties.numberOfRecordSets", 2.0)

	static := strings.Replace(endpointBody(account, "endpoints"), `"subnet"`, `"ipConfigurations":[{"name":"i","properties":{"groupId":"account","memberName":"default","privateIPAddress":"10.1.2.50"}}],"subnet"`, 1)
	r.put(pe, static)
	r.want(r.get(zone+"/A/aoai"), "properties.aRecords.0.ipv4Address", "10.1.2.50")
	other := r.account("other")
	r.refused(http.MethodPut, net+"privateEndpoints/p2", strings.Replace(static, account, other, 1), 400, "PrivateIPAddressInUse")
	r.refused(http.MethodPut, net+"privateEndpoints/p2", strings.ReplaceAll(static, "10.1.2.50", "10.1.2.3"), 400, "PrivateIPAddressInReservedRange")
	r.refused(http.MethodPut, net+"privateEndpoints/p2", strings.ReplaceAll(static, "10.1.2.50", "10.1.3.9"), 400, "PrivateIPAddressNotInSubnet")
	r.refused(http.MethodPut, net+"privateEndpoints/p2", strings.ReplaceAll(static, `"account"`, `"vault"`), 400, "PrivateEndpointInvalidGroupIds")

	if code, _ := r.ask(http.MethodDelete, pe, ""); code != 200 {
		t.Fatalf("delete: %d", code)
	}
	r.refused(http.MethodGet, nic, "", 404, "ResourceNotFound")
	r.refused(http.MethodGet, zone+"/A/aoai", "", 404, "NotFound")
	if got := len(r.get(account)["properties"].(map[string]any)["privateEndpointConnections"].([]any)); got != 0 {
		t.Errorf("%d connections are left", got)
	}
}

func TestManualConnectionWaitsForTheOwner(t *testing.T) {
	r := network(t, nil)
	account := r.account("aoai")
	d := r.put(net+"privateEndpoints/pe", strings.Replace(endpointBody(account, "endpoints"), "privateLinkServiceConnections", "manualPrivateLinkServiceConnections", 1))
	const status = "properties.manualPrivateLinkServiceConnections.0.properties.privateLinkServiceConnectionState.status"
	r.want(d, status, "Pending")
	list := r.get(account + "/privateEndpointConnections")
	id := at(list, "value.0.id").(string)
	r.refused(http.MethodPut, id, `{"properties":{"privateLinkServiceConnectionState":{"status":"Maybe"}}}`, 400, "InvalidPrivateLinkServiceConnectionState")
	r.put(id, `{"properties":{"privateLinkServiceConnectionState":{"status":"Approved","description":"ok"}}}`)
	r.want(r.get(net+"privateEndpoints/pe"), status, "Approved")
	r.put(net+"privateEndpoints/pe", strings.Replace(endpointBody(account, "endpoints"), "privateLinkServiceConnections", "manualPrivateLinkServiceConnections", 1))
	r.want(r.get(net+"privateEndpoints/pe"), status, "Approved") // a write does not undo it
}

func TestAddressesAreGivenOnce(t *testing.T) {
	r := network(t, nil)
	r.put(net+"virtualNetworks/small", `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.8.0.0/24"]},"subnets":[{"name":"s","properties":{"addressPrefix":"10.8.0.0/29"}}]}}`)
	nic := func(extra string) string {
		return `{"location":"westeurope","properties":{"ipConfigurations":[{"name":"i","properties":{"subnet":{"id":"` + net + `virtualNetworks/small/subnets/s"}` + extra + `}}]}}`
	}
	const address = "properties.ipConfigurations.0.properties.privateIPAddress"
	r.want(r.put(net+"networkInterfaces/a", nic("")), address, "10.8.0.4")
	r.want(r.put(net+"networkInterfaces/b", nic(`,"privateIPAllocationMethod":"Static","privateIPAddress":"10.8.0.5"`)), address, "10.8.0.5")
	r.want(r.put(net+"networkInterfaces/c", nic("")), address, "10.8.0.6")
	r.refused(http.MethodPut, net+"networkInterfaces/d", nic(""), 400, "SubnetIsFull")
	r.want(r.put(net+"networkInterfaces/a", nic("")), address, "10.8.0.4") // its own again
	r.refused(http.MethodPut, net+"virtualNetworks/small/subnets/s", `{"properties":{"addressPrefix":"10.8.0.128/29"}}`, 400, "InUsePrefixCannotBeDeleted")
}

func TestPrivateZones(t *testing.T) {
	r := network(t, nil)
	zone := net + "privateDnsZones/corp.example"
	r.put(zone, `{"location":"global"}`)
	r.want(r.get(zone+"/SOA/@"), "properties.soaRecord.host", "azureprivatedns.net")
	r.put(zone+"/A/www", `{"properties":{"ttl":60,"ARecords":[{"ipv4Address":"10.1.1.9"}]}}`)
	r.want(r.get(zone+"/A/www"), "properties.aRecords.0.ipv4Address", "10.1.1.9")
	r.want(r.get(zone+"/A/www"), "properties.fqdn", "www.corp.example.")
	r.want(r.put(zone+"/A/*", `{"properties":{"ttl":60,"aRecords":[{"ipv4Address":"10.1.1.8"}]}}`), "properties.fqdn", "*.corp.example.")
	r.ask(http.MethodDelete, zone+"/A/*", "")
	r.refused(http.MethodPut, zone+"/A/a*b", `{"properties":{"ttl":60,"aRecords":[]}}`, 400, "InvalidResourceName")
	r.refused(http.MethodPut, zone+"/CNAME/www", `{"properties":{"ttl":60,"cnameRecord":{"cname":"x.example"}}}`, 409, "Conflict")
	r.refused(http.MethodPut, zone+"/A/w", `{"properties":{"ttl":60,"aRecords":[{"ipv4Address":"2001:db8::1"}]}}`, 400, "BadRequest")
	r.refused(http.MethodDelete, zone+"/SOA/@", "", 400, "BadRequest")
	link := `{"location":"global","properties":{"virtualNetwork":{"id":"` + net + `virtualNetworks/vnet"},"registrationEnabled":true}}`
	r.put(zone+"/virtualNetworkLinks/vnet", link)
	r.refused(http.MethodDelete, zone, "", 409, "CannotDeleteResource")
	r.put(net+"privateDnsZones/two.example", `{"location":"global"}`)
	r.refused(http.MethodPut, net+"privateDnsZones/two.example/virtualNetworkLinks/v", link, 409, "Conflict")
	if all := r.get(zone + "/ALL")["value"].([]any); len(all) != 2 {
		t.Errorf("the list of all records has %d of 2", len(all))
	}
	code, _ := r.ask(http.MethodPut, zone+"/A/www", `{"properties":{"ttl":60,"aRecords":[]}}`, "If-None-Match", "*")
	if code != 412 {
		t.Errorf("If-None-Match over a record that is there: %d, want 412", code)
	}
}
