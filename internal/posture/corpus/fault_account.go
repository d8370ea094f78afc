package corpus

// Faults of who may call the account and where its data goes.

func credentialFaults() []fault {
	return []fault{
		{"keys-on", "keys name nobody and never expire", []string{"one-vnet", "portal-outlet", "odd-case"},
			set("accounts/aoai-main", "properties.disableLocalAuth", false),
			[]Want{fails("keys-off", "accounts/aoai-main", "")}},
		{"keys-unsaid", "Azure's default is keys", []string{"one-vnet", "lean", "children-twice"},
			remove("accounts/aoai-main", "properties.disableLocalAuth"),
			[]Want{fails("keys-off", "accounts/aoai-main", "")}},
		{"keys-of-second-on", "one account of several takes keys", []string{"several-accounts"},
			set("accounts/aoai-second", "properties.disableLocalAuth", false),
			[]Want{fails("keys-off", "accounts/aoai-second", "")}},
		{"keys-of-services-on", "an account of kind AIServices takes keys", []string{"ai-services", "three-addresses"},
			set("accounts/ais-main", "properties.disableLocalAuth", false),
			[]Want{fails("keys-off", "accounts/ais-main", "")}},

		{"no-subdomain", "neither Entra ID nor a private endpoint works with the region's name", []string{"one-vnet", "lean", "hub-and-spoke"},
			func(d *Document) {
				d.At("accounts/aoai-main").Remove("properties.customSubDomainName").
					Set("properties.endpoint", "https://swedencentral.api.cognitive.microsoft.com/")
			},
			[]Want{fails("custom-subdomain", "accounts/aoai-main", "")}},
		{"empty-subdomain", "a name of no letters", []string{"one-vnet"},
			set("accounts/aoai-main", "properties.customSubDomainName", ""),
			[]Want{fails("custom-subdomain", "accounts/aoai-main", "")}},

		{"no-identity", "the account cannot read its key without a stored secret", []string{"one-vnet", "customer-managed-key"},
			remove("accounts/aoai-main", "identity"),
			[]Want{fails("managed-identity", "accounts/aoai-main", "")}},
		{"identity-none", "an identity of type None is none", []string{"one-vnet", "selected-networks"},
			set("accounts/aoai-main", "identity", object{"type": "None"}),
			[]Want{fails("managed-identity", "accounts/aoai-main", "")}},
		{"identity-of-third-none", "one account of several has none", []string{"several-accounts"},
			set("accounts/aoai-third", "identity", object{"type": "None"}),
			[]Want{fails("managed-identity", "accounts/aoai-third", "")}},
	}
}

func dataFaults() []fault {
	const main, logging = "accounts/aoai-main", "properties.capabilities"
	return []fault{
		{"microsoft-key", "the data is under a key of Microsoft's", []string{"one-vnet", "customer-managed-key"},
			set(main, "properties.encryption", object{"keySource": "Microsoft.CognitiveServices"}),
			[]Want{fails("customer-managed-key", main, "")}},
		{"key-unsaid", "Azure's default is a key of Microsoft's", []string{"one-vnet", "hub-and-spoke"},
			remove(main, "properties.encryption"),
			[]Want{fails("customer-managed-key", main, "")}},
		{"vault-public", "the vault that holds the key answers the internet", []string{"one-vnet", "customer-managed-key"},
			set("vaults/kv-shared", "properties.publicNetworkAccess", "Enabled"),
			[]Want{fails("customer-managed-key", "vaults/kv-shared", "kv-shared")}},
		{"vault-unsaid", "a vault's default is public", []string{"one-vnet"},
			remove("vaults/kv-shared", "properties.publicNetworkAccess"),
			[]Want{fails("customer-managed-key", "vaults/kv-shared", "kv-shared")}},
		{"vault-unseen", "the vault is not in the snapshot", []string{"one-vnet"},
			gone("vaults/kv-shared"),
			[]Want{unsure("customer-managed-key", main, "")}},

		{"outbound-open", "a prompt can make the account send data anywhere", []string{"one-vnet", "selected-networks"},
			set(main, "properties.restrictOutboundNetworkAccess", false),
			[]Want{fails("outbound-restricted", main, "")}},
		{"outbound-unsaid", "Azure's default is unrestricted", []string{"one-vnet", "us-government"},
			remove(main, "properties.restrictOutboundNetworkAccess"),
			[]Want{fails("outbound-restricted", main, "")}},

		{"content-logged", "prompts are kept for abuse monitoring", []string{"one-vnet", "other-region"},
			set(main, logging+"[0].value", "true"),
			[]Want{fails("content-logging-off", main, "")}},
		{"content-logging-unsaid", "only an account that shows ContentLogging false has it off", []string{"one-vnet"},
			remove(main, logging),
			[]Want{fails("content-logging-off", main, "")}},
		{"content-logging-of-another-name", "other capabilities say nothing of it", []string{"one-vnet"},
			set(main, logging, list{object{"name": "VirtualNetworks"}, object{"name": "Tools"}}),
			[]Want{fails("content-logging-off", main, "")}},
		{"content-of-services-logged", "the same on an account of kind AIServices", []string{"ai-services"},
			set("accounts/ais-main", logging+"[0].value", "true"),
			[]Want{fails("content-logging-off", "accounts/ais-main", "")}},
	}
}

func perimeterFaults() []fault {
	const association, config = "resourceAssociations/to-aoai-main", "networkSecurityPerimeterConfigurations/"
	mode := func(mode string) func(*Document) {
		return func(d *Document) {
			d.At(association).Set("properties.accessMode", mode)
			d.At(config+guid("nsp-ai")+".to-aoai-main").Set("properties.resourceAssociation.accessMode", mode)
		}
	}
	of := []string{"perimeter"}
	return []fault{
		{"perimeter-learning", "it writes down what it would have denied, and lets it pass", of, mode("Learning"),
			[]Want{fails("perimeter-enforced", "accounts/aoai-main", "Learning")}},
		{"perimeter-audit", "it is looked at and not enforced", of, mode("Audit"),
			[]Want{fails("perimeter-enforced", "accounts/aoai-main", "Audit")}},
		{"perimeter-learning-unsynced", "the account's side has not learnt yet that it is not enforced", of,
			set(association, "properties.accessMode", "Learning"),
			[]Want{fails("perimeter-enforced", "accounts/aoai-main", "Learning")}},
	}
}
