package estate

import "strings"

// DiagnosticSetting is Microsoft.Insights/diagnosticSettings.
type DiagnosticSetting struct {
	Resource
	Target    Link         `tf:"target_resource_id"` // what it is a setting of; in ARM its id says
	Logs      []*LogSwitch `arm:"properties.logs" tf:"log enabled_log"`
	Workspace Link         `arm:"properties.workspaceId" tf:"log_analytics_workspace_id"`
	Storage   Link         `arm:"properties.storageAccountId" tf:"storage_account_id"`
	EventHub  Link         `arm:"properties.eventHubAuthorizationRuleId" tf:"eventhub_authorization_rule_id"`
	Partner   Link         `arm:"properties.marketplacePartnerId" tf:"partner_solution_id"`
}

// complete takes the target off the id, which ARM builds on the target's.
func (d *DiagnosticSetting) complete() {
	if i := strings.LastIndex(fold(d.ID), "/providers/microsoft.insights/"); i >= 0 && d.Target.State == Absent {
		d.Target = Link{ID: d.ID[:i], Mark: Mark{Known, d.At}}
	}
}

// LogSwitch turns a category of logs, or a group of categories, on or off. A
// plan's enabled_log block states no Enabled: it is read as known and true.
type LogSwitch struct {
	Part
	Category Value[string] `arm:"category" tf:"category"`
	Group    Value[string] `arm:"categoryGroup" tf:"category_group"`
	Enabled  Value[bool]   `arm:"enabled" tf:"enabled"`
}

// RoleAssignment is Microsoft.Authorization/roleAssignments.
type RoleAssignment struct {
	Resource
	Scope     Value[string] `arm:"properties.scope" tf:"scope"`
	Role      Value[string] `arm:"properties.roleDefinitionId" tf:"role_definition_id"`
	RoleName  Value[string] `tf:"role_definition_name"`
	Principal Value[string] `arm:"properties.principalId" tf:"principal_id"`
	Kind      Value[string] `arm:"properties.principalType" tf:"principal_type"` // User, Group, ServicePrincipal
	Condition Value[string] `arm:"properties.condition" tf:"condition"`
}

// RoleDefinition is Microsoft.Authorization/roleDefinitions.
type RoleDefinition struct {
	Resource
	Title       Value[string] `arm:"properties.roleName" tf:"name"`
	Kind        Value[string] `arm:"properties.type"` // BuiltInRole, CustomRole
	Actions     List[string]  `arm:"properties.permissions.actions" tf:"permissions.actions"`
	NotActions  List[string]  `arm:"properties.permissions.notActions" tf:"permissions.not_actions"`
	DataActions List[string]  `arm:"properties.permissions.dataActions" tf:"permissions.data_actions"`
}

// KeyVault is Microsoft.KeyVault/vaults, as far as its network.
type KeyVault struct {
	Resource
	URI           Value[string] `arm:"properties.vaultUri" tf:"vault_uri"`
	PublicAccess  Value[string] `arm:"properties.publicNetworkAccess" tf:"public_network_access_enabled|enabled"`
	DefaultAction Value[string] `arm:"properties.networkAcls.defaultAction" tf:"network_acls.default_action"`
	Bypass        Value[string] `arm:"properties.networkAcls.bypass" tf:"network_acls.bypass"`
}
