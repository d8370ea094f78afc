package corpus

// Source is an example that was published, written as the snapshot that ARM
// would give of it.
type Source struct {
	Name  string
	Shows string // what it is and what of it was assumed, in a line
	JSON  []byte
	// Clients are the ids of the subnets that are meant to reach the model.
	Clients []string
	// Want are findings that must be there, passes included. Resources are whole
	// ids.
	Want []Want
}

// published is a source and how it is written.
type published struct {
	name, shows string
	write       func() *Document
	want        []Want
}

// Sources are the published examples, always the same and in the same order.
func Sources() []Source {
	var all []Source
	for _, s := range sources() {
		d := s.write()
		all = append(all, Source{s.name, s.shows, d.readable(), d.Clients, resolve(s.want, d.ids())})
	}
	return all
}

func passes(id, resource string) Want { return Want{ID: id, Status: Pass, Resource: resource} }

// sources is the one list of published examples.
func sources() []published {
	const (
		account   = "accounts/azopenai-4711"
		pep       = "privateEndpoints/pe-azopenai-4711"
		backend   = "subnets/sn-backend"
		vnet      = "virtualNetworks/vnet-openai-4711"
		app       = "containerApps/app"
		corpVNet  = "virtualNetworks/ai-corp-vnet"
		corpEnds  = "subnets/ai-corp-subnet"
		corpModel = "accounts/ai-corp-openai"
	)
	terraform := []Want{
		fails("app-signed-in", app, "app"),
		fails("keys-off", account, ""),
		fails("managed-identity", account, ""),
		fails("customer-managed-key", account, ""),
		fails("outbound-restricted", account, ""),
		fails("default-deny", account, "").advised(),
		passes("public-access-off", account),
		passes("custom-subdomain", account),
		passes("endpoint-approved", account),
		passes("subnet-has-group", backend),
		passes("clients-reach", "subnets/sn-apps"),
	}
	rightName := []Want{fails("zone-complete", pep, ""), passes("clients-resolve", vnet)}
	bound := []Want{passes("endpoint-subnet-binds", backend), passes("reach-only-clients", pep)}
	unbound := []Want{fails("endpoint-subnet-binds", backend, ""), fails("reach-only-clients", pep, "10.0.2.4")}
	return []published{
		{"terraform-azurerm-3", "seed 000 as pinned, azurerm 3.75: the group binds, because that provider writes Enabled where nothing is said",
			func() *Document { return articleTerraform("Enabled", "azopenai4711") },
			join(terraform, rightName, bound)},
		{"terraform-azurerm-4", "seed 000 after an upgrade to azurerm 4: the same text, and the group binds nothing",
			func() *Document { return articleTerraform("Disabled", "azopenai4711") },
			join(terraform, rightName, unbound)},
		{"terraform-wrong-name", "seed 000 with one word changed, not as it stands: the record made by hand bears the account's name, not its subdomain",
			func() *Document { return articleTerraform("Enabled", "azopenai-4711") },
			join(terraform, bound, []Want{
				fails("zone-complete", "privateDnsZones/"+zoneOpenAI, "azopenai4711"), fails("clients-resolve", vnet, "azopenai4711"),
			})},
		{"portal-steps", "seed 001 as clicked: the endpoint among the machines, without a group; its names resolve and calls pass, as its author saw",
			portalSteps,
			[]Want{
				fails("keys-off", "accounts/openai-eastus", ""),
				fails("endpoint-subnet-binds", "subnets/default", ""),
				fails("subnet-has-group", "subnets/default", ""),
				passes("public-access-off", "accounts/openai-eastus"),
				passes("endpoint-approved", "accounts/openai-eastus"),
				passes("zone-complete", ""),
				passes("zone-linked", ""),
				passes("clients-resolve", "virtualNetworks/vnet-japaneast"),
				passes("clients-reach", "subnets/default"),
			}},
		{"two-companies", "seed 003 as its walkthrough tells: the endpoint beside the machine, a record made by hand, the key handed over; prefixes of the first company are assumed",
			twoCompanies,
			[]Want{
				fails("keys-off", corpModel, ""),
				fails("endpoint-subnet-binds", corpEnds, ""),
				fails("subnet-has-group", corpEnds, ""),
				fails("zone-complete", "privateEndpoints/ai-corp-pe", ""),
				passes("public-access-off", corpModel),
				passes("default-deny", corpModel),
				passes("endpoint-approved", corpModel),
				passes("clients-resolve", corpVNet),
				passes("clients-reach", corpEnds),
			}},
	}
}

func join(parts ...[]Want) []Want {
	var all []Want
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
