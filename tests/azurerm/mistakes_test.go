//go:build azurerm

package azurerm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mistake is one that people make by hand: the text of a module's file that is
// changed, and the check that must name it.
type mistake struct {
	name     string
	file     string
	old, new string // the first place
	add      string // at the file's end
	finding  string
}

func mistakes() []mistake {
	const groups, account, endpoint = "network/groups.tf", "openai/main.tf", "openai/endpoint.tf"
	return []mistake{
		{name: "public access on", file: account, old: "public_network_access_enabled      = false", new: "public_network_access_enabled      = true", finding: "public-access-off"},
		{name: "local auth on", file: account, old: "local_auth_enabled                 = false", new: "local_auth_enabled                 = true", finding: "keys-off"},
		{name: "bypass for trusted services", file: account, old: `bypass         = "None"`, new: `bypass         = "AzureServices"`, finding: "no-trusted-bypass"},
		{name: "default action allow", file: account, old: `default_action = "Deny"`, new: `default_action = "Allow"`, finding: "default-deny"},
		{name: "a wide range let in", file: account, old: `bypass         = "None"`, new: "bypass         = \"None\"\n    ip_rules       = [\"203.0.0.0/16\"]", finding: "ip-rules-narrow"},
		{name: "group rule widened", file: groups, old: `from = [local.prefix.apps], to = [local.prefix.endpoints] }
        deny-all   = local.deny`, new: `from = ["*"], to = [local.prefix.endpoints] }
        deny-all   = local.deny`, finding: "reach-only-clients"},
		{name: "the group's deny forgotten", file: groups, old: `to = [local.prefix.endpoints] }
        deny-all   = local.deny`, new: `to = [local.prefix.endpoints] }`, finding: "reach-only-clients"},
		{name: "no group on the endpoints' subnet", file: groups, old: `for_each                  = local.subnet_ids`, new: `for_each                  = { for k, v in local.subnet_ids : k => v if k != "endpoints" }`, finding: "subnet-has-group"},
		{name: "network policies off", file: "network/main.tf", old: `private_endpoint_network_policies = "NetworkSecurityGroupEnabled"`, new: `private_endpoint_network_policies = "Disabled"`, finding: "endpoint-subnet-binds"},
		{name: "zones unlinked", file: endpoint, old: "for_each = var.private_dns_zone_ids != null ? {} : {", new: "for_each = true ? {} : {", finding: "zone-linked"},
		{name: "the models' own zone unlinked", file: endpoint, old: "setproduct(local.zones, keys", new: `setproduct(["privatelink.services.ai.azure.com"], keys`, finding: "zone-linked"},
		{name: "names fall back to the public ones", file: endpoint, old: `resolution_policy    = "Default"`, new: `resolution_policy    = "NxDomainRedirect"`, finding: "no-public-fallback"},
		{name: "zone group missing", file: endpoint, old: `  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [for name in sort(keys(local.zone_ids)) : local.zone_ids[name]]
  }
`, new: "", finding: "zone-complete"},
		{name: "record by hand, and wrong", file: endpoint, old: `  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [for name in sort(keys(local.zone_ids)) : local.zone_ids[name]]
  }
`, new: "", add: `
resource "azurerm_private_dns_a_record" "by_hand" {
  for_each            = { for pair in setproduct(local.zones, [for a in var.accounts : a.subdomain]) : "${pair[0]}/${pair[1]}" => pair }
  name                = each.value[1]
  private_dns_zone_id = local.zone_ids[each.value[0]]
  ttl                 = 300
  records             = ["10.20.9.9"]
}
`, finding: "zone-complete"},
		{name: "endpoint waits for approval", file: endpoint, old: "is_manual_connection           = false", new: "is_manual_connection           = true\n    request_message                = \"please\"", finding: "endpoint-approved"},
		{name: "apps open to the internet", file: "gateway/main.tf", old: `internal_load_balancer_enabled = true
  public_network_access          = "Disabled"`, new: `internal_load_balancer_enabled = false
  public_network_access          = "Enabled"`, finding: "app-signed-in"},
		{name: "a peer let in by a rule", file: groups, old: `deny-all   = local.deny`, new: `deny-all   = local.deny
        peer = { priority = 300, access = "Allow", protocol = "Tcp", ports = ["443"], from = ["10.99.0.0/16"], to = [local.prefix.endpoints] }`, finding: "reach-only-clients",
			add: `
resource "azurerm_virtual_network" "peer" {
  name                = "peer"
  resource_group_name = var.resource_group_name
  location            = var.location
  address_space       = ["10.99.0.0/16"]
}

resource "azurerm_subnet" "peer" {
  name                 = "peer"
  resource_group_name  = var.resource_group_name
  virtual_network_name = azurerm_virtual_network.peer.name
  address_prefixes     = ["10.99.0.0/24"]
}

resource "azurerm_virtual_network_peering" "there" {
  name                      = "there"
  resource_group_name       = var.resource_group_name
  virtual_network_name      = azurerm_virtual_network.this.name
  remote_virtual_network_id = azurerm_virtual_network.peer.id
}

resource "azurerm_virtual_network_peering" "back" {
  name                      = "back"
  resource_group_name       = var.resource_group_name
  virtual_network_name      = azurerm_virtual_network.peer.name
  remote_virtual_network_id = azurerm_virtual_network.this.id
}
`},
	}
}

// Each mistake, alone in a copy of our modules, makes a plan that `deploy plan`
// refuses by the name of what is wrong; the copy without one is private.
func TestMistakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("estate.yaml", example(t, "one-region"))
	copied := filepath.Join(w.dir, "modules")
	if code, out := w.run(w.at("internet", "--", w.binary, "deploy", "modules", copied)); code != 0 {
		t.Fatal(out)
	}
	w.wide = []string{"--modules", copied}
	if out := w.deploy(0, "plan"); !strings.Contains(out, "PRIVATE") {
		t.Fatalf("the modules as they are give no private plan:\n%s", tail(out))
	}
	for _, m := range mistakes() {
		t.Run(m.name, func(t *testing.T) {
			file := filepath.Join(copied, m.file)
			good, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(file, good, 0o600)
			bad := strings.Replace(string(good), m.old, m.new, 1) + m.add
			if bad == string(good)+m.add && m.old != m.new {
				t.Fatalf("%s has no %q: the module has changed, and this test must", m.file, m.old)
			}
			if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out := w.run(w.command("plan"))
			last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
			if code != 1 || !strings.Contains(last, "what would be made is not private") || !strings.Contains(last, m.finding) {
				t.Errorf("exit code %d, and %s is not named:\n%s", code, m.finding, tail(out))
			}
			t.Log(strings.TrimSpace(last))
		})
	}
}

// example is the estate's file of an example.
func example(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../examples", name, "estate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
