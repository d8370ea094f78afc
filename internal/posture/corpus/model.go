package corpus

import "strings"

// model adds an account of kind OpenAI as it should be: no way in but private
// endpoints, no keys, its data under a key of the customer's, its logs on.
func (d *Document) model(name string) Part {
	a := d.account(name, "OpenAI", name)
	d.keyed(a)
	d.logged(a, d.workspace("log-shared"))
	d.role(a.ID(), openAIUser, "id-apps")
	return a
}

// account adds an account of a kind with a subdomain. It is closed, but what
// other resources must be there for is left out.
func (d *Document) account(name, kind, subdomain string) Part {
	host := subdomain + ".openai.azure.com"
	if kind == "AIServices" {
		host = subdomain + ".cognitiveservices.azure.com"
	}
	o := resource(d.id(cognitive, "accounts", name), d.region, object{
		"allowedFqdnList":     list{},
		"capabilities":        list{object{"name": "ContentLogging", "value": "false"}},
		"customSubDomainName": subdomain,
		"disableLocalAuth":    true,
		"endpoint":            "https://" + host + "/",
		"internalId":          guid(name),
		"networkAcls": object{
			"bypass": "None", "defaultAction": "Deny",
			"ipRules": list{}, "virtualNetworkRules": list{},
		},
		"privateEndpointConnections":    list{},
		"publicNetworkAccess":           "Disabled",
		"restrictOutboundNetworkAccess": true,
	})
	o["kind"] = kind
	o["sku"] = object{"name": "S0"}
	o["identity"] = object{"type": "SystemAssigned", "principalId": guid("id-" + name), "tenantId": tenant}
	a := d.add(o)
	d.deployment(a, "gpt-4o-mini", "2024-07-18")
	return a
}

// deployment adds a deployed model to an account.
func (d *Document) deployment(account Part, model, version string) {
	o := resource(account.ID()+"/deployments/"+model, "", object{
		"model": object{"format": "OpenAI", "name": model, "version": version},
	})
	o["sku"] = object{"name": "Standard", "capacity": 20}
	d.Add(o)
}

// keyed puts an account's data under a key in the private vault kv-shared.
func (d *Document) keyed(account Part) {
	id := d.id("Microsoft.KeyVault", "vaults", "kv-shared")
	if !d.has(id) {
		d.Add(resource(id, d.region, object{
			"enablePurgeProtection": true, "enableRbacAuthorization": true, "enableSoftDelete": true,
			"publicNetworkAccess": "Disabled",
			"sku":                 object{"family": "A", "name": "standard"},
			"tenantId":            tenant,
			"vaultUri":            "https://kv-shared.vault.azure.net/",
		}))
	}
	account.Set("properties.encryption", object{
		"keySource": "Microsoft.KeyVault",
		"keyVaultProperties": object{
			"keyName": "model", "keyVaultUri": "https://kv-shared.vault.azure.net/",
			"keyVersion": strings.ReplaceAll(guid("key"), "-", ""),
		},
	})
}

// has reports whether there is a resource of this id.
func (d *Document) has(id string) bool {
	for _, r := range d.resources {
		if r["id"] == id {
			return true
		}
	}
	return false
}

// endpoint adds a private endpoint for an account, with its interface, the
// account's approved connection, and a zone group that keeps the records of
// the zones: customDnsConfigs is empty beside it, as Azure has it. With several
// addresses each zone's name has one of its own, as accounts of kind
// AIServices have it.
func (d *Document) endpoint(name string, account, subnet Part, addresses []string, zones ...Part) Part {
	e := d.bareEndpoint(name, account, subnet, addresses...)
	host := account.text("properties.customSubDomainName")
	configs := list{}
	for i, z := range zones {
		address := addresses[i%len(addresses)]
		d.record(z, host, address)
		configs = append(configs, object{
			"name":       strings.ReplaceAll(z.name(), ".", "-"),
			"properties": object{"privateDnsZoneId": z.ID(), "recordSets": list{kept(z, host, address)}},
		})
	}
	d.Add(resource(e.ID()+"/privateDnsZoneGroups/default", "", object{"privateDnsZoneConfigs": configs}))
	return e
}

// kept is a record as a zone group shows it.
func kept(zone Part, label, address string) object {
	return object{
		"fqdn": label + "." + zone.name(), "ipAddresses": texts(address),
		"provisioningState": "Succeeded", "recordSetName": label,
		"recordType": "A", "ttl": 10,
	}
}

// bareEndpoint is a private endpoint without a zone group.
func (d *Document) bareEndpoint(name string, account, subnet Part, addresses ...string) Part {
	id := d.id(network, "privateEndpoints", name)
	nic := d.nic(name+".nic."+guid(name), subnet, addresses...)
	nic.Set("properties.privateEndpoint", ref(id))
	link := part(id+"/privateLinkServiceConnections/"+name, object{
		"groupIds":                          texts("account"),
		"privateLinkServiceConnectionState": approved(),
		"privateLinkServiceId":              account.ID(),
	})
	e := d.add(resource(id, d.region, object{
		"customDnsConfigs":                    list{},
		"customNetworkInterfaceName":          "",
		"ipConfigurations":                    list{},
		"manualPrivateLinkServiceConnections": list{},
		"networkInterfaces":                   list{ref(nic.ID())},
		"privateLinkServiceConnections":       list{link},
		"subnet":                              ref(subnet.ID()),
	}))
	account.joins(name, id)
	return e
}

// joins adds an approved connection to an account.
func (p Part) joins(name, endpoint string) Part {
	c := part(p.ID()+"/privateEndpointConnections/"+name+"."+guid(endpoint), object{
		"groupIds":                          texts("account"),
		"privateEndpoint":                   ref(endpoint),
		"privateLinkServiceConnectionState": approved(),
	})
	p.Append("properties.privateEndpointConnections", c)
	return Part{p.doc, c}
}

func approved() object {
	return object{"actionsRequired": "None", "description": "Approved", "status": "Approved"}
}

// perimeter adds a network security perimeter that encloses an account.
func (d *Document) perimeter(account Part) {
	p := d.add(resource(d.id(network, "networkSecurityPerimeters", "nsp-ai"), d.region, object{"perimeterGuid": guid("nsp-ai")}))
	profile := d.add(bare(p.ID()+"/profiles/default", object{"accessRulesVersion": 1, "diagnosticSettingsVersion": 1}))
	d.Add(resource(p.ID()+"/resourceAssociations/to-"+account.name(), "", object{
		"accessMode": "Enforced", "hasProvisioningIssues": "no",
		"privateLinkResource": ref(account.ID()), "profile": ref(profile.ID()),
	}))
	d.Add(resource(account.ID()+"/networkSecurityPerimeterConfigurations/"+guid("nsp-ai")+".to-"+account.name(), "", object{
		"networkSecurityPerimeter": object{"id": p.ID(), "location": d.region, "perimeterGuid": guid("nsp-ai")},
		"profile":                  object{"accessRules": list{}, "accessRulesVersion": 1, "name": "default"},
		"resourceAssociation":      object{"accessMode": "Enforced", "name": "to-" + account.name()},
	}))
}
