package arm_test

import (
	"net/http"
	"testing"
)

// A cluster, its database without keys, who may log in, and a private endpoint
// whose record bears the region.
func TestManagedRedis(t *testing.T) {
	r := network(t, nil)
	const (
		cluster  = rg + "/providers/Microsoft.Cache/redisEnterprise/limits-one"
		database = cluster + "/databases/default"
		closed   = `{"location":"westeurope","sku":{"name":"Balanced_B0"},"properties":{"publicNetworkAccess":"Disabled"}}`
		who      = "abababab-cccc-dddd-eeee-ffffffffffff"
	)
	d := r.put(cluster, closed)
	r.want(d, "properties.hostName", "limits-one.westeurope.redis.azure.net")
	r.want(d, "properties.resourceState", "Running")
	r.want(d, "properties.highAvailability", "Enabled")
	r.want(r.put(database, `{"properties":{"clusteringPolicy":"NoCluster"}}`), "properties.port", 10000.0)
	r.refused(http.MethodPost, database+"/listKeys", "", 400, "BadRequest")
	r.put(database, `{"properties":{"clusteringPolicy":"NoCluster","accessKeysAuthentication":"Enabled"}}`)
	if code, keys := r.ask(http.MethodPost, database+"/listKeys", ""); code != 200 || keys["primaryKey"] == "" || keys["primaryKey"] == keys["secondaryKey"] {
		t.Errorf("%d %v", code, keys)
	}
	r.want(r.put(database+"/accessPolicyAssignments/"+who, `{"properties":{"accessPolicyName":"default","user":{"objectId":"`+who+`"}}}`), "properties.user.objectId", who)

	zone := net + "privateDnsZones/privatelink.redis.azure.net"
	r.put(zone, `{"location":"global"}`)
	pe := net + "privateEndpoints/limits"
	r.put(pe, `{"location":"westeurope","properties":{"subnet":{"id":"`+net+`virtualNetworks/vnet/subnets/clients"},"privateLinkServiceConnections":[{"name":"c","properties":{"privateLinkServiceId":"`+cluster+`","groupIds":["redisEnterprise"]}}]}}`)
	r.want(r.get(pe), "properties.customDnsConfigs.0.fqdn", "limits-one.westeurope.redis.azure.net")
	r.put(pe+"/privateDnsZoneGroups/default", `{"properties":{"privateDnsZoneConfigs":[{"name":"z","properties":{"privateDnsZoneId":"`+zone+`"}}]}}`)
	r.want(r.get(zone+"/A/limits-one.westeurope"), "name", "limits-one.westeurope")
	r.want(r.get(cluster), "properties.privateEndpointConnections.0.properties.groupIds.0", "redisEnterprise")

	other := "/subscriptions/" + sub + "/resourceGroups/other"
	r.put(other, `{"location":"westeurope"}`)
	r.refused(http.MethodPut, other+"/providers/Microsoft.Cache/redisEnterprise/limits-one", closed, 409, "NameNotAvailable")
	for path, body := range map[string]string{
		rg + "/providers/Microsoft.Cache/redisEnterprise/a--b":   closed,
		rg + "/providers/Microsoft.Cache/redisEnterprise/no-sku": `{"location":"westeurope","properties":{"publicNetworkAccess":"Disabled"}}`,
		rg + "/providers/Microsoft.Cache/redisEnterprise/open":   `{"location":"westeurope","sku":{"name":"Balanced_B0"},"properties":{}}`,
		cluster + "/databases/second":                            `{"properties":{}}`,
		database:                                                 `{"properties":{"clusteringPolicy":"OSSCluster"}}`,
		database + "/accessPolicyAssignments/x":                  `{"properties":{"accessPolicyName":"default","user":{"objectId":"x"}}}`,
	} {
		code := "BadRequest"
		if path == rg+"/providers/Microsoft.Cache/redisEnterprise/a--b" {
			code = "InvalidParameter"
		}
		r.refused(http.MethodPut, path, body, 400, code)
	}
}

// A server that takes Entra's tokens alone has a standby where one is asked for.
func TestServerWithoutPasswords(t *testing.T) {
	r := network(t, nil)
	server := rg + "/providers/Microsoft.DBforPostgreSQL/flexibleServers/ledger"
	d := r.put(server, `{"location":"westeurope","properties":{"authConfig":{"activeDirectoryAuth":"Enabled","passwordAuth":"Disabled"},"network":{"publicNetworkAccess":"Disabled"},"highAvailability":{"mode":"ZoneRedundant"}}}`)
	r.want(d, "properties.authConfig.passwordAuth", "Disabled")
	r.want(d, "properties.network.publicNetworkAccess", "Disabled")
	r.want(d, "properties.highAvailability.standbyAvailabilityZone", "2")
	r.want(d, "properties.highAvailability.state", "Healthy")
	r.put(server+"-two", `{"location":"westeurope","properties":{"highAvailability":"ZoneRedundant"}}`) // kept as it came
	admin := server + "/administrators/abababab-cccc-dddd-eeee-ffffffffffff"
	r.want(r.put(admin, `{"properties":{"principalName":"gateway","principalType":"ServicePrincipal","tenantId":"x"}}`), "properties.objectId", "abababab-cccc-dddd-eeee-ffffffffffff")
}
