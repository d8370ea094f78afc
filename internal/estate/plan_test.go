package estate_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
)

// planned is a plan of the published example: an apps subnet, a backend
// subnet with a private endpoint and a group whose rule names the endpoint's
// address, which nobody knows before apply. subnet is what the provider shows
// of a subnet's policies, after and after_unknown.
func planned(after, unknown string) string {
	change := func(address, typ, after, unknown string) string {
		name := address[strings.LastIndexByte(address, '.')+1:]
		return `{"address":"` + address + `","mode":"managed","type":"` + typ + `","name":"` + name + `","provider_name":"registry.terraform.io/hashicorp/azurerm","change":{"actions":["create"],"before":null,"after":{` + after + `},"after_unknown":{"id":true` + unknown + `}}}`
	}
	return `{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[` + strings.Join([]string{
		change("azurerm_virtual_network.vnet", "azurerm_virtual_network", `"name":"vnet","resource_group_name":"rg","location":"swedencentral","address_space":["10.0.0.0/16"]`, `,"subnet":true,"dns_servers":true,"guid":true`),
		change("azurerm_subnet.apps", "azurerm_subnet", `"name":"apps","resource_group_name":"rg","virtual_network_name":"vnet","address_prefixes":["10.0.0.0/23"],"delegation":[],"service_endpoints":null`+after, unknown),
		change("azurerm_subnet.backend", "azurerm_subnet", `"name":"backend","resource_group_name":"rg","virtual_network_name":"vnet","address_prefixes":["10.0.2.0/24"]`+after, unknown),
		change("azurerm_cognitive_account.openai", "azurerm_cognitive_account", `"name":"azopenai","resource_group_name":"rg","kind":"OpenAI","custom_subdomain_name":"azopenai","public_network_access_enabled":false,"local_auth_enabled":true,"network_acls":[],"sku_name":"S0"`, `,"endpoint":true`),
		change("azurerm_private_endpoint.endpoint", "azurerm_private_endpoint", `"name":"pe","resource_group_name":"rg","ip_configuration":[],"private_dns_zone_group":[],"private_service_connection":[{"name":"psc","is_manual_connection":false,"subresource_names":["account"],"private_connection_resource_alias":null}]`,
			`,"subnet_id":true,"network_interface":true,"custom_dns_configs":true,"private_service_connection":[{"private_connection_resource_id":true,"private_ip_address":true,"subresource_names":[false]}]`),
		change("azurerm_network_security_group.backend", "azurerm_network_security_group", `"name":"nsg-backend","resource_group_name":"rg","security_rule":[{"name":"allow-apps-to-openai-https","access":"Allow","direction":"Inbound","priority":150,"protocol":"Tcp","source_address_prefix":"10.0.0.0/23","source_address_prefixes":[],"source_port_range":"*","source_port_ranges":[],"destination_port_range":"443","destination_port_ranges":[],"destination_address_prefixes":[]},{"name":"prevent-all","access":"Deny","direction":"Inbound","priority":200,"protocol":"Tcp","source_address_prefix":"*","source_address_prefixes":[],"source_port_range":"*","source_port_ranges":[],"destination_port_range":"443","destination_port_ranges":[],"destination_address_prefix":"10.0.2.0/24","destination_address_prefixes":[]}]`,
			`,"security_rule":[{"destination_address_prefix":true},{}]`),
		change("azurerm_subnet_network_security_group_association.backend", "azurerm_subnet_network_security_group_association", ``, `,"subnet_id":true,"network_security_group_id":true`),
		change("azurerm_private_dns_zone.dns_zone", "azurerm_private_dns_zone", `"name":"privatelink.openai.azure.com","resource_group_name":"rg"`, `,"number_of_record_sets":true`),
		change("azurerm_private_dns_a_record.dns_a", "azurerm_private_dns_a_record", `"name":"azopenai","zone_name":"privatelink.openai.azure.com","resource_group_name":"rg","ttl":10`, `,"records":true`),
		change("azurerm_private_dns_zone_virtual_network_link.network_link", "azurerm_private_dns_zone_virtual_network_link", `"name":"vnet-link","private_dns_zone_name":"privatelink.openai.azure.com","resource_group_name":"rg","registration_enabled":false`, `,"virtual_network_id":true`),
	}, ",") + `],"configuration":{"provider_config":{"azurerm":{"name":"azurerm","version_constraint":"3.75.0"}},"root_module":{"resources":[
	{"address":"azurerm_subnet.backend","expressions":{"virtual_network_name":{"references":["azurerm_virtual_network.vnet.name","azurerm_virtual_network.vnet"]},"address_prefixes":{"constant_value":["10.0.2.0/24"]}}},
	{"address":"azurerm_subnet.apps","expressions":{"virtual_network_name":{"references":["azurerm_virtual_network.vnet.name","azurerm_virtual_network.vnet"]}}},
	{"address":"azurerm_virtual_network.vnet","expressions":{"address_space":{"constant_value":["10.0.0.0/16"]}}},
	{"address":"azurerm_private_endpoint.endpoint","expressions":{"subnet_id":{"references":["azurerm_subnet.backend.id","azurerm_subnet.backend"]},"private_service_connection":[{"private_connection_resource_id":{"references":["azurerm_cognitive_account.openai.id","azurerm_cognitive_account.openai"]}}]}},
	{"address":"azurerm_network_security_group.backend","expressions":{"security_rule":[{"destination_address_prefix":{"references":["azurerm_private_endpoint.endpoint.private_service_connection[0].private_ip_address","azurerm_private_endpoint.endpoint.private_service_connection[0]","azurerm_private_endpoint.endpoint.private_service_connection","azurerm_private_endpoint.endpoint"]}},{}]}},
	{"address":"azurerm_subnet_network_security_group_association.backend","expressions":{"subnet_id":{"references":["azurerm_subnet.backend.id","azurerm_subnet.backend"]},"network_security_group_id":{"references":["azurerm_network_security_group.backend.id","azurerm_network_security_group.backend"]}}},
	{"address":"azurerm_private_dns_a_record.dns_a","expressions":{"records":{"references":["azurerm_private_endpoint.endpoint.private_service_connection[0].private_ip_address","azurerm_private_endpoint.endpoint"]}}},
	{"address":"azurerm_private_dns_zone_virtual_network_link.network_link","expressions":{"virtual_network_id":{"references":["azurerm_virtual_network.vnet.id","azurerm_virtual_network.vnet"]}}}
	]}}}`
}

func read(t testing.TB, doc string) *estate.Estate {
	t.Helper()
	e, err := estate.Read(strings.NewReader(doc), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPlanLinksWhatIsNotKnownYet(t *testing.T) {
	e := read(t, planned(`,"private_endpoint_network_policies_enabled":true`, ""))
	if !e.Planned || len(e.VirtualNetworks) != 1 || len(e.Subnets) != 2 || len(e.Misread) != 0 || len(e.Conflicts) != 0 {
		t.Fatalf("networks %d, subnets %d, misread %v, conflicts %v", len(e.VirtualNetworks), len(e.Subnets), e.Misread, e.Conflicts)
	}
	vnet := e.VirtualNetworks[0]
	if vnet.DNSServers.State != estate.Absent {
		t.Errorf("DNS servers that nobody sets are %v", vnet.DNSServers.State)
	}
	backend := e.Find("azurerm_subnet.backend").(*estate.Subnet)
	if backend.VNet != vnet || len(vnet.Subnets) != 2 {
		t.Errorf("the subnet lies in %+v", backend.VNet)
	}
	if g := backend.Group.To; g == nil || len(g.Rules) != 2 || g.Rules[0].Destinations.Complete() || g.Rules[1].Destinations.Items[0].V != "10.0.2.0/24" {
		t.Errorf("the subnet's group: %+v", backend.Group)
	}
	if apps := e.Find("azurerm_subnet.apps").(*estate.Subnet); apps.Group.State != estate.Absent {
		t.Errorf("the apps subnet has a group: %+v", apps.Group)
	}
	pe := e.PrivateEndpoints[0]
	if pe.Subnet.To != backend || len(pe.Links) != 1 || pe.Links[0].Target.To != estate.Thing(e.Accounts[0]) || !pe.Links[0].Groups.Has("account") {
		t.Errorf("the endpoint: %+v %+v", pe.Subnet, pe.Links)
	}
	zone := e.PrivateZones[0]
	if len(zone.Links) != 1 || zone.Links[0].VNet.To != vnet || len(zone.Records) != 1 || zone.Records[0].Kind != "A" || zone.Records[0].IPv4.Complete() {
		t.Errorf("the zone: %+v", zone)
	}
	if a := e.Accounts[0]; !a.PublicAccess.Is("Disabled") || !a.LocalAuthDisabled.Is(false) || a.ID != "azurerm_cognitive_account.openai" {
		t.Errorf("the account: %+v", a)
	}
	if got := e.Pointer(e.Accounts[0].PublicAccess.At); got != "/resource_changes/3/change/after/public_network_access_enabled" {
		t.Errorf("pointer %q", got)
	}
	if got := e.Pointer(pe.Subnet.At); !strings.HasPrefix(got, "/configuration/root_module/resources/") {
		t.Errorf("pointer %q", got)
	}
}

// The rules bind with version 3, which writes Enabled where nothing is said,
// and bind nothing with version 4.
func TestPlanKnowsTheProvidersDefaults(t *testing.T) {
	for _, c := range []struct{ version, after, unknown, want string }{
		{"3.75", `,"private_endpoint_network_policies_enabled":true,"enforce_private_link_endpoint_network_policies":false`, "", "Enabled"},
		{"3.117", "", `,"private_endpoint_network_policies":true,"private_endpoint_network_policies_enabled":true,"enforce_private_link_endpoint_network_policies":true`, "Enabled"},
		{"2", `,"enforce_private_link_endpoint_network_policies":true`, "", "Disabled"},
		{"4", `,"private_endpoint_network_policies":"Disabled"`, "", "Disabled"},
		{"5", `,"private_endpoint_network_policies":"NetworkSecurityGroupEnabled"`, "", "NetworkSecurityGroupEnabled"},
	} {
		s := read(t, planned(c.after, c.unknown)).Find("azurerm_subnet.backend").(*estate.Subnet)
		if !s.EndpointPolicies.Is(c.want) {
			t.Errorf("version %s: %+v", c.version, s.EndpointPolicies)
		}
	}
}
