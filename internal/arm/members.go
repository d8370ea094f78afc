package arm

import "strings"

// membersOf tells what addresses a private endpoint to target needs, and the
// names that lead to each: Microsoft's page "Azure Private Endpoint private
// DNS zone values".
func membersOf(s *Server, target *record, groups []string) ([]member, *refusal) {
	known := linkGroups(s, target)
	if known == nil { // a type of the generic store, or a private link service
		group := ""
		if len(groups) > 0 {
			group = groups[0]
		}
		return []member{{group: group, name: group}}, nil
	}
	if len(groups) != 1 {
		return nil, badRequest("PrivateEndpointInvalidGroupIds", "Private endpoint connections to %s need exactly one group id.", target.id)
	}
	for group, members := range known {
		if strings.EqualFold(group, groups[0]) {
			return members, nil
		}
	}
	return nil, badRequest("PrivateEndpointInvalidGroupIds", "Group id '%s' is invalid for the resource %s.", clip(groups[0]), target.id)
}

// linkGroups are the group ids of a resource, each with its members.
func linkGroups(_ *Server, r *record) map[string][]member {
	name, region := strings.ToLower(r.name()), text(r.doc, "location")
	one := func(group string, fqdns ...string) map[string][]member {
		return map[string][]member{group: {{group, "default", fqdns}}}
	}
	switch fold(r.typ) {
	case fold(accountType):
		return map[string][]member{"account": accountMembers(r)}
	case "microsoft.keyvault/vaults":
		return one("vault", name+".vault.azure.net")
	case "microsoft.storage/storageaccounts":
		groups := map[string][]member{}
		for _, g := range []string{"blob", "file", "queue", "table", "dfs"} {
			groups[g] = []member{{g, g, []string{name + "." + g + ".core.windows.net"}}}
		}
		return groups
	case "microsoft.containerregistry/registries":
		return map[string][]member{"registry": {
			{"registry", "registry_data_" + region, []string{name + "." + region + ".data.azurecr.io"}},
			{"registry", "registry", []string{name + ".azurecr.io"}},
		}}
	case "microsoft.eventhub/namespaces":
		return map[string][]member{"namespace": {{"namespace", "namespace", []string{name + ".servicebus.windows.net"}}}}
	case "microsoft.cache/redis":
		return map[string][]member{"redisCache": {{"redisCache", "redisCache", []string{name + ".redis.cache.windows.net"}}}}
	case fold(managedRedisType):
		return map[string][]member{"redisEnterprise": {{"redisEnterprise", "redisEnterprise", []string{managedRedisHost(r)}}}}
	case "microsoft.dbforpostgresql/flexibleservers":
		return map[string][]member{"postgresqlServer": {{"postgresqlServer", "postgresqlServer", []string{name + ".postgres.database.azure.com"}}}}
	case "microsoft.kusto/clusters":
		host := name + "." + region + ".kusto.windows.net"
		return map[string][]member{"cluster": {{"cluster", "Engine", []string{host}}, {"cluster", "DataManagement", []string{"ingest-" + host}}}}
	case "microsoft.app/managedenvironments":
		return one("managedEnvironments", text(r.doc, "properties.defaultDomain"))
	case "microsoft.search/searchservices":
		return map[string][]member{"searchService": {{"searchService", "searchService", []string{name + ".search.windows.net"}}}}
	}
	return nil
}

// accountMembers: one name for an account of kind OpenAI, three for AIServices.
func accountMembers(r *record) []member {
	sub := strings.ToLower(text(r.doc, "properties.customSubDomainName"))
	switch strings.ToLower(text(r.doc, "kind")) {
	case "openai":
		return []member{{"account", "default", []string{sub + ".openai.azure.com"}}}
	case "aiservices":
		return []member{
			{"account", "default", []string{sub + ".cognitiveservices.azure.com"}},
			{"account", "secondary", []string{sub + ".openai.azure.com"}},
			{"account", "third", []string{sub + ".services.ai.azure.com"}},
		}
	}
	return []member{{"account", "default", []string{sub + ".cognitiveservices.azure.com"}}}
}
