package estate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
)

// called are an endpoint's names with their addresses, in the order read.
func called(p *estate.PrivateEndpoint) (names []string) {
	for _, n := range p.Names {
		s := n.FQDN.V
		for _, a := range n.Addresses.Items {
			s += " " + a.V
		}
		names = append(names, s)
	}
	return names
}

// Azure empties customDnsConfigs beside a zone group. What the endpoint is
// called then stands at its interface and in the group.
func TestNamesOfAnEndpointWithAZoneGroup(t *testing.T) {
	const pe, nic = rg + "/privateEndpoints/pe", rg + "/networkInterfaces/nic"
	endpoint := func(custom string) string {
		return element(pe, `,"type":"Microsoft.Network/privateEndpoints","properties":{"customDnsConfigs":`+custom+`,"networkInterfaces":[{"id":"`+nic+`"}]}`)
	}
	address := func(name, ip, fqdns string) string {
		return `{"name":"` + name + `","properties":{"privateIPAddress":"` + ip + `","privateLinkConnectionProperties":{"fqdns":` + fqdns + `}}}`
	}
	of := func(addresses ...string) string {
		return element(nic, `,"type":"Microsoft.Network/networkInterfaces","properties":{"privateEndpoint":{"id":"`+pe+`"},"ipConfigurations":`+list(addresses...)+`}`)
	}
	group := func(records ...string) string {
		return element(pe+"/privateDnsZoneGroups/default", `,"properties":{"privateDnsZoneConfigs":[{"name":"z","properties":{"recordSets":`+list(records...)+`}}]}`)
	}
	record := func(typ, fqdn, ip string) string {
		return `{"recordType":"` + typ + `","recordSetName":"x","fqdn":"` + fqdn + `","ttl":10,"ipAddresses":["` + ip + `"]}`
	}
	two := of(address("a", "10.0.0.4", `["r.westeurope.data.azurecr.io"]`), address("b", "10.0.0.5", `["r.azurecr.io"]`))
	both := []string{"r.westeurope.data.azurecr.io 10.0.0.4", "r.azurecr.io 10.0.0.5"}
	for name, c := range map[string]struct {
		doc  string
		want []string
	}{
		"without a group":         {list(endpoint(`[{"fqdn":"kv.vault.azure.net","ipAddresses":["10.0.0.4"]}]`)), []string{"kv.vault.azure.net 10.0.0.4"}},
		"at the interface":        {list(endpoint(`[]`), two), both},
		"another's interface":     {list(endpoint(`[]`), strings.ReplaceAll(two, pe, pe+"-2")), nil},
		"the interface first":     {list(two, endpoint(`[]`)), both},
		"in the group":            {list(endpoint(`[]`), group(record("A", "kv.privatelink.vaultcore.azure.net", "10.0.0.4"))), []string{"kv.vault.azure.net 10.0.0.4"}},
		"under its public name":   {list(endpoint(`[]`), group(record("A", "kv.vault.azure.net", "10.0.0.4"))), []string{"kv.vault.azure.net 10.0.0.4"}},
		"not another type":        {list(endpoint(`[]`), group(record("TXT", "kv.privatelink.vaultcore.azure.net", "10.0.0.4"))), nil},
		"a group without records": {list(endpoint(`[]`), group()), nil},
		"the interface decides":   {list(endpoint(`[]`), two, group(record("A", "r.privatelink.azurecr.io", "10.0.0.9"))), both},
		"the endpoint before it":  {list(endpoint(`[{"fqdn":"R.azurecr.io","ipAddresses":["10.0.0.7"]}]`), two), []string{"R.azurecr.io 10.0.0.7", both[0]}},
		"no address":              {list(endpoint(`[]`), of(`{"name":"a","properties":{"privateLinkConnectionProperties":{"fqdns":["r.azurecr.io"]}}}`)), []string{"r.azurecr.io"}},
	} {
		e := read(t, c.doc)
		if got := called(e.PrivateEndpoints[0]); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for _, n := range e.PrivateEndpoints[0].Names {
			if p := e.Pointer(n.FQDN.At); !strings.Contains(p, "fqdn") {
				t.Errorf("%s: %s stands at %q", name, n.FQDN.V, p)
			}
		}
	}
}

// A second plan knows the records of the group that the first one made.
func TestNamesOfAnAppliedEndpointInAPlan(t *testing.T) {
	e := read(t, `{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[{"address":"azurerm_private_endpoint.pe","mode":"managed","type":"azurerm_private_endpoint","name":"pe","provider_name":"registry.terraform.io/hashicorp/azurerm","change":{"actions":["no-op"],"before":null,"after":{
		"id":"`+rg+`/privateEndpoints/pe","name":"pe","custom_dns_configs":[],
		"private_dns_zone_group":[{"id":"g","name":"default","private_dns_zone_ids":["`+rg+`/privateDnsZones/privatelink.vaultcore.azure.net"]}],
		"private_dns_zone_configs":[{"id":"c","name":"z","private_dns_zone_id":"`+rg+`/privateDnsZones/privatelink.vaultcore.azure.net","record_sets":[{"name":"kv","type":"A","ttl":10,"fqdn":"kv.privatelink.vaultcore.azure.net","ip_addresses":["10.0.0.4"]}]}]
		},"after_unknown":{}}}],"configuration":{"root_module":{}}}`)
	if got := called(e.PrivateEndpoints[0]); !slices.Equal(got, []string{"kv.vault.azure.net 10.0.0.4"}) {
		t.Errorf("%q", got)
	}
}

func TestPrivatelinkNames(t *testing.T) {
	for public, alias := range map[string]string{
		"a.openai.azure.com":                 "a.privatelink.openai.azure.com",
		"kv.vault.azure.net":                 "kv.privatelink.vaultcore.azure.net",
		"kv.vault.usgovcloudapi.net":         "kv.privatelink.vaultcore.usgovcloudapi.net",
		"st.blob.core.windows.net":           "st.privatelink.blob.core.windows.net",
		"r.azurecr.io":                       "r.privatelink.azurecr.io",
		"r.westeurope.data.azurecr.io":       "r.westeurope.data.privatelink.azurecr.io",
		"c.westeurope.redis.azure.net":       "c.westeurope.privatelink.redis.azure.net",
		"c.westeurope.kusto.windows.net":     "c.privatelink.westeurope.kusto.windows.net",
		"pg.postgres.database.azure.com":     "pg.privatelink.postgres.database.azure.com",
		"e.westeurope.azurecontainerapps.io": "e.privatelink.westeurope.azurecontainerapps.io",
	} {
		if got := estate.AliasOf(public); got != alias {
			t.Errorf("AliasOf(%s) = %s", public, got)
		}
		if got := estate.PublicName(alias); got != public {
			t.Errorf("PublicName(%s) = %s", alias, got)
		}
	}
	if estate.AliasOf("localhost") != "" || estate.PublicName("www.example") != "www.example" {
		t.Error("a name of no service is not its own")
	}
}
