package corpus

// Faults of the applications in front of the model, and of what was not read.

func appFaults() []fault {
	const (
		login  = "containerApps/ca-chat/authConfigs/current"
		v2     = "config/authsettingsV2"
		ca     = "containerApps/ca-chat"
		site   = "sites/app-chat"
		action = "properties.globalValidation.unauthenticatedClientAction"
		on     = "properties.platform.enabled"
	)
	public, service := []string{"container-app-public"}, []string{"app-service"}
	open := []Want{fails("app-signed-in", ca, "ca-chat")}
	openSite := []Want{fails("app-signed-in", site, "app-chat")}
	return []fault{
		{"app-without-sign-in", "whoever finds the app asks the model", public, gone(login), open},
		{"app-sign-in-off", "the sign-in is there and switched off", public, set(login, on, false), open},
		{"app-anonymous", "who does not sign in is let through", public, set(login, action, "AllowAnonymous"), open},
		{"environment-external", "the environment of an app without sign-in is opened to the internet", []string{"container-app-inside"},
			set("managedEnvironments/cae-apps", "properties.vnetConfiguration.internal", false), open},
		{"environment-unsaid", "Azure's default is an external environment", []string{"container-app-inside"},
			remove("managedEnvironments/cae-apps", "properties.vnetConfiguration.internal"), open},
		{"second-app-open", "beside the app that asks to sign in, one that does not", public,
			func(d *Document) { d.containerApp(d.At("managedEnvironments/cae-apps"), "ca-trial") },
			[]Want{fails("app-signed-in", "containerApps/ca-trial", "ca-trial")}},
		{"site-sign-in-off", "the sign-in is there and switched off", service, set(v2, on, false), openSite},
		{"site-anonymous", "who does not sign in is let through", service,
			func(d *Document) {
				d.At(v2).Set("properties.globalValidation.requireAuthentication", false).Set(action, "AllowAnonymous")
			}, openSite},
		{"site-moved-in-front", "an open site gets a way into the clients' subnet", []string{"open-app-elsewhere"},
			func(d *Document) {
				d.At("sites/app-brochure").Set("properties.virtualNetworkSubnetId", d.At("subnets/snet-apps").ID())
			},
			[]Want{fails("app-signed-in", "sites/app-brochure", "app-brochure")}},
		{"site-sign-in-unread", "nobody read whether the site asks to sign in", service, gone(v2),
			[]Want{unsure("app-signed-in", site, "")}},
		{"environment-unread", "nobody read whether the environment is closed", []string{"container-app-inside"}, gone("managedEnvironments/cae-apps"),
			[]Want{unsure("app-signed-in", ca, "")}},
	}
}

func unseenFaults() []fault {
	const vnets = "virtualNetworks/"
	away := func(sub string) func(*Document) {
		return func(d *Document) { d.drop(func(id string) bool { return within(id, "/subscriptions/"+sub) }) }
	}
	unreadable := func(scope string) func(*Document) {
		return func(d *Document) {
			d.drop(func(id string) bool { return within(id, scope) })
			d.gap(scope)
		}
	}
	subB := "/subscriptions/" + subscriptionB
	groupAI := "/subscriptions/" + subscriptionA + "/resourceGroups/" + groupOf(cognitive)
	spoke := armID(subscriptionB, network, "virtualNetworks", "vnet-apps")
	lost := armID(subscriptionA, network, "virtualNetworks", "vnet-main", "subnets", "snet-lost")
	noAccount := []Want{notPass("has-account", "")}
	return []fault{
		{"subscription-unreadable", "the reader may not see the clients' subscription", []string{"two-subscriptions"}, unreadable(subB),
			[]Want{unsure("clients-reach", spoke, ""), unsure("clients-resolve", spoke, "")}},
		{"subscription-unread", "nobody read the clients' subscription", []string{"two-subscriptions"}, away(subscriptionB),
			[]Want{unsure("clients-reach", spoke, ""), unsure("clients-resolve", spoke, "")}},
		{"zone-unreadable", "the reader may not see the zone's subscription", []string{"zone-elsewhere"}, unreadable(subB),
			[]Want{unsure("zone-complete", mainEndpoint, ""), unsure("clients-resolve", vnets+"vnet-main", "")}},
		{"network-unread", "the endpoint's network is not in the snapshot", []string{"one-vnet"}, gone(vnets + "vnet-main"),
			[]Want{unsure("endpoint-subnet-binds", endSubnet, ""), unsure("reach-only-clients", mainEndpoint, ""), unsure("clients-reach", "subnets/snet-apps", "")}},
		{"endpoint-in-no-subnet", "the endpoint's subnet is not in the snapshot", []string{"one-vnet", "hub-and-spoke"},
			set(mainEndpoint, "properties.subnet.id", lost),
			[]Want{unsure("endpoint-subnet-binds", lost, ""), unsure("reach-only-clients", mainEndpoint, "")}},
		{"clients-in-no-subnet", "a client's subnet is not in the snapshot", []string{"one-vnet"},
			func(d *Document) { d.Clients = append(d.Clients, lost) },
			[]Want{unsure("clients-reach", lost, "")}},

		{"no-account", "a report about nothing must not read as good news", []string{"one-vnet", "hub-and-spoke"}, gone(mainAccount), noAccount},
		{"accounts-unreadable", "the reader may not see the accounts", []string{"one-vnet"}, unreadable(groupAI), noAccount},
		{"account-of-another-kind", "the only account speaks and hears, and serves no model", []string{"one-vnet"}, set(mainAccount, "kind", "SpeechServices"), noAccount},
		{"nothing", "an empty document", []string{"lean"}, func(d *Document) { d.drop(func(string) bool { return true }) }, noAccount},
	}
}
