//go:build azurerm

package azurerm_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

// object asks ARM for one resource and gives it as JSON.
func (w *world) object(path string) (d map[string]any) {
	w.t.Helper()
	out := w.arm("GET", path, "")
	if err := json.Unmarshal([]byte(out), &d); err != nil || d["error"] != nil {
		w.t.Fatalf("%s: %v %s", path, err, tail(out))
	}
	return d
}

// only is the one resource of a type in a group.
func (w *world) only(group, typ, version string) map[string]any {
	w.t.Helper()
	all, _ := w.object(fmt.Sprintf("/subscriptions/SUBSCRIPTION/resourceGroups/%s/providers/%s?api-version=%s", group, typ, version))["value"].([]any)
	if len(all) != 1 {
		w.t.Fatalf("%d of %s", len(all), typ)
	}
	return all[0].(map[string]any)
}

// property is the value at a dotted path of objects, as text.
func property(d map[string]any, path string) string {
	var v any = d
	for key := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return fmt.Sprint(v)
}

// environment are the variables of the gateway's container; none may come from
// a secret.
func (w *world) environment(name string) (env []string) {
	w.t.Helper()
	app := w.object("/subscriptions/SUBSCRIPTION/resourceGroups/" + name + "-workload/providers/Microsoft.App/containerApps/" + name + "-gateway?api-version=2025-01-01")
	template := app["properties"].(map[string]any)["template"].(map[string]any)
	for _, c := range template["containers"].([]any) {
		if c := c.(map[string]any); c["name"] == "gateway" {
			for _, v := range c["env"].([]any) {
				v := v.(map[string]any)
				if v["secretRef"] != nil && v["secretRef"] != "" {
					w.t.Errorf("%v is a secret", v["name"])
				}
				env = append(env, fmt.Sprintf("%v=%v", v["name"], v["value"]))
			}
		}
	}
	return env
}

// severalGateways demands of an estate with replicas that its database and its
// Redis are closed, take the gateway's identity alone and neither password nor
// key, and have private addresses where the gateways are.
func (w *world) severalGateways(name string) {
	w.t.Helper()
	group := name + "-workload"
	identity := w.object("/subscriptions/SUBSCRIPTION/resourceGroups/" + group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name + "-gateway?api-version=2024-11-30")
	who := property(identity, "properties.principalId")
	server := w.only(group, "Microsoft.DBforPostgreSQL/flexibleServers", "2025-08-01")
	redis := w.only(group, "Microsoft.Cache/redisEnterprise", "2025-07-01")
	below := func(d map[string]any, path, version string) map[string]any {
		return w.object(fmt.Sprintf("%v/%s?api-version=%s", d["id"], path, version))
	}
	database := below(redis, "databases/default", "2025-07-01")
	app := w.object("/subscriptions/SUBSCRIPTION/resourceGroups/" + group + "/providers/Microsoft.App/containerApps/" + name + "-gateway?api-version=2025-01-01")
	for _, c := range []struct {
		d          map[string]any
		path, want string
	}{
		{server, "properties.network.publicNetworkAccess", "Disabled"},
		{server, "properties.authConfig.passwordAuth", "Disabled"},
		{server, "properties.authConfig.activeDirectoryAuth", "Enabled"},
		{server, "properties.highAvailability.mode", "ZoneRedundant"},
		{below(server, "administrators/"+who, "2025-08-01"), "properties.principalName", name + "-gateway"},
		{redis, "properties.publicNetworkAccess", "Disabled"},
		{database, "properties.accessKeysAuthentication", "Disabled"},
		{database, "properties.clientProtocol", "Encrypted"},
		{below(database, "accessPolicyAssignments/"+who, "2025-07-01"), "properties.user.objectId", who},
		{app, "properties.template.scale.minReplicas", "2"},
		{app, "properties.template.scale.maxReplicas", "4"},
	} {
		if got := property(c.d, c.path); got != c.want {
			w.t.Errorf("%s of %v is %s, want %s", c.path, c.d["name"], got, c.want)
		}
	}
	hosts := []string{property(server, "properties.fullyQualifiedDomainName"), property(redis, "properties.hostName")}
	for _, host := range hosts {
		code, out := w.run(exec.Command(w.binary, "emulate", "nslookup", "--state", w.state, "--from", name+"-vnet/apps", host))
		if code != 0 || !strings.Contains(out, "privatelink.") || !strings.Contains(out, "Address: 10.40.") {
			w.t.Errorf("the gateways see of %s: %d %s", host, code, out)
		}
	}
	if env := strings.Join(w.environment(name), "\n"); !strings.Contains(env, "OSTIARY_LEDGER_URL=postgres://"+name+"-gateway@"+hosts[0]+":5432/ostiary") {
		w.t.Errorf("the gateway's environment: %s", env)
	}
}

// A server that somebody opened to passwords, or a Redis that takes keys, is
// seen by the next plan and closed by the next apply.
func (w *world) closesAgain(name string) {
	w.t.Helper()
	group := name + "-workload"
	server := w.only(group, "Microsoft.DBforPostgreSQL/flexibleServers", "2025-08-01")
	redis := w.only(group, "Microsoft.Cache/redisEnterprise", "2025-07-01")
	for _, change := range [][2]string{
		{fmt.Sprintf("%v?api-version=2025-08-01", server["id"]), `{"properties":{"network":{"publicNetworkAccess":"Enabled"}}}`},
		{fmt.Sprintf("%v?api-version=2025-07-01", redis["id"]), `{"properties":{"publicNetworkAccess":"Enabled"}}`},
		{fmt.Sprintf("%v/databases/default?api-version=2025-07-01", redis["id"]), `{"properties":{"accessKeysAuthentication":"Enabled"}}`},
	} {
		if out := w.arm("PATCH", change[0], change[1]); strings.Contains(out, `"error"`) {
			w.t.Fatal(out)
		}
	}
	if out := w.deploy(0, "plan"); !strings.Contains(out, "0 to create, 2 to change, 0 to delete") {
		w.t.Errorf("a plan does not close what was opened:\n%s", tail(out))
	}
	w.deploy(0, "apply", "--yes")
	w.severalGateways(name)
}
