//go:build azurerm

package azurerm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
)

// Each module is planned, applied, planned again without a change, changed in
// place wherever that can be done, changed behind Terraform's back and repaired,
// and destroyed, with nothing left.
func TestModules(t *testing.T) {
	for _, m := range []struct {
		module string
		drift  string // the resource that is changed
		path   func(body map[string]any)
	}{
		{"network", "/subscriptions/" + subscription + "/resourceGroups/rg-network/providers/Microsoft.Network/networkSecurityGroups/nsg-clients/securityRules/deny-all", func(b map[string]any) {
			b["properties"].(map[string]any)["access"] = "Allow"
		}},
		{"private", "/subscriptions/" + subscription + "/resourceGroups/rg-private/providers/Microsoft.CognitiveServices/accounts/aoai-rehearsal", func(b map[string]any) {
			b["properties"].(map[string]any)["publicNetworkAccess"] = "Disabled"
		}},
		{"services", "/subscriptions/" + subscription + "/resourceGroups/rg-services/providers/Microsoft.EventHub/namespaces/evhns-rehearsal/eventhubs/calls/authorizationRules/send", func(b map[string]any) {
			b["properties"].(map[string]any)["rights"] = []any{"Listen"}
		}},
	} {
		t.Run(m.module, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.use(m.module, ".")
			r.apply()
			r.unchanged()
			r.vars(map[string]any{"second": true})
			r.pending("what the second form says")
			r.apply()
			r.unchanged()
			r.drift(m.drift, m.path)
			r.apply()
			r.unchanged()
			r.must("destroy", "-auto-approve", "-input=false", "-no-color")
			r.empty()
		})
	}
}

// A mistake in Terraform is Azure's error on the terminal, and leaves nothing.
func TestRefusalsReachTerraform(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.use("refused", ".")
	code, out := r.terraform("apply", "-auto-approve", "-input=false", "-no-color")
	if code == 0 {
		t.Error("what Azure refuses was applied")
	}
	for _, want := range []string{"NetcfgSubnetRangesOverlap", "SecurityRuleConflict", "DeploymentModelNotSupported"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	r.must("destroy", "-auto-approve", "-input=false", "-no-color")
	r.empty()
}

// An account that settles slowly is waited for.
func TestSettling(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *arm.Config) { c.Settle = 3 * time.Second })
	r.use("settling", ".")
	r.apply()
	r.unchanged()
	r.must("destroy", "-auto-approve", "-input=false", "-no-color")
	r.empty()
}

// The project's own stacks, as ostiary deploy uses them: what exists once, and
// the private model with gateway and audit in front of it.
func TestOwnStacks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.use("../../modules", "stacks/global")
	r.vars(map[string]any{"name": "own", "location": "swedencentral", "purge": true})
	r.apply()
	r.unchanged()
	_, out := r.terraform("output", "-json", "global")
	var global map[string]any
	if err := json.Unmarshal([]byte(out), &global); err != nil {
		t.Fatal(err, out)
	}
	first := r.dir
	r.use("../../modules", "stacks/workload")
	r.vars(map[string]any{
		"name": "own", "location": "swedencentral", "purge": true, "global": global, "image": "ostiary@sha256:" + strings.Repeat("0", 64),
		"workloads": "[]", "clients": []string{"10.20.3.0/24"}, "audiences": []string{"api://ostiary"},
		"resolver": map[string]any{"forward": map[string]any{}},
		"accounts": map[string]any{"main": map[string]any{
			"location": "swedencentral", "subdomain": "own-main",
			"deployments": map[string]any{"gpt-4o-mini": map[string]any{"model": "gpt-4o-mini", "version": "2024-07-18"}},
		}},
		"audit": map[string]any{
			"data_explorer": map[string]any{},
			"collector":     map[string]any{"image": "opentelemetry-collector-contrib@sha256:" + strings.Repeat("1", 64), "interval_seconds": 10},
		},
	})
	r.apply()
	r.unchanged()
	t.Run("metrics arrive", func(t *testing.T) { metricsArrive(t, r) })
	r.must("destroy", "-auto-approve", "-input=false", "-no-color")
	r.dir = first
	r.must("destroy", "-auto-approve", "-input=false", "-no-color")
	r.empty()
}

// vars gives variables by a file that Terraform reads of itself.
func (r *rig) vars(v map[string]any) {
	r.t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, "test.auto.tfvars.json"), raw, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// drift changes a resource by a PUT to ARM, and demands that a plan sees it.
func (r *rig) drift(id string, change func(map[string]any)) {
	r.t.Helper()
	res, ok := r.arm.Get(id)
	if !ok {
		r.t.Fatalf("%s is not there", id)
	}
	change(res.Body)
	raw, err := json.Marshal(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.arm.Put(r.t.Context(), id, "2025-01-01", raw); err != nil {
		r.t.Fatal(err)
	}
	r.pending("what was changed behind its back")
}

// pending demands that a plan has something to do.
func (r *rig) pending(what string) {
	r.t.Helper()
	if code, out := r.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color"); code != 2 {
		r.t.Errorf("a plan does not see %s (exit code %d):\n%s", what, code, out)
	}
}

// empty demands that nothing but the subscription and its owner's role is left.
func (r *rig) empty() {
	r.t.Helper()
	for _, res := range r.arm.List("") {
		if res.Type != "Microsoft.Resources/subscriptions" && res.Type != "Microsoft.Authorization/roleAssignments" {
			r.t.Errorf("left after destroy: %s", res.ID)
		}
	}
}
