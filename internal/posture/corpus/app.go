package corpus

// environment adds a Container Apps environment that runs in a subnet. An
// internal one takes no requests from the internet.
func (d *Document) environment(subnet Part, internal bool) Part {
	address := "203.0.113.80"
	if internal {
		address = "10.0.1.200"
	}
	return d.add(resource(d.id("Microsoft.App", "managedEnvironments", "cae-apps"), d.region, object{
		"defaultDomain": "kindhill-0a11c0de." + d.region + ".azurecontainerapps.io",
		"staticIp":      address,
		"vnetConfiguration": object{
			"infrastructureSubnetId": subnet.ID(), "internal": internal,
		},
		"zoneRedundant": false,
	}))
}

// containerApp adds an app that takes requests from wherever its environment
// does.
func (d *Document) containerApp(environment Part, name string) Part {
	o := resource(d.id("Microsoft.App", "containerApps", name), d.region, object{
		"configuration": object{
			"activeRevisionsMode": "Single",
			"ingress": object{
				"allowInsecure": false, "external": true,
				"fqdn":       name + "." + environment.text("properties.defaultDomain"),
				"targetPort": 8000, "transport": "Auto",
				"traffic": list{object{"latestRevision": true, "weight": 100}},
			},
		},
		"environmentId":        environment.ID(),
		"managedEnvironmentId": environment.ID(),
		"runningStatus":        "Running",
	})
	o["identity"] = object{"type": "SystemAssigned", "principalId": guid("id-" + name), "tenantId": tenant}
	return d.add(o)
}

// signedIn makes a container app ask everyone to sign in.
func (p Part) signedIn() Part {
	return p.doc.add(bare(p.ID()+"/authConfigs/current", object{
		"globalValidation":  object{"redirectToProvider": "azureactivedirectory", "unauthenticatedClientAction": "RedirectToLoginPage"},
		"identityProviders": entra(p.name()),
		"platform":          object{"enabled": true},
	}))
}

// webApp adds an App Service app that leaves through a subnet and asks
// everyone to sign in.
func (d *Document) webApp(name string, subnet Part) Part {
	properties := object{
		"clientCertEnabled": false, "defaultHostName": name + ".azurewebsites.net",
		"enabled": true, "httpsOnly": true, "publicNetworkAccess": "Enabled",
		"siteConfig": object{"vnetRouteAllEnabled": true}, "state": "Running",
		"vnetRouteAllEnabled": true,
	}
	if subnet.ID() != "" {
		properties["virtualNetworkSubnetId"] = subnet.ID()
	}
	o := bare(d.id("Microsoft.Web", "sites", name), properties)
	o["kind"], o["location"] = "app,linux", d.region
	site := d.add(o)
	d.Add(bare(site.ID()+"/config/web", object{
		"ipSecurityRestrictions": list{object{
			"action": "Allow", "description": "Allow all access", "ipAddress": "Any",
			"name": "Allow all", "priority": 2147483647,
		}},
		"ipSecurityRestrictionsDefaultAction": "Allow", "minTlsVersion": "1.2",
	}))
	d.Add(bare(site.ID()+"/config/authsettingsV2", object{
		"globalValidation": object{
			"redirectToProvider": "azureactivedirectory", "requireAuthentication": true,
			"unauthenticatedClientAction": "RedirectToLoginPage",
		},
		"identityProviders": entra(name),
		"platform":          object{"enabled": true, "runtimeVersion": "~1"},
	}))
	return site
}

// entra is Entra ID as an identity provider of an app.
func entra(name string) object {
	return object{"azureActiveDirectory": object{
		"enabled": true,
		"registration": object{
			"clientId": guid("app-" + name), "openIdIssuer": "https://login.microsoftonline.com/" + tenant + "/v2.0",
		},
	}}
}
