package corpus

// Faults of the private endpoint and of what binds it.

const (
	mainAccount  = "accounts/aoai-main"
	mainEndpoint = "privateEndpoints/pep-main"
	endSubnet    = "subnets/snet-endpoints"
	endGroup     = "networkSecurityGroups/nsg-endpoints"
)

func endpointFaults() []fault {
	one := []string{"one-vnet"}
	foreign := armID(subscriptionX, network, "privateEndpoints", "pep-stranger")
	unread := armID(subscriptionA, network, "privateEndpoints", "pep-unread")
	return []fault{
		{"endpoint-pending", "nobody approved the endpoint yet", []string{"one-vnet", "hub-and-spoke"},
			status(mainAccount, mainEndpoint, "Pending"),
			[]Want{fails("endpoint-approved", mainEndpoint, "Pending")}},
		{"endpoint-rejected", "the account's owner turned the endpoint down", one,
			status(mainAccount, mainEndpoint, "Rejected"),
			[]Want{fails("endpoint-approved", mainEndpoint, "Rejected")}},
		{"endpoint-disconnected", "the connection is dead", []string{"one-vnet", "other-region"},
			status(mainAccount, mainEndpoint, "Disconnected"),
			[]Want{fails("endpoint-approved", mainEndpoint, "Disconnected")}},
		{"endpoint-of-second-pending", "one endpoint of several", []string{"several-accounts"},
			status("accounts/aoai-second", "privateEndpoints/pep-second", "Pending"),
			[]Want{fails("endpoint-approved", "privateEndpoints/pep-second", "Pending")}},
		{"endpoint-manual", "asked for by hand, and not approved", one,
			func(d *Document) {
				status(mainAccount, mainEndpoint, "Pending")(d)
				e := d.At(mainEndpoint)
				e.Set("properties.manualPrivateLinkServiceConnections", e.Get("properties.privateLinkServiceConnections")).
					Set("properties.privateLinkServiceConnections", list{})
			},
			[]Want{fails("endpoint-approved", mainEndpoint, "Pending")}},
		{"endpoint-of-another-group", "the endpoint leads to another part of the service", one,
			func(d *Document) {
				d.At(mainEndpoint).Set("properties.privateLinkServiceConnections[0].properties.groupIds", texts("portal"))
				d.At(mainAccount).Set("properties.privateEndpointConnections[0].properties.groupIds", texts("portal"))
			},
			[]Want{fails("endpoint-approved", mainEndpoint, "portal")}},
		{"stranger-waiting", "one click lets a stranger's network in", []string{"one-vnet", "hub-and-spoke", "portal-outlet"},
			func(d *Document) {
				d.At(mainAccount).joins("pep-stranger", foreign).
					Set("properties.privateLinkServiceConnectionState.status", "Pending")
			},
			[]Want{fails("endpoint-approved", foreign, "pep-stranger")}},
		{"stranger-approved", "a network in a subscription that nobody named reaches the model", []string{"one-vnet", "two-subscriptions"},
			func(d *Document) { d.At(mainAccount).joins("pep-stranger", foreign) },
			[]Want{fails("endpoint-approved", foreign, "pep-stranger")}},
		{"stranger-at-services", "the same at an account of kind AIServices", []string{"ai-services"},
			func(d *Document) { d.At("accounts/ais-main").joins("pep-stranger", foreign) },
			[]Want{fails("endpoint-approved", foreign, "pep-stranger")}},
		{"endpoint-unread", "a second endpoint, in a subscription that was read, is not in the snapshot", one,
			func(d *Document) { d.At(mainAccount).joins("pep-unread", unread) },
			[]Want{unsure("endpoint-approved", unread, "")}},
		{"stranger-unreadable", "a second endpoint in a subscription that the reader may not see", one,
			func(d *Document) {
				d.At(mainAccount).joins("pep-stranger", foreign)
				d.gap("/subscriptions/" + subscriptionX)
			},
			[]Want{unsure("endpoint-approved", foreign, "")}},
		{"connection-unlisted", "the endpoint says it is approved, the account knows nothing of it", one,
			set(mainAccount, "properties.privateEndpointConnections", list{}),
			[]Want{notPass("endpoint-approved", mainAccount)}},
		{"no-endpoint", "public access is off and there is no other way in", []string{"one-vnet", "lean"},
			func(d *Document) {
				d.At(mainAccount).Set("properties.privateEndpointConnections", list{})
				d.Delete(mainEndpoint)
				d.Delete("networkInterfaces/pep-main.nic." + guid("pep-main"))
				d.forget("A/aoai-main")
			},
			[]Want{fails("endpoint-approved", mainAccount, "")}},
	}
}

// status sets the state of an account's first connection, on both sides.
func status(account, endpoint, status string) func(*Document) {
	return func(d *Document) {
		d.At(account).Set("properties.privateEndpointConnections[0].properties.privateLinkServiceConnectionState.status", status)
		d.At(endpoint).Set("properties.privateLinkServiceConnections[0].properties.privateLinkServiceConnectionState.status", status)
	}
}

func bindFaults() []fault {
	const policies = "properties.privateEndpointNetworkPolicies"
	unbound := []Want{fails("endpoint-subnet-binds", endSubnet, ""), fails("reach-only-clients", mainEndpoint, "10.")}
	everywhere := []string{
		"one-vnet", "lean", "hub-and-spoke", "other-region", "static-address", "ai-services", "several-accounts",
		"one-subnet", "two-subscriptions", "network-manager", "children-separate", "odd-case", "container-app", "portal-outlet",
	}
	return []fault{
		{"policies-disabled", "the group is there and binds no endpoint", everywhere, set(endSubnet, policies, "Disabled"), unbound},
		{"policies-unsaid", "Azure's default is Disabled", []string{"one-vnet", "hub-and-spoke", "children-separate", "default-deny-alone"},
			remove(endSubnet, policies), unbound},
		{"policies-for-routes", "routes bind the endpoint, groups do not", []string{"one-vnet", "firewall-egress"},
			set(endSubnet, policies, "RouteTableEnabled"), unbound},
		{"policies-disabled-twice", "the same in a document that says everything twice", []string{"children-twice"},
			func(d *Document) {
				for _, o := range d.ending(endSubnet) {
					Part{d, o}.Set(policies, "Disabled")
				}
			}, unbound},
		{"policies-contradicted", "said twice, differently", []string{"children-twice"},
			func(d *Document) { Part{d, d.ending(endSubnet)[0]}.Set(policies, "Disabled") },
			[]Want{unsure("endpoint-subnet-binds", endSubnet, "")}},

		{"no-group", "nothing keeps the neighbours out", []string{"one-vnet", "hub-and-spoke", "static-address", "children-separate", "on-premises"},
			remove(endSubnet, "properties.networkSecurityGroup"),
			[]Want{fails("subnet-has-group", endSubnet, ""), fails("reach-only-clients", mainEndpoint, "10.")}},
		{"group-unread", "the group is not in the snapshot", []string{"one-vnet", "hub-and-spoke"},
			gone(endGroup),
			[]Want{unsure("reach-only-clients", mainEndpoint, "")}},
		{"wrong-group", "the subnet has another subnet's group", []string{"one-vnet", "nat-egress"},
			func(d *Document) { d.At(endSubnet).guarded(d.At("networkSecurityGroups/nsg-snet-build")) },
			[]Want{fails("reach-only-clients", mainEndpoint, "AllowVnetInBound")}},
	}
}

// gap puts in place of resources the error that the reader got for a scope.
func (d *Document) gap(scope string) {
	d.Add(object{"id": scope, "error": object{
		"code":    "AuthorizationFailed",
		"message": "The client does not have authorization to perform action 'Microsoft.Resources/subscriptions/resources/read' over scope '" + scope + "'.",
	}})
}
