package corpus

// Built-in roles by their ids.
const (
	owner               = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	contributor         = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	openAIUser          = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
	cognitiveContribute = "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68"
	cognitiveUser       = "a97b65f3-24c7-4388-baec-2e87135dc908"
)

// role assigns a role at a scope to a principal.
func (d *Document) role(scope, definition, principal string) Part {
	name := guid(scope + definition + principal)
	return d.add(bare(scope+"/providers/"+roles+"/roleAssignments/"+name, object{
		"principalId":      guid(principal),
		"principalType":    "ServicePrincipal",
		"roleDefinitionId": "/subscriptions/" + d.sub + "/providers/" + roles + "/roleDefinitions/" + definition,
		"scope":            scope,
	}))
}

// roleOf adds a role of the customer's own and gives its id.
func (d *Document) roleOf(name string, actions ...string) string {
	o := bare("/subscriptions/"+d.sub+"/providers/"+roles+"/roleDefinitions/"+guid(name), object{
		"assignableScopes": texts("/subscriptions/" + d.sub),
		"permissions": list{object{
			"actions": texts(actions...), "dataActions": list{}, "notActions": list{}, "notDataActions": list{},
		}},
		"roleName": name,
		"type":     "CustomRole",
	})
	d.Add(o)
	return guid(name)
}

// logged sends all of an account's logs somewhere.
func (d *Document) logged(account, to Part) Part {
	s := d.add(bare(account.ID()+"/providers/microsoft.insights/diagnosticSettings/to-"+to.name(), object{
		"logs":    list{logSwitch("categoryGroup", "allLogs")},
		"metrics": list{},
	}))
	s.o["type"] = insights + "/diagnosticSettings"
	return s.sendsTo(to)
}

// logSwitch is a log that is on, named by category or by group of categories.
func logSwitch(by, name string) object {
	return object{by: name, "enabled": true, "retentionPolicy": object{"days": 0, "enabled": false}}
}

// sendsTo makes a diagnostic setting send to a workspace, a storage account
// or a namespace of event hubs.
func (p Part) sendsTo(to Part) Part {
	switch lower(to.text("type")) {
	case "microsoft.operationalinsights/workspaces":
		return p.Set("properties.workspaceId", to.ID())
	case "microsoft.storage/storageaccounts":
		return p.Set("properties.storageAccountId", to.ID())
	default:
		return p.Set("properties.eventHubName", "model-logs").
			Set("properties.eventHubAuthorizationRuleId", to.ID()+"/authorizationRules/send")
	}
}

// workspace adds a Log Analytics workspace that takes and gives nothing over
// the internet, unless there is one of that name.
func (d *Document) workspace(name string) Part {
	return d.once(resource(d.id("Microsoft.OperationalInsights", "workspaces", name), d.region, object{
		"customerId":                      guid(name),
		"publicNetworkAccessForIngestion": "Disabled",
		"publicNetworkAccessForQuery":     "Disabled",
		"retentionInDays":                 90,
		"sku":                             object{"name": "PerGB2018"},
	}))
}

// storage adds a storage account closed to the internet.
func (d *Document) storage(name string) Part {
	return d.once(resource(d.id("Microsoft.Storage", "storageAccounts", name), d.region, object{
		"allowBlobPublicAccess": false, "allowSharedKeyAccess": false,
		"minimumTlsVersion": "TLS1_2", "publicNetworkAccess": "Disabled",
	}))
}

// eventHubs adds a namespace of event hubs closed to the internet.
func (d *Document) eventHubs(name string) Part {
	return d.once(resource(d.id("Microsoft.EventHub", "namespaces", name), d.region, object{
		"disableLocalAuth": true, "minimumTlsVersion": "1.2", "publicNetworkAccess": "Disabled",
	}))
}

// once adds a resource unless it is there.
func (d *Document) once(o object) Part {
	for _, r := range d.resources {
		if r["id"] == o["id"] {
			return Part{d, r}
		}
	}
	return d.add(o)
}
