package estate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
)

const rg = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network"

func element(id, rest string) string { return fmt.Sprintf(`{"id":%q%s}`, id, rest) }

func list(elements ...string) string { return "[" + strings.Join(elements, ",\n") + "]" }

// Children embedded in their parent and children on their own are the same, in
// either order.
func TestEmbeddedAndSeparateChildrenAreOne(t *testing.T) {
	vnet := element(rg+"/virtualNetworks/v", `,"type":"Microsoft.Network/virtualNetworks","properties":{"subnets":[{"name":"a","id":"`+rg+`/virtualNetworks/v/subnets/a","properties":{"addressPrefix":"10.0.0.0/24"}}]}`)
	group := element(rg+"/networkSecurityGroups/g", `,"properties":{"securityRules":[{"name":"one","properties":{"priority":100,"access":"Deny"}}]}`)
	own := []string{
		element(rg+"/VirtualNetworks/V/subnets/A", `,"properties":{"addressPrefix":"10.0.0.0/24","networkSecurityGroup":{"id":"`+strings.ToUpper(rg)+`/networksecuritygroups/G"}}`),
		element(rg+"/virtualNetworks/v/subnets/b", `,"properties":{"addressPrefixes":["10.0.1.0/24"]}`),
		element(rg+"/networkSecurityGroups/g/securityRules/ONE", `,"properties":{"priority":100,"direction":"Inbound"}`),
		element(rg+"/networkSecurityGroups/g/securityRules/two", `,"properties":{"priority":200}`),
	}
	for name, doc := range map[string]string{
		"parents first":  list(append([]string{vnet, group}, own...)...),
		"children first": list(append(own, vnet, group)...),
		"in a page":      `{"value":` + list(append(own, vnet, group)...) + `}`,
		"in resources":   `{"resources":` + list(append(own, vnet, group)...) + `,"taken":"today"}`,
		"in pages":       list(`{"value":`+list(own...)+`}`, `{"value":`+list(vnet, group)+`,"nextLink":null}`),
		"after a mark":   "\ufeff" + list(append(own, vnet, group)...),
	} {
		e := read(t, doc)
		v := e.VirtualNetworks[0]
		if len(e.VirtualNetworks) != 1 || len(e.Subnets) != 2 || len(v.Subnets) != 2 || v.Stub || len(e.Conflicts) != 0 {
			t.Fatalf("%s: %d networks, %d subnets, conflicts %v", name, len(e.VirtualNetworks), len(e.Subnets), e.Conflicts)
		}
		a := e.Find(rg + "/virtualnetworks/v/SUBNETS/a").(*estate.Subnet)
		if a.VNet != v || a.Group.To != e.Groups[0] || len(a.Prefixes.Items) != 1 {
			t.Errorf("%s: subnet %+v", name, a)
		}
		g := e.Groups[0]
		if len(e.Groups) != 1 || len(g.Rules) != 2 || g.Rules[0].Group != g || g.Rules[1].Group != g {
			t.Fatalf("%s: %d rules", name, len(g.Rules))
		}
		one := g.Rules[0]
		if !strings.EqualFold(one.Name, "one") {
			one = g.Rules[1]
		}
		if !one.Access.Is("Deny") || !one.Direction.Is("Inbound") || !one.Priority.Is(100) {
			t.Errorf("%s: rule %+v", name, one)
		}
	}
}

func TestContradictionsAreUnknown(t *testing.T) {
	e := read(t, list(
		element(rg+"/virtualNetworks/v/subnets/a", `,"properties":{"addressPrefix":"10.0.0.0/24","privateEndpointNetworkPolicies":"Enabled"}`),
		element(rg+"/virtualNetworks/v/subnets/a", `,"properties":{"addressPrefix":"10.0.9.0/24","privateEndpointNetworkPolicies":"Enabled","defaultOutboundAccess":false}`),
		element(rg+"/networkSecurityGroups/g", `,"properties":{"securityRules":[{"name":"r","properties":{"priority":100,"access":"Allow"}},{"name":"R","properties":{"priority":100,"access":"Deny"}}]}`),
		element("/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a", `,"properties":{"publicNetworkAccess":"Disabled"}`),
		element("/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a", `,"properties":{"publicNetworkAccess":"Enabled"}`),
	))
	s := e.Subnets[0]
	if s.Prefixes.State != estate.Unknown || !s.EndpointPolicies.Is("Enabled") || !s.DefaultOutbound.Is(false) {
		t.Errorf("subnet %+v", s)
	}
	if !s.VNet.Stub || s.VNet.Name != "v" {
		t.Errorf("a network that was not read: %+v", s.VNet)
	}
	if r := e.Groups[0].Rules; len(r) != 1 || r[0].Access.State != estate.Unknown || !r[0].Priority.Is(100) {
		t.Errorf("rules %+v", r)
	}
	if a := e.Accounts; len(a) != 1 || a[0].PublicAccess.State != estate.Unknown {
		t.Errorf("account %+v", a[0].PublicAccess)
	}
	if len(e.Conflicts) != 3 {
		t.Errorf("conflicts %v", e.Conflicts)
	}
	two := read(t, list(element("/x", `,"type":"Microsoft.Network/virtualNetworks"`), element("/X", `,"type":"Microsoft.Network/routeTables"`)))
	if two.VirtualNetworks[0].Doubt == 0 || two.RouteTables[0].Doubt == 0 || len(two.Conflicts) != 1 {
		t.Error("one id of two types is not in doubt")
	}
}

func TestValuesRememberWhereTheyStand(t *testing.T) {
	doc := "[\n" + element("/subscriptions/s/providers/Microsoft.CognitiveServices/accounts/a", `,"tags":{"a/b~c":[1]},
	"properties":{"publicNetworkAccess":"Disabled","networkAcls":{"ipRules":[{"value":"1.2.3.4"},{"value":7}],"bypass":null}}`) + "]"
	e := read(t, doc)
	a := e.Accounts[0]
	for want, at := range map[string]estate.At{
		"/0":                                        a.At,
		"/0/properties/publicNetworkAccess":         a.PublicAccess.At,
		"/0/properties/networkAcls":                 a.DefaultAction.At, // absent: the object that lacks it
		"/0/properties/networkAcls/bypass":          a.Bypass.At,
		"/0/properties":                             a.Subdomain.At,
		"/0/properties/networkAcls/ipRules/0/value": a.IPRules.Items[0].At,
		"/0/properties/networkAcls/ipRules/1/value": a.IPRules.Items[1].At,
		"": 0,
	} {
		if got := e.Pointer(at); got != want {
			t.Errorf("pointer %q, want %q", got, want)
		}
	}
	if a.IPRules.Complete() || a.IPRules.Items[1].State != estate.Unknown || len(e.Misread) != 1 {
		t.Errorf("a number among addresses: %+v, misread %v", a.IPRules, e.Misread)
	}
	if line, col := e.Position(a.PublicAccess.At); line != 3 || col != 38 {
		t.Errorf("line %d, column %d", line, col)
	}
	if line, col := e.Position(0); line != 0 || col != 0 || e.Raw(0) != "" || e.Raw(1<<30) != "" || e.Pointer(1<<30) != "" {
		t.Error("nowhere is somewhere")
	}
	if raw := e.Raw(a.Bypass.At); raw != "null" {
		t.Errorf("raw %q", raw)
	}
}

// A reference whose id leads nowhere is unknown, never absent.
func TestDanglingReferencesAreUnknown(t *testing.T) {
	e := read(t, list(element(rg+"/virtualNetworks/v/subnets/a", `,"properties":{"networkSecurityGroup":{"id":"/gone"},"routeTable":null,"natGateway":{}}`),
		element(rg+"/networkInterfaces/n", `,"properties":{"networkSecurityGroup":"what"}`)))
	s := e.Subnets[0]
	if to, state := s.Group.Get(); to != nil || state != estate.Unknown {
		t.Errorf("dangling: %v %v", to, state)
	}
	if _, state := s.Routes.Get(); state != estate.Absent {
		t.Errorf("null: %v", state)
	}
	if _, state := s.NAT.Get(); state != estate.Absent {
		t.Errorf("an empty object: %v", state)
	}
	if _, state := e.Interfaces[0].Group.Get(); state != estate.Unknown {
		t.Errorf("a string where an object was expected: %v", state)
	}
}

func TestGaps(t *testing.T) {
	e := read(t, `{"value":[{"id":"/subscriptions/hidden","error":{"code":"AuthorizationFailed","message":"no"}},
		{"value":[],"nextLink":"https://management.azure.com/next"}],"nextLink":"https://management.azure.com/more"}`)
	if len(e.Gaps) != 3 || e.Gaps[0].Code != "AuthorizationFailed" || e.Gaps[1].Code != "PageNotRead" {
		t.Fatalf("gaps %+v", e.Gaps)
	}
	if e.Missing("/Subscriptions/HIDDEN/resourceGroups/x") == nil || e.Missing("/subscriptions/hiddenx") != nil || e.Missing("/other") != nil {
		t.Error("Missing")
	}
	for i, want := range []string{"/value/0", "/value/1/nextLink", "/nextLink"} {
		if got := e.Pointer(e.Gaps[i].At); got != want {
			t.Errorf("pointer %q, want %q", got, want)
		}
	}
	// Wherever the error stands, it is no resource that lacks everything.
	for _, doc := range []string{`{"error":{"code":"x"},"id":"/v","type":"Microsoft.Network/virtualNetworks"}`, `{"id":"/v","type":"Microsoft.Network/virtualNetworks","error":{"code":"x"}}`} {
		if e := read(t, list(doc)); len(e.Gaps) != 1 || e.Gaps[0].Code != "x" || len(e.VirtualNetworks) != 0 {
			t.Errorf("%s: gaps %+v", doc, e.Gaps)
		}
	}
}

func TestActionsAnswers(t *testing.T) {
	nm := rg + "/networkManagers/nm"
	e := read(t, list(
		element(nm+"/networkGroups/g/listEffectiveVirtualNetworks", `,"value":[{"id":"`+rg+`/virtualNetworks/V"}]`),
		element(nm+"/listDeploymentStatus", `,"value":[{"region":"west","deploymentType":"SecurityAdmin","deploymentStatus":"Deployed","configurationIds":["`+nm+`/securityAdminConfigurations/a"]}]`),
		element(nm, ""), element(nm+"/networkGroups/g", ""), element(nm+"/securityAdminConfigurations/a", ""), element(rg+"/virtualNetworks/v", ""),
	))
	m := e.NetworkManagers[0]
	if len(m.Deployments) != 1 || m.Deployed.State != estate.Known || m.Deployments[0].Configurations.Items[0].To != e.AdminConfigurations[0] || !m.Deployments[0].Region.Is("west") {
		t.Errorf("deployments %+v", m.Deployments)
	}
	if g := e.NetworkGroups[0]; g.Manager != m || g.Effective.State != estate.Known || g.Effective.Items[0].To != e.VirtualNetworks[0] {
		t.Errorf("group %+v", g)
	}
}

// Every type finds its struct, and every child its parent, made up if need be.
func TestEveryTypeHasItsPlace(t *testing.T) {
	for _, typ := range []string{
		"Microsoft.Network/virtualNetworks/virtualNetworkPeerings", "Microsoft.Network/privateDnsZones/A", "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
		"Microsoft.Network/privateEndpoints/privateDnsZoneGroups", "Microsoft.Network/dnsResolvers/inboundEndpoints", "Microsoft.Network/dnsForwardingRulesets/forwardingRules",
		"Microsoft.CognitiveServices/accounts/deployments", "Microsoft.CognitiveServices/accounts/privateEndpointConnections", "Microsoft.Network/networkSecurityPerimeters/profiles/accessRules",
		"Microsoft.Network/networkManagers/securityAdminConfigurations/ruleCollections/rules", "Microsoft.App/containerApps/authConfigs",
		"Microsoft.Network/azureFirewalls", "Microsoft.Network/virtualNetworkGateways", "Microsoft.Network/connections", "Microsoft.Network/localNetworkGateways", "Microsoft.Compute/virtualMachines",
		"Microsoft.Network/natGateways", "Microsoft.Network/publicIPAddresses", "Microsoft.Network/applicationSecurityGroups", "Microsoft.App/managedEnvironments", "Microsoft.Web/sites", "Microsoft.KeyVault/vaults",
		"Microsoft.Authorization/roleAssignments", "Microsoft.Insights/diagnosticSettings",
	} {
		ns, rest, _ := strings.Cut(typ, "/")
		id := "/subscriptions/s/resourceGroups/rg/providers/" + ns
		for i, part := range strings.Split(rest, "/") {
			id += fmt.Sprintf("/%s/n%d", part, i)
		}
		e := read(t, list(element(id, `,"properties":{"priority":1}`)))
		got := e.Find(id)
		if _, other := got.(*estate.Other); got == nil || other || len(e.Others) != 0 {
			t.Errorf("%s reads as %T", typ, got)
		}
		if up := e.Find(id[:strings.LastIndex(id[:strings.LastIndex(id, "/")], "/")]); strings.Count(rest, "/") > 0 && (up == nil || !up.Base().Stub) {
			t.Errorf("%s has the parent %T", typ, up)
		}
	}
	e := read(t, list(
		element("/subscriptions/s/providers/Microsoft.Web/sites/w/config/authsettingsV2", `,"type":"Microsoft.Web/sites/config","properties":{"platform":{"enabled":true}}`),
		element("/subscriptions/s/providers/Microsoft.Web/sites/w/config/web", `,"type":"Microsoft.Web/sites/config","properties":{"vnetRouteAllEnabled":true}`),
		element("/subscriptions/s/providers/Microsoft.CognitiveServices/locations/l/resourceGroups/rg/deletedAccounts/d", ""),
		element("/subscriptions/s/providers/Microsoft.CognitiveServices/accounts/a/providers/Microsoft.Insights/diagnosticSettings/d", `,"properties":{"logs":[{"category":"Audit","enabled":true}]}`),
		element("/subscriptions/s/providers/Microsoft.CognitiveServices/accounts/a", ""),
		element("/subscriptions/s/providers/Microsoft.Strange/things/x", ""),
	))
	if w := e.WebApps[0]; len(w.Auth) != 1 || !w.Auth[0].Enabled.Is(true) || len(w.Settings) != 1 || !w.Settings[0].RouteAll.Is(true) {
		t.Errorf("web app %+v", w)
	}
	if d := e.DiagnosticSettings[0]; len(e.DeletedAccounts) != 1 || d.Target.To != estate.Thing(e.Accounts[0]) || !d.Logs[0].Enabled.Is(true) || len(e.Others) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestBadInput(t *testing.T) {
	deep := strings.Repeat("[", 100)
	for _, c := range []struct {
		doc, where, what string
		kind             fault.Kind
	}{
		{`[{"id":"/x"`, "byte 11", "ends too early", fault.Invalid},
		{`[{"id":"/x"}`, "byte 12", "ends too early", fault.Invalid},
		{`[{"id":"/x","properties":{"a":tru}}]`, "byte 30", "malformed", fault.Invalid},
		{`[{"id":"/x",}]`, "byte 12", "malformed", fault.Invalid},
		{"[{\"id\":\"/\x01\"}]", "byte 9", "control character", fault.Invalid},
		{"[{\"id\":\"/\xff\"}]", "byte 9", "not UTF-8", fault.Invalid},
		{`[{"id":"/x","id":"/y","type":"Microsoft.Network/routeTables"}]`, "byte 17", "stands twice", fault.Invalid},
		{`[1,2]`, "byte 1", "at /0", fault.Invalid},
		{`[{"name":"x"}]`, "byte 1", "without an id", fault.Invalid},
		{`{"hello":"world"}`, "", "no list of resources", fault.Invalid},
		{`"text"`, "byte 0", "array of resources", fault.Invalid},
		{``, "byte 0", "ends too early", fault.Invalid},
		{`[] []`, "byte 3", "follows", fault.Invalid},
		{`{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","resources":[]}`, "byte 11", "ARM template", fault.Invalid},
		{`{"value":` + deep, "byte 10", "no object", fault.Invalid},
		{`[{"id":"/x","properties":` + deep, "", "deeper than 64", fault.Invalid},
		{`{"format_version":"1.2"}`, "", "neither a plan nor a state", fault.Invalid},
		{`{"format_version":"1.2","resource_changes":[`, "byte 44", "ends too early", fault.Invalid},
	} {
		_, err := estate.Read(strings.NewReader(c.doc), estate.Options{})
		f, ok := err.(*fault.Error)
		if !ok || f.Kind != c.kind || !strings.Contains(f.What, c.what) || c.where != "" && f.Where != c.where || f.Hint == "" {
			t.Errorf("%.60s: %v", c.doc, err)
		}
	}
	if _, err := estate.Read(strings.NewReader(`[{"id":"/x"}]`), estate.Options{MaxBytes: 5}); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("over the bound: %v", err)
	}
}

func TestServiceTags(t *testing.T) {
	tags, err := estate.DefaultServiceTags()
	if err != nil || tags.Date == "" {
		t.Fatal(err)
	}
	if p, ok := tags.Prefixes("azureLOADbalancer"); !ok || p[0] != "168.63.129.16/32" {
		t.Errorf("%v %v", p, ok)
	}
	if _, ok := tags.Prefixes("Storage"); ok {
		t.Error("a tag that the snapshot does not hold")
	}
	own, err := estate.ReadServiceTags(strings.NewReader(`{"changeNumber":1,"cloud":"Public","values":[{"name":"Storage","id":"Storage","properties":{"region":"","addressPrefixes":["20.60.0.0/16",7]}}]}`), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := own.Prefixes("storage"); !ok || len(p) != 1 {
		t.Errorf("%v %v", p, ok)
	}
	for _, bad := range []string{"", "[]", "{}", `{"values":[`} {
		if _, err := estate.ReadServiceTags(strings.NewReader(bad), estate.Options{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
