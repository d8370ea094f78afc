package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/openai"
)

func workloads() []Workload {
	chat := []Grant{{Deployments: []string{"gpt-4o*"}, Operations: []string{"chat/completions"}}}
	all := []Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}}
	return []Workload{
		{Name: "research", Members: []string{"spiffe://demo/inlet/*"}, Attributes: map[string]string{"team": "research"}, Grants: chat},
		{Name: "partners", Members: []string{"spiffe://demo/inlet/health-corp"}, Grants: []Grant{{Deployments: []string{"embed"}, Operations: []string{"embeddings", "models"}}}},
		{Name: "app", Apps: []string{"APP-1"}, Tenants: []string{"t1"}, Grants: chat},
		{Name: "staff", Groups: []string{"g1"}, Roles: []string{"Reader"}, Grants: chat},
		{Name: "build", Grants: all},
		{Name: "person", Subjects: []string{"person-?"}, Grants: all},
	}
}

// TestDecide is the table identity × operation × deployment.
func TestDecide(t *testing.T) {
	p, err := New(workloads())
	if err != nil {
		t.Fatal(err)
	}
	health := identity.Principal{Issuer: "demo", Subject: "spiffe://demo/inlet/health-corp", Member: "spiffe://demo/inlet/health-corp"}
	research := health
	research.Attributes = map[string]string{"team": "research", "more": "x"}
	key := identity.Principal{Issuer: identity.KeyIssuer, Subject: "ci", Workload: "build"}
	nobody := identity.Principal{Issuer: "i", Tenant: "t1", Subject: "nobody"}
	app := identity.Principal{Issuer: "i", Tenant: "T1", Subject: "sp", App: "app-1"}
	otherTenant := app
	otherTenant.Tenant = "t2"
	reader := identity.Principal{Issuer: "i", Subject: "x", Roles: []string{"reader", "Reader"}}
	lower := identity.Principal{Issuer: "i", Subject: "x", Roles: []string{"reader"}}
	grouped := identity.Principal{Issuer: "i", Tenant: "t1", Subject: "x", Groups: []string{"G1"}}
	person := identity.Principal{Issuer: "i", Subject: "person-1"}
	crafty := identity.Principal{Issuer: "i", Subject: "spiffe://demo/inlet/health-corp", Workload: "build"}
	tests := []struct {
		name       string
		who        identity.Principal
		operation  openai.Operation
		deployment string
		workload   string
		allowed    bool
	}{
		{"member by attribute", research, openai.ChatCompletions, "gpt-4o-mini", "research", true},
		{"second workload", research, openai.Embeddings, "embed", "partners", true},
		{"member without attribute", health, openai.ChatCompletions, "gpt-4o", "partners", false},
		{"other deployment", research, openai.ChatCompletions, "o3", "research", false},
		{"deployment named later", research, openai.ChatCompletions, "", "research", true},
		{"no deployment", health, openai.Models, "", "partners", true},
		{"not granted at all", health, openai.Speech, "", "partners", false},
		{"key", key, openai.Speech, "tts", "build", true},
		{"stranger", nobody, openai.ChatCompletions, "gpt-4o", "", false},
		{"app, other case", app, openai.ChatCompletions, "gpt-4o", "app", true},
		{"app of another tenant", otherTenant, openai.ChatCompletions, "gpt-4o", "", false},
		{"role", reader, openai.ChatCompletions, "gpt-4o", "staff", true},
		{"role, other case", lower, openai.ChatCompletions, "gpt-4o", "", false},
		{"group", grouped, openai.ChatCompletions, "gpt-4o", "staff", true},
		{"subject", person, openai.Completions, "any", "person", true},
		{"a token that claims a workload and a member's name", crafty, openai.ChatCompletions, "gpt-4o", "", false},
		{"case of the deployment", research, openai.ChatCompletions, "GPT-4o", "research", false},
	}
	for _, tt := range tests {
		d := p.Decide(tt.who, Call{Operation: tt.operation, Deployment: tt.deployment})
		if d.Allowed != tt.allowed || d.Workload != tt.workload || (d.Grant != "") != tt.allowed || d.Why == "" {
			t.Errorf("%s: %+v", tt.name, d)
		}
	}
	if got := p.Workloads(); !slices.Equal(got, []string{"research", "partners", "app", "staff", "build", "person"}) {
		t.Error(got)
	}
}

func TestEmptyPolicyDenies(t *testing.T) {
	p, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range openai.Operations() {
		if d := p.Decide(identity.Principal{Subject: "x"}, Call{Operation: op}); d.Allowed {
			t.Errorf("%+v", d)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, ws := range map[string][]Workload{
		"no name":        {{}},
		"twice":          {{Name: "a"}, {Name: "a"}},
		"bad member":     {{Name: "a", Members: []string{"[a]"}}},
		"bad subject":    {{Name: "a", Subjects: []string{""}}},
		"bad deployment": {{Name: "a", Grants: []Grant{{Deployments: []string{"a b"}}}}},
		"bad operation":  {{Name: "a", Grants: []Grant{{Operations: []string{"\n"}}}}},
	} {
		if _, err := New(ws); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	w := Workload{Members: []string{"ok", "{a}"}, Tenants: []string{"t"}, Attributes: map[string]string{"k": ""}}
	g := Grant{Deployments: []string{"a", ""}, Operations: []string{"chat/*", "chat.completions"}}
	var got []string
	report := func(path, _, fix string) {
		if fix == "" {
			t.Errorf("%s: no fix", path)
		}
		got = append(got, path)
	}
	w.Check(report)
	g.Check(report)
	if want := "members[1] attributes attributes.k deployments[1] operations[1]"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
