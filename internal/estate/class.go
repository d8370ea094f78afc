package estate

import (
	"reflect"
	"strings"
)

// types is every ARM type with a struct of its own.
func types() map[string]any {
	const (
		net = "Microsoft.Network/"
		cs  = "Microsoft.CognitiveServices/"
		web = "Microsoft.Web/sites"
	)
	return map[string]any{
		net + "virtualNetworks":                        VirtualNetwork{},
		net + "virtualNetworks/subnets":                Subnet{},
		net + "virtualNetworks/virtualNetworkPeerings": Peering{},
		net + "networkInterfaces":                      Interface{},
		net + "publicIPAddresses":                      PublicIP{},
		net + "publicIPPrefixes":                       PublicIPPrefix{},
		net + "natGateways":                            NATGateway{},
		net + "loadBalancers":                          LoadBalancer{},
		"Microsoft.Compute/virtualMachines":            VirtualMachine{},

		net + "networkSecurityGroups":               Group{},
		net + "networkSecurityGroups/securityRules": Rule{},
		net + "applicationSecurityGroups":           AppGroup{},

		net + "networkManagers":                                                   NetworkManager{},
		net + "networkManagers/networkGroups":                                     NetworkGroup{},
		net + "networkManagers/networkGroups/staticMembers":                       StaticMember{},
		net + "networkManagers/securityAdminConfigurations":                       AdminConfiguration{},
		net + "networkManagers/securityAdminConfigurations/ruleCollections":       AdminCollection{},
		net + "networkManagers/securityAdminConfigurations/ruleCollections/rules": AdminRule{},
		net + "networkManagers/connectivityConfigurations":                        ConnectivityConfiguration{},

		net + "routeTables":            RouteTable{},
		net + "routeTables/routes":     Route{},
		net + "azureFirewalls":         Firewall{},
		net + "firewallPolicies":       FirewallPolicy{},
		net + "virtualNetworkGateways": Gateway{},
		net + "localNetworkGateways":   LocalGateway{},
		net + "connections":            Connection{},

		net + "privateEndpoints":                          PrivateEndpoint{},
		net + "privateEndpoints/privateDnsZoneGroups":     ZoneGroup{},
		net + "privateDnsZones":                           PrivateZone{},
		net + "privateDnsZones/virtualNetworkLinks":       ZoneLink{},
		net + "privateDnsZones/A":                         RecordSet{},
		net + "privateDnsZones/AAAA":                      RecordSet{},
		net + "privateDnsZones/CNAME":                     RecordSet{},
		net + "privateDnsZones/MX":                        RecordSet{},
		net + "privateDnsZones/PTR":                       RecordSet{},
		net + "privateDnsZones/SOA":                       RecordSet{},
		net + "privateDnsZones/SRV":                       RecordSet{},
		net + "privateDnsZones/TXT":                       RecordSet{},
		net + "dnsResolvers":                              Resolver{},
		net + "dnsResolvers/inboundEndpoints":             InboundEndpoint{},
		net + "dnsResolvers/outboundEndpoints":            OutboundEndpoint{},
		net + "dnsForwardingRulesets":                     Ruleset{},
		net + "dnsForwardingRulesets/forwardingRules":     ForwardingRule{},
		net + "dnsForwardingRulesets/virtualNetworkLinks": RulesetLink{},

		cs + "accounts":                                        Account{},
		cs + "accounts/deployments":                            Deployment{},
		cs + "accounts/privateEndpointConnections":             PrivateConnection{},
		cs + "accounts/networkSecurityPerimeterConfigurations": PerimeterConfiguration{},
		cs + "deletedAccounts":                                 DeletedAccount{},
		cs + "locations/resourceGroups/deletedAccounts":        DeletedAccount{},
		net + "networkSecurityPerimeters":                      Perimeter{},
		net + "networkSecurityPerimeters/profiles":             PerimeterProfile{},
		net + "networkSecurityPerimeters/profiles/accessRules": PerimeterRule{},
		net + "networkSecurityPerimeters/resourceAssociations": PerimeterAssociation{},

		"Microsoft.App/managedEnvironments":       AppEnvironment{},
		"Microsoft.App/containerApps":             ContainerApp{},
		"Microsoft.App/containerApps/authConfigs": AppAuth{},
		web:                            WebApp{},
		web + "/config/authsettingsV2": WebAuth{},
		web + "/config/web":            WebSettings{},

		"Microsoft.Insights/diagnosticSettings":   DiagnosticSetting{},
		"Microsoft.Authorization/roleAssignments": RoleAssignment{},
		"Microsoft.Authorization/roleDefinitions": RoleDefinition{},
		"Microsoft.KeyVault/vaults":               KeyVault{},
	}
}

// class is what the reader knows of a struct type. It reads the relations of
// types off their fields: a pointer field of a child is its parent, a slice of
// that child in the parent holds the children, a slice in Estate holds all.
type class struct {
	t      reflect.Type
	name   string // an ARM type
	thing  bool   // a resource; else a part with an ARM type of its own
	up     int    // field of the parent pointer, or -1
	parent *class
	kids   []kid
	all    int // field of Estate, or -1
}

type kid struct {
	field int
	class *class
}

// classes are the classes by ARM type in lower case.
type classes struct {
	byName map[string]*class
	byType map[reflect.Type]*class
}

func newClasses() classes {
	c := classes{map[string]*class{}, map[reflect.Type]*class{}}
	for name, zero := range types() {
		t := reflect.TypeOf(zero)
		k := c.byType[t]
		if k == nil {
			_, thing := reflect.New(t).Interface().(Thing)
			k = &class{t: t, name: name, thing: thing, up: -1, all: fieldOf(reflect.TypeFor[Estate](), reflect.SliceOf(reflect.PointerTo(t)))}
			c.byType[t] = k
		}
		c.byName[strings.ToLower(name)] = k
	}
	c.byType[reflect.TypeFor[Deployed]()] = &class{t: reflect.TypeFor[Deployed](), thing: true, up: -1, all: -1}
	for t, k := range c.byType {
		for i := range t.NumField() {
			f := t.Field(i).Type
			if f.Kind() != reflect.Pointer {
				continue
			}
			if p := c.byType[f.Elem()]; p != nil {
				k.up, k.parent = i, p
				p.kids = append(p.kids, kid{fieldOf(p.t, reflect.SliceOf(reflect.PointerTo(t))), k})
			}
		}
	}
	return c
}

// fieldOf is the first field of in that has the type want, or -1.
func fieldOf(in, want reflect.Type) int {
	for i := range in.NumField() {
		if in.Field(i).Type == want {
			return i
		}
	}
	return -1
}

// segment is the last part of the class's ARM type.
func (c *class) segment() string { return lastSegment(c.name) }
