package posture

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
)

// plan is a plan that makes a private estate: nothing of it has an id or an
// address yet.
func plan() string {
	change := func(address, after, unknown string) string {
		typ, name, _ := strings.Cut(address, ".")
		return `{"address":"` + address + `","mode":"managed","type":"` + typ + `","name":"` + name + `","provider_name":"registry.terraform.io/hashicorp/azurerm","change":{"actions":["create"],"before":null,"after":{` + after + `},"after_unknown":{"id":true` + unknown + `}}}`
	}
	expr := func(address, expressions string) string {
		return `{"address":"` + address + `","expressions":{` + expressions + `}}`
	}
	refers := func(attr, to string) string {
		return `"` + attr + `":{"references":["` + to + `.id","` + to + `"]}`
	}
	rule := func(name, access, priority, from, to, port string) string {
		return `{"name":"` + name + `","access":"` + access + `","direction":"Inbound","priority":` + priority + `,"protocol":"*","source_address_prefix":"` + from + `","source_address_prefixes":[],"source_port_range":"*","source_port_ranges":[],"destination_address_prefix":"` + to + `","destination_address_prefixes":[],"destination_port_range":"` + port + `","destination_port_ranges":[]}`
	}
	const zone = `"name":"privatelink.openai.azure.com","resource_group_name":"rg"`
	return `{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[` + strings.Join([]string{
		change("azurerm_virtual_network.vnet", `"name":"vnet","resource_group_name":"rg","location":"swedencentral","address_space":["10.0.0.0/16"]`, `,"subnet":true,"dns_servers":true`),
		change("azurerm_subnet.apps", `"name":"apps","resource_group_name":"rg","virtual_network_name":"vnet","address_prefixes":["10.0.1.0/24"],"private_endpoint_network_policies":"Disabled"`, ""),
		change("azurerm_subnet.ends", `"name":"ends","resource_group_name":"rg","virtual_network_name":"vnet","address_prefixes":["10.0.2.0/24"],"private_endpoint_network_policies":"NetworkSecurityGroupEnabled"`, ""),
		change("azurerm_cognitive_account.model", `"name":"model","resource_group_name":"rg","kind":"OpenAI","custom_subdomain_name":"model","public_network_access_enabled":false,"local_auth_enabled":false,"network_acls":[{"default_action":"Deny","bypass":"None","ip_rules":[],"virtual_network_rules":[]}]`, `,"endpoint":true`),
		change("azurerm_private_endpoint.pep", `"name":"pep","resource_group_name":"rg","ip_configuration":[],"private_dns_zone_group":[{"name":"default","private_dns_zone_ids":[null]}],"private_service_connection":[{"name":"c","is_manual_connection":false,"subresource_names":["account"]}]`,
			`,"subnet_id":true,"network_interface":true,"custom_dns_configs":true,"private_dns_zone_group":[{"private_dns_zone_ids":[true]}],"private_service_connection":[{"private_connection_resource_id":true,"private_ip_address":true}]`),
		change("azurerm_network_security_group.nsg", `"name":"nsg","resource_group_name":"rg","security_rule":[`+rule("allow-apps", "Allow", "100", "10.0.1.0/24", "10.0.2.0/24", "443")+`,`+rule("deny-all", "Deny", "4096", "*", "*", "*")+`]`, ""),
		change("azurerm_subnet_network_security_group_association.nsg", ``, `,"subnet_id":true,"network_security_group_id":true`),
		change("azurerm_private_dns_zone.zone", zone, ""),
		change("azurerm_private_dns_zone_virtual_network_link.link", `"name":"link","private_dns_zone_name":"privatelink.openai.azure.com","resource_group_name":"rg","registration_enabled":false`, `,"virtual_network_id":true`),
	}, ",") + `],"configuration":{"provider_config":{"azurerm":{"name":"azurerm","version_constraint":"5.2.0"}},"root_module":{"resources":[` + strings.Join([]string{
		expr("azurerm_virtual_network.vnet", `"address_space":{"constant_value":["10.0.0.0/16"]}`),
		expr("azurerm_subnet.apps", refers("virtual_network_name", "azurerm_virtual_network.vnet")),
		expr("azurerm_subnet.ends", refers("virtual_network_name", "azurerm_virtual_network.vnet")),
		expr("azurerm_private_endpoint.pep", refers("subnet_id", "azurerm_subnet.ends")+`,"private_dns_zone_group":[{`+refers("private_dns_zone_ids", "azurerm_private_dns_zone.zone")+`}],"private_service_connection":[{`+refers("private_connection_resource_id", "azurerm_cognitive_account.model")+`}]`),
		expr("azurerm_subnet_network_security_group_association.nsg", refers("subnet_id", "azurerm_subnet.ends")+`,`+refers("network_security_group_id", "azurerm_network_security_group.nsg")),
		expr("azurerm_private_dns_zone_virtual_network_link.link", refers("virtual_network_id", "azurerm_virtual_network.vnet")),
	}, ",") + `]}}}`
}

func judgePlan(t *testing.T, doc string) Report {
	t.Helper()
	e, err := estate.Read(strings.NewReader(doc), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return judgeEstate(e, Options{Now: now()})
}

// A plan may be private before anything of it is there, and names its
// resources by their addresses.
func TestPlansAreJudged(t *testing.T) {
	r := judgePlan(t, plan())
	if r.Verdict != Private {
		t.Errorf("%s", r.Verdict)
	}
	for _, f := range r.Findings {
		if f.Level == Must && f.Status != Pass {
			t.Errorf("%s %s %s: %s [%s] %+v", f.Status, f.ID, f.Resource, f.What, f.Witness, f.Evidence)
		}
		if strings.Contains(f.Mend.Az, "azurerm_") {
			t.Errorf("%s is mended with an address: %s", f.ID, f.Mend.Az)
		}
	}
	for _, c := range []struct {
		old, new, check, about string
		status                 Status
	}{
		{`"private_endpoint_network_policies":"NetworkSecurityGroupEnabled"`, `"private_endpoint_network_policies":"Disabled"`, "endpoint-subnet-binds", "azurerm_subnet.ends", Fail},
		{`"public_network_access_enabled":false`, `"public_network_access_enabled":true`, "public-access-off", "azurerm_cognitive_account.model", Fail},
		{`"local_auth_enabled":false,`, ``, "keys-off", "azurerm_cognitive_account.model", Fail},
		{`"is_manual_connection":false`, `"is_manual_connection":true`, "endpoint-approved", "azurerm_cognitive_account.model", Fail},
		{`"access":"Deny"`, `"access":"Allow"`, "reach-only-clients", "azurerm_private_endpoint.pep", Fail},
		{`"source_address_prefix":"10.0.1.0/24"`, `"source_address_prefix":"VirtualNetwork"`, "reach-only-clients", "azurerm_private_endpoint.pep", Fail},
		{`"resource_group_name":"rg","registration_enabled":false`, `"resource_group_name":"rg","resolution_policy":"NxDomainRedirect","registration_enabled":false`, "no-public-fallback", "azurerm_private_dns_zone_virtual_network_link.link", Fail},
	} {
		if !strings.Contains(plan(), c.old) {
			t.Fatalf("the plan has no %q", c.old)
		}
		f := find(t, judgePlan(t, strings.Replace(plan(), c.old, c.new, 1)), c.check, c.about)
		if f.Status != c.status {
			t.Errorf("%s: %s %s [%s]", c.check, f.Status, f.What, f.Witness)
		}
		if f.Status == Fail && f.Mend.Terraform == "" && f.Mend.Az == "" && c.check != "endpoint-approved" {
			t.Errorf("%s has no mend", c.check)
		}
	}
}
