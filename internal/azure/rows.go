package azure

import "strings"

// The api-versions. A later one may show properties that an earlier one
// leaves out, so each is the newest that was stable when this was written; the
// exceptions say why.
const (
	network   = "2025-05-01"
	privdns   = "2024-06-01"
	resolver  = "2022-07-01" // 2025-05-01 adds nothing that is read, and is not in every cloud
	perimeter = "2024-07-01"
	members   = "2022-04-01-preview" // the last that has listEffectiveVirtualNetworks
	cognitive = "2025-06-01"
	compute   = "2024-07-01"
	apps      = "2025-07-01"
	web       = "2024-11-01"
	rbac      = "2022-04-01"
	insights  = "2021-05-01-preview" // the only one with logs by group
	vaults    = "2023-07-01"
	resources = "2021-04-01"

	subscriptionsVersion = "2022-12-01"
	permissionsVersion   = "2022-04-01"
)

// row is one kind of thing to read: a list, a single resource, or the answer
// of an action. Rows at the top are lists in a subscription.
type row struct {
	typ     string // as permissions, gaps and apiVersions name it
	version string
	filter  string // OData $filter, if any
	single  bool   // one resource, not a list
	shared  bool   // named by several resources, and read once
	// ask is the body of an action that lists; nil means a GET.
	ask map[string]any
	// from gives the path from the item that the row lies below; an empty path
	// means that there is nothing to read. Nil means id + "/" + the last part
	// of typ, and in a subscription id + "/providers/" + typ.
	from func(item) string
	// gap is the scope to name where the row is unreadable. Nil means the path.
	gap func(item) string
	// index means that the row's own items are thin, and only what lies below
	// them is kept.
	index bool
	below []row
}

// item is what the reader itself needs of a resource.
type item struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`
	Properties struct {
		RoleDefinitionID string `json:"roleDefinitionId"`
	} `json:"properties"`
}

func self(i item) string { return i.ID }

func at(suffix string) func(item) string {
	return func(i item) string { return i.ID + suffix }
}

// hosting is at, for accounts of a kind that hosts models. Others (speech,
// vision) have no deployments, and refuse the question.
func hosting(suffix string) func(item) string {
	return func(i item) string {
		if strings.EqualFold(i.Kind, "OpenAI") || strings.EqualFold(i.Kind, "AIServices") {
			return i.ID + suffix
		}
		return ""
	}
}

// inGroups is a type that ARM lists by resource group alone: its ids come from
// the list of all resources, and each is then read.
func inGroups(typ string) row {
	return row{
		typ: typ, version: resources, filter: "resourceType eq '" + typ + "'", index: true,
		from:  at("/resources"),
		gap:   at("/providers/" + typ),
		below: []row{{typ: typ, version: network, single: true, from: self}},
	}
}

// rows is everything that is read of a subscription.
func rows() []row {
	const (
		net  = "Microsoft.Network/"
		auth = "Microsoft.Authorization/"
		acct = "Microsoft.CognitiveServices/accounts"
		zone = net + "privateDnsZones"
		nm   = net + "networkManagers"
		nsp  = net + "networkSecurityPerimeters"
		res  = net + "dnsResolvers"
		set  = net + "dnsForwardingRulesets"
		app  = "Microsoft.App/containerApps"
		site = "Microsoft.Web/sites"
		diag = "Microsoft.Insights/diagnosticSettings"
	)
	assignments := row{
		typ: auth + "roleAssignments", version: rbac,
		filter: "atScope()", // at the account and above
		from:   hosting("/providers/" + auth + "roleAssignments"),
		below: []row{{
			typ: auth + "roleDefinitions", version: rbac, single: true, shared: true,
			from: func(i item) string { return i.Properties.RoleDefinitionID },
		}},
	}
	return []row{
		{typ: acct, version: cognitive, below: []row{ // embeds private endpoint connections
			{typ: acct + "/deployments", version: cognitive, from: hosting("/deployments")},
			{typ: acct + "/networkSecurityPerimeterConfigurations", version: cognitive, from: hosting("/networkSecurityPerimeterConfigurations")},
			{typ: diag, version: insights, from: hosting("/providers/" + diag)},
			assignments,
		}},
		{typ: "Microsoft.CognitiveServices/deletedAccounts", version: cognitive},

		{typ: net + "virtualNetworks", version: network}, // embeds subnets and peerings
		{typ: net + "networkInterfaces", version: network},
		{typ: net + "applicationSecurityGroups", version: network},
		{typ: net + "networkSecurityGroups", version: network}, // embeds rules
		{typ: net + "routeTables", version: network},           // embeds routes
		{typ: net + "azureFirewalls", version: network},
		{typ: net + "firewallPolicies", version: network},
		{typ: net + "publicIPAddresses", version: network},
		{typ: net + "publicIPPrefixes", version: network},
		{typ: net + "natGateways", version: network},
		{typ: net + "loadBalancers", version: network},
		inGroups(net + "virtualNetworkGateways"),
		inGroups(net + "localNetworkGateways"),
		inGroups(net + "connections"),
		{typ: "Microsoft.Compute/virtualMachines", version: compute},

		{typ: net + "privateEndpoints", version: network, below: []row{
			{typ: net + "privateEndpoints/privateDnsZoneGroups", version: network},
		}},
		{typ: zone, version: privdns, below: []row{
			// All record sets, because a name that has any record of another type
			// exists, and is answered otherwise than one that does not.
			{typ: zone + "/ALL", version: privdns, gap: self},
			{typ: zone + "/virtualNetworkLinks", version: privdns},
		}},
		{typ: res, version: resolver, below: []row{
			{typ: res + "/inboundEndpoints", version: resolver},
			{typ: res + "/outboundEndpoints", version: resolver},
		}},
		{typ: set, version: resolver, below: []row{
			{typ: set + "/forwardingRules", version: resolver},
			{typ: set + "/virtualNetworkLinks", version: resolver},
		}},

		{typ: nm, version: network, below: []row{
			{typ: nm + "/networkGroups", version: network, below: []row{
				{typ: nm + "/networkGroups/staticMembers", version: network},
				{typ: nm + "/networkGroups/listEffectiveVirtualNetworks", version: members, ask: map[string]any{}},
			}},
			{typ: nm + "/securityAdminConfigurations", version: network, below: []row{
				{typ: nm + "/securityAdminConfigurations/ruleCollections", version: network, below: []row{
					{typ: nm + "/securityAdminConfigurations/ruleCollections/rules", version: network},
				}},
			}},
			{typ: nm + "/connectivityConfigurations", version: network},
			{typ: nm + "/listDeploymentStatus", version: network, ask: map[string]any{"deploymentTypes": []string{"SecurityAdmin", "Connectivity"}}},
		}},
		{typ: nsp, version: perimeter, below: []row{
			{typ: nsp + "/profiles", version: perimeter, below: []row{
				{typ: nsp + "/profiles/accessRules", version: perimeter},
			}},
			{typ: nsp + "/resourceAssociations", version: perimeter},
		}},

		{typ: "Microsoft.App/managedEnvironments", version: apps},
		{typ: app, version: apps, below: []row{
			{typ: app + "/authConfigs", version: apps},
		}},
		{typ: site, version: web, below: []row{
			{typ: site + "/config", version: web, single: true, from: at("/config/web")},
			// Without /list: that form shows no secrets, and Reader may read it.
			{typ: site + "/config", version: web, single: true, from: at("/config/authsettingsV2")},
		}},

		// What accounts name: keys' vaults, and where logs go.
		{typ: "Microsoft.KeyVault/vaults", version: vaults},
		{typ: "Microsoft.OperationalInsights/workspaces", version: "2023-09-01"},
		{typ: "Microsoft.Storage/storageAccounts", version: "2024-01-01"},
		{typ: "Microsoft.EventHub/namespaces", version: "2024-01-01"},
	}
}
