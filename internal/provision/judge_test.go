package provision

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/ostiary/ostiary/internal/posture"
)

func finding(id string, level posture.Level, status posture.Status) posture.Finding {
	return posture.Finding{ID: id, Level: level, Status: status, Resource: "r"}
}

func waived(f posture.Finding) posture.Finding {
	f.Waiver = &posture.Waiver{Finding: f.ID, Resource: f.Resource}
	return f
}

// A plan is refused by the name of what is wrong; what is only unknown is let
// through where it concerns parts that are not in the plan.
func TestRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		verdict posture.Verdict
		finding posture.Finding
		leans   bool
		want    string
	}{
		"private":           {posture.Private, finding("keys-off", posture.Must, posture.Pass), false, ""},
		"open":              {posture.Open, finding("keys-off", posture.Must, posture.Fail), false, "keys-off"},
		"open, and leaning": {posture.Open, finding("keys-off", posture.Must, posture.Fail), true, "keys-off"},
		"undecided":         {posture.Undecided, finding("zone-linked", posture.Must, posture.Unknown), false, "zone-linked"},
		"leaning":           {posture.Undecided, finding("zone-linked", posture.Must, posture.Unknown), true, ""},
		"a second door":     {posture.Private, finding("default-deny", posture.Advice, posture.Fail), true, "default-deny"},
		"mere advice":       {posture.Private, finding("customer-managed-key", posture.Advice, posture.Fail), false, ""},
		"waived":            {posture.Private, waived(finding("default-deny", posture.Advice, posture.Fail)), false, ""},
	} {
		p := Plan{Report: posture.Report{Verdict: c.verdict, Findings: []posture.Finding{c.finding}}, leans: c.leans}
		switch err := p.Refusal(); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The stranger is added to what is there, and overlaps nothing of ours.
func TestStranger(t *testing.T) {
	for space, want := range map[string]string{"10.20.0.0/22": "172.31.254.0/24", "172.31.0.0/16": "192.168.254.0/24"} {
		s := Settings{Name: "acmeai", Region: "swedencentral", Subscription: "s", Network: Network{AddressSpace: space}}
		text, err := s.withStranger([]byte(`{"format_version":"1.2","resource_changes":[{"address":"a.b"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		var plan struct {
			Format    string                     `json:"format_version"`
			Resources []struct{ Address string } `json:"resource_changes"`
		}
		if err := json.Unmarshal(text, &plan); err != nil || plan.Format != "1.2" || len(plan.Resources) != 5 || plan.Resources[0].Address != "a.b" {
			t.Errorf("%v %+v", err, plan)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("beside %s the stranger has not %s", space, want)
		}
	}
	s := Settings{Existing: Existing{VirtualNetwork: "/v"}}
	if text, err := s.withStranger([]byte(`{}`)); err != nil || string(text) != "{}" {
		t.Errorf("an existing network gets a stranger: %s %v", text, err)
	}
	if _, err := (Settings{}).withStranger([]byte(`{"resource_changes":7}`)); err == nil {
		t.Error("no error")
	}
}

// A plan of our own modules, as Terraform gave it once, is read, judged and
// summed up to the byte; the same plan with a slip in it is refused.
func TestCannedPlan(t *testing.T) {
	text, err := os.ReadFile("testdata/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	d := &Deployment{Config: Config{
		Settings: Settings{Name: "acmethree", Region: "swedencentral", Subscription: "6e0f0b0c-2d44-4f0e-9f36-7a1c5b8d9e20"}.withDefaults(),
		Now:      time.Now,
	}}
	var shown tfjson.Plan
	if err := json.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	p := Plan{Stage: workloadStack, Changes: changes(&shown)}
	if p.Report, err = d.judgePlan(text, "testdata/plan.json"); err != nil || p.Refusal() != nil {
		t.Errorf("%v %v", err, p.Refusal())
	}
	golden(t, "plan.txt", []byte(p.Summary()))

	slip := strings.ReplaceAll(string(text), `"local_auth_enabled":false`, `"local_auth_enabled":true`)
	if p.Report, err = d.judgePlan([]byte(slip), "testdata/plan.json"); err != nil || p.Refusal() == nil {
		t.Errorf("a slip is let through: %v", err)
	}
}

// What is lost is named.
func TestSummaryNamesWhatIsLost(t *testing.T) {
	p := Plan{Stage: "workload", Changes: []Change{
		{Address: "azurerm_subnet.a", Type: "azurerm_subnet", Action: "replace"},
		{Address: "azurerm_subnet.b", Type: "azurerm_subnet", Action: "create"},
		{Address: "azurerm_key_vault.c", Type: "azurerm_key_vault", Action: "delete"},
	}}
	want := "workload: 1 to create, 1 to change, 1 to delete\n" +
		"  key vault                                  delete 1\n" +
		"  subnet                                     create 1, replace 1\n" +
		"  replace azurerm_subnet.a\n  delete azurerm_key_vault.c\n"
	if got := p.Summary(); got != want {
		t.Errorf("%s", got)
	}
	if got := (Plan{Stage: "global"}).Summary(); got != "global: nothing to do\n" {
		t.Error(got)
	}
}
