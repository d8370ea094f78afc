package corpus

// Property is a property that a check reads. Mutants are made of it by writing
// each value that is not good, by taking it away, and by writing null, which
// ARM takes for absent.
type Property struct {
	Path  string  // within the resource, as Part.Set takes it
	Check string  // the finding that must turn
	At    []Place // where it stands in good estates
	// Good are the values that the good estates have.
	Good []any
	// Bad are dangerous: the finding fails.
	Bad []any
	// Odd are values whose meaning the sources do not settle: fail or unknown.
	Odd []any
	// Undecided are values that leave open what holds: unknown.
	Undecided []any
	// Wrong are of the wrong type: unknown.
	Wrong []any
	// Absent is what its absence gives. Empty where Azure's default is good.
	Absent Status
	// Names is the resource that the finding must name; empty for the one that
	// the property stands in. That there is no account names none.
	Names string
	// Advice is true where the finding advises although its check decides.
	Advice bool
}

// Place is a resource of a good estate, by the end of its id.
type Place struct{ Estate, Resource string }

// in is a resource in several estates.
func in(resource string, estates ...string) []Place {
	var all []Place
	for _, e := range estates {
		all = append(all, Place{e, resource})
	}
	return all
}

// Properties is the one list of properties that checks read.
func Properties() []Property {
	var all []Property
	for _, rows := range [][]Property{
		doorProperties(), accountProperties(), connectionProperties(), subnetProperties(),
		ruleProperties(), peeringProperties(), nameProperties(), appProperties(), watchProperties(),
	} {
		all = append(all, rows...)
	}
	return all
}

func doorProperties() []Property {
	const acls = "properties.networkAcls."
	plain, selected := in(mainAccount, "lean", "one-vnet", "hub-and-spoke"), in(mainAccount, "selected-networks")
	both := in(mainAccount, "one-vnet", "selected-networks")
	subnet := object{"id": armID(subscriptionA, network, "virtualNetworks", "vnet-main", "subnets", "snet-build")}
	return []Property{
		{Path: "properties.publicNetworkAccess", Check: "public-access-off", At: plain,
			Good: texts("Disabled"), Bad: texts("Enabled"), Odd: texts("SecuredByPerimeter", "Sometimes", ""),
			Wrong: list{7, true, object{}, list{"Disabled"}}, Absent: Fail},
		{Path: acls + "defaultAction", Check: "default-deny", At: selected,
			Good: texts("Deny"), Bad: texts("Allow"), Odd: texts("Ask"), Wrong: list{7, false, object{}}, Absent: Fail},
		{Path: acls + "defaultAction", Check: "default-deny", At: in(mainAccount, "one-vnet", "other-region"), Advice: true,
			Good: texts("Deny"), Bad: texts("Allow"), Odd: texts("Ask"), Wrong: list{7, object{}}, Absent: Fail},
		{Path: acls + "bypass", Check: "no-trusted-bypass", At: both,
			Good: texts("None"), Bad: texts("AzureServices"), Odd: texts("Some"), Wrong: list{7, true, object{}}},
		{Path: acls + "ipRules[0].value", Check: "ip-rules-narrow", At: selected,
			Good: texts("203.0.113.24"), Bad: texts("0.0.0.0/0", "128.0.0.0/1", "203.0.0.0/8", "198.18.0.0/15", "::/0"),
			Odd: texts("", "everyone", "203.0.113.0/33"), Wrong: list{7, true, object{}}},
		{Path: acls + "ipRules", Check: "ip-rules-narrow", At: selected,
			Good: list{list{object{"value": "203.0.113.24"}}}, Wrong: list{7, true, "everyone"}},
		{Path: acls + "virtualNetworkRules", Check: "no-service-endpoint-rules", At: both,
			Good: list{list{}}, Bad: list{list{subnet}}, Wrong: list{7, true, "snet-build"}},
	}
}

func accountProperties() []Property {
	main := in(mainAccount, "one-vnet", "hub-and-spoke")
	all := append(in(mainAccount, "lean", "selected-networks"), main...)
	return []Property{
		{Path: "properties.disableLocalAuth", Check: "keys-off", At: append(in("accounts/ais-main", "ai-services"), all...),
			Good: list{true}, Bad: list{false}, Wrong: list{"true", 1, object{}}, Absent: Fail},
		{Path: "properties.customSubDomainName", Check: "custom-subdomain", At: all,
			Good: texts("aoai-main"), Bad: texts(""), Wrong: list{7, true, object{}}, Absent: Fail},
		{Path: "identity.type", Check: "managed-identity", At: main,
			Good: texts("SystemAssigned"), Bad: texts("None"), Wrong: list{7, true, object{}}, Absent: Fail},
		{Path: "properties.encryption.keySource", Check: "customer-managed-key", At: main,
			Good: texts("Microsoft.KeyVault"), Bad: texts("Microsoft.CognitiveServices"), Odd: texts("Elsewhere"), Wrong: list{7, object{}}},
		{Path: "properties.encryption.keyVaultProperties.keyVaultUri", Check: "customer-managed-key", At: main,
			Good: texts("https://kv-shared.vault.azure.net/"), Undecided: texts("https://kv-unread.vault.azure.net/"), Wrong: list{7, object{}}, Absent: Unknown},
		{Path: "properties.restrictOutboundNetworkAccess", Check: "outbound-restricted", At: main,
			Good: list{true}, Bad: list{false}, Wrong: list{"true", 1, object{}}, Absent: Fail},
		{Path: "properties.capabilities[0].value", Check: "content-logging-off", At: main,
			Good: texts("false"), Bad: texts("true"), Odd: texts(""), Wrong: list{7, object{}}, Absent: NotPass},
		{Path: "kind", Check: "has-account", At: in(mainAccount, "one-vnet", "lean"),
			Good: texts("OpenAI"), Odd: texts("SpeechServices", "TextAnalytics")},
		{Path: "properties.resourceAssociation.accessMode", Check: "perimeter-enforced", At: in(guid("nsp-ai")+".to-aoai-main", "perimeter"),
			Good: texts("Enforced"), Bad: texts("Learning", "Audit"), Odd: texts("Perhaps"), Wrong: list{7, object{}}, Absent: NotPass, Names: mainAccount},
		{Path: "properties.accessMode", Check: "perimeter-enforced", At: in("resourceAssociations/to-aoai-main", "perimeter"),
			Good: texts("Enforced"), Bad: texts("Learning", "Audit"), Odd: texts("Perhaps"), Wrong: list{7, object{}}, Absent: NotPass, Names: mainAccount},
	}
}

func connectionProperties() []Property {
	const connection = "properties.privateEndpointConnections[0].properties."
	foreign := armID(subscriptionX, network, "privateEndpoints", "pep-stranger")
	unread := armID(subscriptionA, network, "privateEndpoints", "pep-unread")
	own := armID(subscriptionA, network, "privateEndpoints", "pep-main")
	main := in(mainAccount, "one-vnet", "other-region", "several-accounts")
	return []Property{
		{Path: connection + "privateLinkServiceConnectionState.status", Check: "endpoint-approved", At: main,
			Good: texts("Approved"), Bad: texts("Pending", "Rejected", "Disconnected"), Odd: texts("Perhaps"), Wrong: list{7, true, object{}}, Absent: NotPass},
		{Path: connection + "privateEndpoint.id", Check: "endpoint-approved", At: main,
			Good: texts(own), Bad: texts(foreign), Undecided: texts(unread), Wrong: list{7, object{}}, Absent: NotPass},
		{Path: connection + "groupIds", Check: "endpoint-approved", At: main,
			Good: list{texts("account")}, Bad: list{texts("portal")}, Wrong: list{7, list{7}}},
		{Path: "properties.subnet.id", Check: "endpoint-subnet-binds", At: in(mainEndpoint, "one-vnet", "lean"),
			Good:      texts(armID(subscriptionA, network, "virtualNetworks", "vnet-main", "subnets", "snet-endpoints")),
			Undecided: texts(armID(subscriptionA, network, "virtualNetworks", "vnet-unread", "subnets", "snet-endpoints")),
			Wrong:     list{7, object{}}, Absent: Unknown},
	}
}
