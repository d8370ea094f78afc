package arm

import "strings"

// role is a built-in role. The permissions are those of Microsoft's reference
// "Azure built-in roles", cut to the namespaces that are emulated.
type role struct {
	id, name string
	actions  []string
	not      []string
	data     []string
	notData  []string
}

const readRules = "Microsoft.Authorization/*/read"

func builtinRoles() []role {
	const (
		cs = "Microsoft.CognitiveServices/"
		kv = "Microsoft.KeyVault/vaults/"
		st = "Microsoft.Storage/storageAccounts/"
		cr = "Microsoft.ContainerRegistry/registries/"
		eh = "Microsoft.EventHub/"
	)
	blobs := st + "blobServices/containers"
	return []role{
		{id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", name: "Owner", actions: []string{"*"}},
		{id: "b24988ac-6180-42a0-ab88-20f7382dd24c", name: "Contributor", actions: []string{"*"}, not: []string{
			"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action",
			"Microsoft.Blueprint/blueprintAssignments/write", "Microsoft.Blueprint/blueprintAssignments/delete",
		}},
		{id: "acdd72a7-3385-48ef-bd42-f606fba81ae7", name: "Reader", actions: []string{"*/read"}},
		{id: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", name: "User Access Administrator", actions: []string{"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"}},
		{id: "f58310d9-a9f6-439a-9e8d-f62e7b41a168", name: "Role Based Access Control Administrator", actions: []string{"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete", "*/read", "Microsoft.Support/*"}},
		{id: "4d97b98b-1d4f-4787-a291-c67834d212e7", name: "Network Contributor", actions: []string{readRules, "Microsoft.Network/*", "Microsoft.Resources/deployments/*", "Microsoft.Resources/subscriptions/resourceGroups/read"}},
		{id: "b12aa53e-6015-4669-85d0-8515ebb3ae7f", name: "Private DNS Zone Contributor", actions: []string{"Microsoft.Network/privateDnsZones/*", "Microsoft.Network/virtualNetworks/read", "Microsoft.Network/virtualNetworks/join/action", readRules}},

		{id: "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68", name: "Cognitive Services Contributor", actions: []string{readRules, cs + "*", "Microsoft.Insights/diagnosticSettings/*", "Microsoft.Resources/subscriptions/resourceGroups/read"}},
		{id: "a97b65f3-24c7-4388-baec-2e87135dc908", name: "Cognitive Services User", actions: []string{cs + "*/read", cs + "accounts/listkeys/action"}, data: []string{cs + "*"}},
		{id: "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd", name: "Cognitive Services OpenAI User", actions: []string{cs + "*/read", "Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleDefinitions/read"}, data: []string{
			cs + "accounts/OpenAI/*/read", cs + "accounts/OpenAI/engines/completions/action", cs + "accounts/OpenAI/engines/search/action", cs + "accounts/OpenAI/engines/generate/action",
			cs + "accounts/OpenAI/deployments/search/action", cs + "accounts/OpenAI/deployments/completions/action", cs + "accounts/OpenAI/deployments/chat/completions/action",
			cs + "accounts/OpenAI/deployments/embeddings/action", cs + "accounts/OpenAI/deployments/extensions/chat/completions/action", cs + "accounts/OpenAI/deployments/audio/action",
			cs + "accounts/OpenAI/deployments/realtime/action", cs + "accounts/OpenAI/images/generations/action", cs + "accounts/OpenAI/responses/*", cs + "accounts/OpenAI/assistants/*",
		}, notData: []string{cs + "accounts/OpenAI/stored-completions/read"}},
		{id: "a001fd3d-188f-4b5d-821b-7da978bf7442", name: "Cognitive Services OpenAI Contributor", actions: []string{
			cs + "*/read", cs + "accounts/deployments/write", cs + "accounts/deployments/delete", cs + "accounts/raiPolicies/read", cs + "accounts/raiPolicies/write", cs + "accounts/raiPolicies/delete",
			"Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleDefinitions/read",
		}, data: []string{cs + "accounts/OpenAI/*"}},
		{id: "bba48692-92b0-4667-a9ad-c31c7b334ac2", name: "Cognitive Services Usages Reader", actions: []string{cs + "locations/usages/read"}},

		{id: "00482a5a-887f-4fb3-b363-3b7fe8e74483", name: "Key Vault Administrator", actions: []string{readRules, "Microsoft.KeyVault/checkNameAvailability/read", "Microsoft.KeyVault/deletedVaults/read", "Microsoft.KeyVault/*/read"}, data: []string{kv + "*"}},
		{id: "b86a8fe4-44ce-4948-aee5-eccb2c155cd7", name: "Key Vault Secrets Officer", actions: []string{readRules, "Microsoft.KeyVault/*/read"}, data: []string{kv + "secrets/*"}},
		{id: "4633458b-17de-408a-b874-0445c86b69e6", name: "Key Vault Secrets User", data: []string{kv + "secrets/getSecret/action", kv + "secrets/readMetadata/action"}},
		{id: "14b46e9e-c2b7-41b4-b07b-48a6ebf60603", name: "Key Vault Crypto Officer", actions: []string{readRules, "Microsoft.KeyVault/*/read"}, data: []string{kv + "keys/*", kv + "keyrotationpolicies/*"}},
		{id: "12338af0-0e69-4776-bea7-57ae8d297424", name: "Key Vault Crypto User", data: []string{kv + "keys/read", kv + "keys/update/action", kv + "keys/backup/action", kv + "keys/encrypt/action", kv + "keys/decrypt/action", kv + "keys/wrap/action", kv + "keys/unwrap/action", kv + "keys/sign/action", kv + "keys/verify/action"}},
		{id: "e147488a-f6f5-4113-8e2d-b22465e65bf6", name: "Key Vault Crypto Service Encryption User", actions: []string{"Microsoft.EventGrid/eventSubscriptions/write", "Microsoft.EventGrid/eventSubscriptions/read", "Microsoft.EventGrid/eventSubscriptions/delete"}, data: []string{kv + "keys/read", kv + "keys/wrap/action", kv + "keys/unwrap/action"}},
		{id: "a4417e6f-fecd-4de8-b567-7b0420556985", name: "Key Vault Certificates Officer", actions: []string{readRules, "Microsoft.KeyVault/*/read"}, data: []string{kv + "certificatecas/*", kv + "certificates/*"}},
		{id: "21090545-7ca7-4776-b22c-e363652d74d2", name: "Key Vault Reader", actions: []string{readRules, "Microsoft.KeyVault/*/read"}, data: []string{kv + "*/read", kv + "secrets/readMetadata/action"}},

		{id: "17d1049b-9a84-46fb-8f53-869881c3d3ab", name: "Storage Account Contributor", actions: []string{readRules, "Microsoft.Storage/storageAccounts/*", "Microsoft.Insights/diagnosticSettings/*", "Microsoft.Resources/subscriptions/resourceGroups/read"}},
		{id: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", name: "Storage Blob Data Owner", actions: []string{blobs + "/*", st + "blobServices/generateUserDelegationKey/action"}, data: []string{blobs + "/blobs/*"}},
		{id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe", name: "Storage Blob Data Contributor", actions: []string{blobs + "/delete", blobs + "/read", blobs + "/write", st + "blobServices/generateUserDelegationKey/action"}, data: []string{
			blobs + "/blobs/delete", blobs + "/blobs/read", blobs + "/blobs/write", blobs + "/blobs/move/action", blobs + "/blobs/add/action",
		}},
		{id: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", name: "Storage Blob Data Reader", actions: []string{blobs + "/read", st + "blobServices/generateUserDelegationKey/action"}, data: []string{blobs + "/blobs/read"}},

		{id: "7f951dda-4ed3-4680-a7ca-43fe172d538d", name: "AcrPull", actions: []string{cr + "pull/read"}},
		{id: "8311e382-0749-4cb8-b61a-304f252e45ec", name: "AcrPush", actions: []string{cr + "pull/read", cr + "push/write"}},
		{id: "c2f4ef07-c644-48eb-af81-4b1b4947fb11", name: "AcrDelete", actions: []string{cr + "artifacts/delete"}},

		{id: "f526a384-b230-433a-b45c-95f59c4a2dec", name: "Azure Event Hubs Data Owner", actions: []string{eh + "*"}, data: []string{eh + "*"}},
		{id: "2b629674-e913-4c01-ae53-ef4638d8f975", name: "Azure Event Hubs Data Sender", actions: []string{eh + "*/eventhubs/read"}, data: []string{eh + "*/send/action"}},
		{id: "a638d3c7-ab3a-418d-83e6-5f17a39d4fde", name: "Azure Event Hubs Data Receiver", actions: []string{eh + "*/eventhubs/consumergroups/read"}, data: []string{eh + "*/receive/action"}},

		{id: "43d0d8ad-25c7-4714-9337-8ba259a9fe05", name: "Monitoring Reader", actions: []string{"*/read", "Microsoft.OperationalInsights/workspaces/search/action", "Microsoft.Support/*"}},
		{id: "3913510d-42f4-4e42-8a64-420c390055eb", name: "Monitoring Metrics Publisher", actions: []string{"Microsoft.Insights/Register/Action", "Microsoft.Support/*", "Microsoft.Resources/subscriptions/resourceGroups/read"}, data: []string{"Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"}},
		{id: "73c42c96-874c-492b-b04d-ab87d138a893", name: "Log Analytics Reader", actions: []string{"*/read", "Microsoft.OperationalInsights/workspaces/analytics/query/action", "Microsoft.OperationalInsights/workspaces/search/action"}, not: []string{"Microsoft.OperationalInsights/workspaces/sharedKeys/read"}},
		{id: "f1a07417-d97a-45cb-824c-7a7467783830", name: "Managed Identity Operator", actions: []string{"Microsoft.ManagedIdentity/userAssignedIdentities/*/read", "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action", readRules}},
		{id: "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59", name: "Managed Identity Contributor", actions: []string{"Microsoft.ManagedIdentity/userAssignedIdentities/*", readRules}},
		{id: "9980e02c-c2be-4d73-94e8-173b1dc7cf3c", name: "Virtual Machine Contributor", actions: []string{readRules, "Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/disks/*", "Microsoft.Network/networkInterfaces/*", "Microsoft.Network/virtualNetworks/read", "Microsoft.Network/virtualNetworks/subnets/join/action"}},
	}
}

func builtinRole(id string) (role, bool) {
	for _, r := range builtinRoles() {
		if strings.EqualFold(r.id, id) {
			return r, true
		}
	}
	return role{}, false
}

func (r role) properties() doc {
	return doc{
		"roleName": r.name, "type": "BuiltInRole", "description": "", "assignableScopes": []any{"/"},
		"permissions": []any{doc{
			"actions": anys(r.actions), "notActions": anys(r.not),
			"dataActions": anys(r.data), "notDataActions": anys(r.notData),
		}},
	}
}

func (r role) view(scope string) doc {
	return doc{"id": strings.TrimSuffix(scope, "/") + "/providers/" + definitionType + "/" + r.id, "name": r.id, "type": definitionType, "properties": r.properties()}
}

func anys(all []string) []any {
	out := make([]any, 0, len(all))
	for _, s := range all {
		out = append(out, s)
	}
	return out
}
