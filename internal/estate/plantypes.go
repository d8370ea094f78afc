package estate

import (
	"slices"
	"strings"
)

// planType is how a resource type of the azurerm provider is read.
type planType struct {
	zero   any    // the struct; nil for Other
	arm    string // its ARM type
	parent []string
	joins  bool // it joins two others and is none itself
	fix    func(p *planReader, x *planned)
}

// planTypes are the resource types of azurerm 3 to 5 that have a struct.
func planTypes() map[string]planType {
	const (
		net  = "Microsoft.Network/"
		vnet = net + "virtualNetworks"
		zone = net + "privateDnsZones"
		nm   = net + "networkManagers"
		web  = "Microsoft.Web/sites"
	)
	inVNet := []string{"virtual_network_id", "virtual_network_name"}
	inZone := []string{"private_dns_zone_id", "private_dns_zone_name", "zone_name"}
	inResolver, inRuleset := []string{"private_dns_resolver_id"}, []string{"dns_forwarding_ruleset_id"}
	inManager := []string{"network_manager_id"}
	app := planType{zero: WebApp{}, arm: web, fix: fixWebApp}
	vm := planType{zero: VirtualMachine{}, arm: "Microsoft.Compute/virtualMachines"}
	joins := planType{joins: true}
	record := func(kind string) planType {
		return planType{zero: RecordSet{}, arm: zone + "/" + kind, parent: inZone}
	}
	return map[string]planType{
		"azurerm_virtual_network":                    {zero: VirtualNetwork{}, arm: vnet},
		"azurerm_subnet":                             {zero: Subnet{}, arm: vnet + "/subnets", parent: inVNet, fix: fixSubnet},
		"azurerm_virtual_network_peering":            {zero: Peering{}, arm: vnet + "/virtualNetworkPeerings", parent: inVNet},
		"azurerm_network_interface":                  {zero: Interface{}, arm: net + "networkInterfaces"},
		"azurerm_public_ip":                          {zero: PublicIP{}, arm: net + "publicIPAddresses"},
		"azurerm_public_ip_prefix":                   {zero: PublicIPPrefix{}, arm: net + "publicIPPrefixes"},
		"azurerm_nat_gateway":                        {zero: NATGateway{}, arm: net + "natGateways"},
		"azurerm_lb":                                 {zero: LoadBalancer{}, arm: net + "loadBalancers"},
		"azurerm_linux_virtual_machine":              vm,
		"azurerm_windows_virtual_machine":            vm,
		"azurerm_virtual_machine":                    vm,
		"azurerm_network_security_group":             {zero: Group{}, arm: net + "networkSecurityGroups"},
		"azurerm_network_security_rule":              {zero: Rule{}, arm: net + "networkSecurityGroups/securityRules", parent: []string{"network_security_group_name"}},
		"azurerm_application_security_group":         {zero: AppGroup{}, arm: net + "applicationSecurityGroups"},
		"azurerm_route_table":                        {zero: RouteTable{}, arm: net + "routeTables"},
		"azurerm_route":                              {zero: Route{}, arm: net + "routeTables/routes", parent: []string{"route_table_name"}},
		"azurerm_firewall":                           {zero: Firewall{}, arm: net + "azureFirewalls"},
		"azurerm_firewall_policy":                    {zero: FirewallPolicy{}, arm: net + "firewallPolicies"},
		"azurerm_virtual_network_gateway":            {zero: Gateway{}, arm: net + "virtualNetworkGateways"},
		"azurerm_local_network_gateway":              {zero: LocalGateway{}, arm: net + "localNetworkGateways"},
		"azurerm_virtual_network_gateway_connection": {zero: Connection{}, arm: net + "connections"},

		"azurerm_network_manager":                              {zero: NetworkManager{}, arm: nm, fix: fixManager},
		"azurerm_network_manager_network_group":                {zero: NetworkGroup{}, arm: nm + "/networkGroups", parent: inManager},
		"azurerm_network_manager_static_member":                {zero: StaticMember{}, arm: nm + "/networkGroups/staticMembers", parent: []string{"network_group_id"}},
		"azurerm_network_manager_security_admin_configuration": {zero: AdminConfiguration{}, arm: nm + "/securityAdminConfigurations", parent: inManager},
		"azurerm_network_manager_admin_rule_collection":        {zero: AdminCollection{}, arm: nm + "/securityAdminConfigurations/ruleCollections", parent: []string{"security_admin_configuration_id"}},
		"azurerm_network_manager_admin_rule":                   {zero: AdminRule{}, arm: nm + "/securityAdminConfigurations/ruleCollections/rules", parent: []string{"admin_rule_collection_id"}},
		"azurerm_network_manager_connectivity_configuration":   {zero: ConnectivityConfiguration{}, arm: nm + "/connectivityConfigurations", parent: inManager},
		"azurerm_network_manager_deployment":                   {zero: Deployed{}, arm: nm + "/deployments", parent: inManager},

		"azurerm_private_endpoint":                            {zero: PrivateEndpoint{}, arm: net + "privateEndpoints"},
		"azurerm_private_dns_zone":                            {zero: PrivateZone{}, arm: zone},
		"azurerm_private_dns_a_record":                        record("A"),
		"azurerm_private_dns_aaaa_record":                     record("AAAA"),
		"azurerm_private_dns_cname_record":                    record("CNAME"),
		"azurerm_private_dns_zone_virtual_network_link":       {zero: ZoneLink{}, arm: zone + "/virtualNetworkLinks", parent: inZone},
		"azurerm_private_dns_resolver":                        {zero: Resolver{}, arm: net + "dnsResolvers"},
		"azurerm_private_dns_resolver_inbound_endpoint":       {zero: InboundEndpoint{}, arm: net + "dnsResolvers/inboundEndpoints", parent: inResolver},
		"azurerm_private_dns_resolver_outbound_endpoint":      {zero: OutboundEndpoint{}, arm: net + "dnsResolvers/outboundEndpoints", parent: inResolver},
		"azurerm_private_dns_resolver_dns_forwarding_ruleset": {zero: Ruleset{}, arm: net + "dnsForwardingRulesets"},
		"azurerm_private_dns_resolver_forwarding_rule":        {zero: ForwardingRule{}, arm: net + "dnsForwardingRulesets/forwardingRules", parent: inRuleset},
		"azurerm_private_dns_resolver_virtual_network_link":   {zero: RulesetLink{}, arm: net + "dnsForwardingRulesets/virtualNetworkLinks", parent: inRuleset},
		"azurerm_cognitive_account":                           {zero: Account{}, arm: "Microsoft.CognitiveServices/accounts"},
		"azurerm_ai_services":                                 {zero: Account{}, arm: "Microsoft.CognitiveServices/accounts", fix: fixAIServices},
		"azurerm_cognitive_deployment":                        {zero: Deployment{}, arm: "Microsoft.CognitiveServices/accounts/deployments", parent: []string{"cognitive_account_id"}},
		"azurerm_network_security_perimeter":                  {zero: Perimeter{}, arm: net + "networkSecurityPerimeters"},
		"azurerm_network_security_perimeter_profile":          {zero: PerimeterProfile{}, arm: net + "networkSecurityPerimeters/profiles", parent: []string{"network_security_perimeter_id"}},
		"azurerm_network_security_perimeter_access_rule":      {zero: PerimeterRule{}, arm: net + "networkSecurityPerimeters/profiles/accessRules", parent: []string{"network_security_perimeter_profile_id"}},
		"azurerm_network_security_perimeter_association":      {zero: PerimeterAssociation{}, arm: net + "networkSecurityPerimeters/resourceAssociations", parent: []string{"network_security_perimeter_id"}, fix: fixAssociation},
		"azurerm_container_app_environment":                   {zero: AppEnvironment{}, arm: "Microsoft.App/managedEnvironments"},
		"azurerm_container_app":                               {zero: ContainerApp{}, arm: "Microsoft.App/containerApps"},
		"azurerm_linux_web_app":                               app,
		"azurerm_windows_web_app":                             app,
		"azurerm_linux_function_app":                          app,
		"azurerm_windows_function_app":                        app,
		"azurerm_monitor_diagnostic_setting":                  {zero: DiagnosticSetting{}, arm: "Microsoft.Insights/diagnosticSettings", fix: fixDiagnostics},
		"azurerm_role_assignment":                             {zero: RoleAssignment{}, arm: "Microsoft.Authorization/roleAssignments"},
		"azurerm_role_definition":                             {zero: RoleDefinition{}, arm: "Microsoft.Authorization/roleDefinitions"},
		"azurerm_key_vault":                                   {zero: KeyVault{}, arm: "Microsoft.KeyVault/vaults"},

		"azurerm_subnet_network_security_group_association":                joins,
		"azurerm_subnet_route_table_association":                           joins,
		"azurerm_subnet_nat_gateway_association":                           joins,
		"azurerm_network_interface_security_group_association":             joins,
		"azurerm_network_interface_application_security_group_association": joins,
		"azurerm_private_endpoint_application_security_group_association":  joins,
		"azurerm_nat_gateway_public_ip_association":                        joins,
		"azurerm_nat_gateway_public_ip_prefix_association":                 joins,
		"azurerm_virtual_network_dns_servers":                              joins,
		"azurerm_app_service_virtual_network_swift_connection":             joins,
	}
}

// fixSubnet knows what azurerm 3 writes where nothing is said: Enabled. Its
// later versions show that value as unknown in a plan; that they are version 3
// shows in the attribute that version 4 took away. Version 4 and later show
// their default, Disabled.
//
// A subnet that is made now is joined to nothing yet but what the plan's own
// associations join: what azurerm shows of that as unknown is absent.
func fixSubnet(_ *planReader, x *planned) {
	s := x.thing.(*Subnet)
	if slices.Equal(x.actions, []string{"create"}) && x.expr != nil {
		none(x, &s.Group.Mark, "network_security_group_id")
		none(x, &s.Routes.Mark, "route_table_id")
	}
	old, v3 := x.attrs["private_endpoint_network_policies_enabled"]
	if s.EndpointPolicies.State != Unknown || !v3 || old.State != Unknown || x.data || x.expr == nil {
		return
	}
	for _, attr := range [...]string{"private_endpoint_network_policies", "private_endpoint_network_policies_enabled", "enforce_private_link_endpoint_network_policies"} {
		if x.expr.has([]string{attr}) {
			return
		}
	}
	s.EndpointPolicies = Value[string]{"Enabled", Mark{Known, x.at}}
}

// none takes an unknown that the configuration does not state for absent.
func none(x *planned, m *Mark, attr string) {
	if m.State == Unknown && !x.expr.has([]string{attr}) && !x.expr.has([]string{attr + "_wo"}) {
		*m = Mark{Absent, x.at}
	}
}

func fixAIServices(_ *planReader, x *planned) {
	if a := x.thing.(*Account); a.Kind.State == Absent {
		a.Kind = Value[string]{"AIServices", Mark{Known, x.at}}
	}
}

// fixManager: a plan's deployments are resources, so that what it does not
// show is not deployed.
func fixManager(_ *planReader, x *planned) {
	if !x.data {
		x.thing.(*NetworkManager).Deployed = Mark{Known, x.at}
	}
}

// fixDiagnostics: an enabled_log block says by being there that the log is on.
func fixDiagnostics(_ *planReader, x *planned) {
	for _, l := range x.thing.(*DiagnosticSetting).Logs {
		if l.Enabled.State == Absent {
			l.Enabled = Value[bool]{true, Mark{Known, l.At}}
		}
	}
}

// fixWebApp: an app without a block for authentication has none.
func fixWebApp(_ *planReader, x *planned) {
	if a := x.thing.(*WebApp); len(a.Auth) == 0 && !x.data {
		off := &WebAuth{Enabled: Value[bool]{false, Mark{Known, x.at}}}
		off.At = x.at
		a.Auth = append(a.Auth, off)
	}
}

// fixAssociation: azurerm names an association's profile alone; the perimeter
// is the profile's.
func fixAssociation(p *planReader, x *planned) {
	for _, t := range p.referred(x, []string{"network_security_perimeter_profile_id"}).things {
		if profile, ok := t.thing.(*PerimeterProfile); ok {
			for _, up := range p.referred(t, []string{"network_security_perimeter_id"}).things {
				if at, ok := up.thing.(*Perimeter); ok {
					x.attrs["network_security_perimeter_id"] = Value[string]{at.ID, Mark{Known, profile.At}}
				}
			}
		}
	}
	if id, ok := x.attrs["network_security_perimeter_profile_id"]; ok && id.State == Known && strings.HasPrefix(id.V, "/") {
		x.attrs["network_security_perimeter_id"] = Value[string]{parentID(id.V), id.Mark}
	}
}
