package corpus

// Good estates that differ in the account itself.

func selectedNetworks() *Document {
	p := writePlain()
	p.account.Set("properties.publicNetworkAccess", "Enabled").
		Append("properties.networkAcls.ipRules", object{"value": "203.0.113.24"}).
		Set("tags", object{"allowed-address": "203.0.113.24 is where the build agents leave"})
	return p.Document
}

func inPerimeter() *Document {
	p := writePlain()
	p.perimeter(p.account)
	return p.Document
}

func customerManagedKey() *Document {
	p := writePlain()
	identity := p.id("Microsoft.ManagedIdentity", "userAssignedIdentities", "id-model")
	p.Add(bare(identity, object{"clientId": guid("id-model"), "principalId": guid("id-model-p"), "tenantId": tenant}))
	p.account.Set("identity", object{
		"type": "UserAssigned",
		"userAssignedIdentities": object{
			identity: object{"clientId": guid("id-model"), "principalId": guid("id-model-p")},
		},
	}).Set("properties.encryption.keyVaultProperties.identityClientId", guid("id-model"))

	vault := p.At("vaults/kv-shared")
	zone := p.Document.zone("privatelink.vaultcore.azure.net", p.vnet)
	e := p.bareEndpoint("pep-vault", vault, p.ends, "10.0.2.20")
	e.Set("properties.privateLinkServiceConnections[0].properties.groupIds", texts("vault"))
	vault.Set("properties.privateEndpointConnections[0].properties.groupIds", texts("vault"))
	p.record(zone, "kv-shared", "10.0.2.20")
	p.Add(resource(e.ID()+"/privateDnsZoneGroups/default", "", object{"privateDnsZoneConfigs": list{object{
		"name":       "vault",
		"properties": object{"privateDnsZoneId": zone.ID(), "recordSets": list{kept(zone, "kv-shared", "10.0.2.20")}},
	}}}))
	return p.Document
}

func logsElsewhere() *Document {
	p := writePlain()
	p.Document.Delete("diagnosticSettings/to-log-shared")
	p.Document.Delete("workspaces/log-shared")
	store, hubs := p.storage("stlogs"), p.eventHubs("evhns-logs")
	for _, to := range []Part{store, hubs} {
		p.logged(p.account, to).Set("properties.logs", list{
			logSwitch("category", "Audit"), logSwitch("category", "RequestResponse"),
			logSwitch("category", "AzureOpenAIRequestUsage"), logSwitch("category", "Trace"),
		})
	}
	return p.Document
}

// Good estates with an application in front of the model.

func containerApp() *Document {
	p := writePlain()
	p.apps.delegated("Microsoft.App/environments")
	p.containerApp(p.environment(p.apps, true), "ca-chat").signedIn()
	return p.Document
}

func containerAppInside() *Document {
	p := writePlain()
	p.apps.delegated("Microsoft.App/environments")
	p.containerApp(p.environment(p.apps, true), "ca-chat")
	return p.Document
}

func containerAppPublic() *Document {
	p := writePlain()
	p.apps.delegated("Microsoft.App/environments")
	p.containerApp(p.environment(p.apps, false), "ca-chat").signedIn()
	return p.Document
}

func appService() *Document {
	p := writePlain()
	p.apps.delegated("Microsoft.Web/serverFarms")
	p.webApp("app-chat", p.apps)
	return p.Document
}

func openAppElsewhere() *Document {
	p := writePlain()
	p.webApp("app-brochure", Part{})
	p.At("config/authsettingsV2").Set("properties.platform.enabled", false).
		Set("properties.globalValidation", object{"requireAuthentication": false, "unauthenticatedClientAction": "AllowAnonymous"})
	return p.Document
}

func portalOutlet() *Document {
	d := newDocument()
	v := d.vnet("vnet-main", "10.0.0.0/16")
	outlet := v.clients("snet-outlet", "10.0.1.0/28")
	v.workers("snet-build", "10.0.3.0/24")
	ends := v.endpoints("10.0.2.0/24", outlet)
	d.adds("nsg-snet-outlet", deny("deny-in", 4090))
	d.nat(outlet)
	d.endpoint("pep-main", d.model("aoai-main"), ends, []string{"10.0.2.4"}, d.zone(zoneOpenAI, v))
	d.machine("outlet-1", "10.0.1.4", outlet)
	return d
}
