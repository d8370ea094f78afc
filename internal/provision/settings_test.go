package provision

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

func load(t *testing.T, text string) (Settings, error) {
	t.Helper()
	var s Settings
	err := config.Decode("estate.yaml", []byte(text), &s, config.Options{})
	return s, err
}

const smallest = `name: acmeai
region: swedencentral
models: [{name: gpt-4o-mini}]
workloads: [{name: research, groups: [22222222-3333-4444-5555-666666666666], grants: [{deployments: ["*"], operations: ["*"]}]}]
`

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// golden holds text to a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; go test -update writes it anew\n%s", path, got)
	}
}

// An estate becomes these variables, to the byte.
func TestVariables(t *testing.T) {
	estates, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(estates) < 3 {
		t.Fatal(estates, err)
	}
	for _, path := range estates {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			var s Settings
			if err := config.Load(path, &s, config.Options{}); err != nil {
				t.Fatal(err)
			}
			s = s.withDefaults()
			s.Subscription = "00000000-0000-0000-0000-000000000001"
			data, err := s.globalVariables().json()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".global.json", data)
			d := Deployment{Config: Config{Settings: s}}
			var known directory
			if s.Audience != "" {
				known.audiences = []string{s.Audience, "44444444-5555-6666-7777-888888888888"}
			}
			if s.managesChat() {
				known.chat, known.scope = "55555555-6666-7777-8888-999999999999", s.Audience+"/"+scopeName
			}
			v, err := s.workloadVariables(d.expected(), placeholder, known)
			if err != nil {
				t.Fatal(err)
			}
			if data, err = v.json(); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".workload.json", data)
		})
	}
}

// Whatever is wrong is said in one sentence with the fix, before Azure is asked.
func TestBadEstates(t *testing.T) {
	for name, c := range map[string]struct{ change, with, want string }{
		"name too long":          {"name: acmeai", "name: acmeaiacmeaiacmeai", "2 to 16 lower-case letters"},
		"name with capitals":     {"name: acmeai", "name: AcmeAI", "2 to 16 lower-case letters"},
		"display name of region": {"region: swedencentral", "region: Sweden Central", "swedencentral"},
		"unknown key":            {"name: acmeai", "name: acmeai\nmodel: x", "model"},
		"no model":               {"models: [{name: gpt-4o-mini}]", "models: []", "model"},
		"two of one name":        {"models: [{name: gpt-4o-mini}]", "models: [{name: a}, {name: b, as: a}]", "with as"},
		"public prefix":          {"name: acmeai", "name: acmeai\nnetwork: {address_space: 20.0.0.0/22}", "10.0.0.0/8"},
		"too small":              {"name: acmeai", "name: acmeai\nnetwork: {address_space: 10.0.0.0/26}", "/16 to /23"},
		"bits behind the length": {"name: acmeai", "name: acmeai\nnetwork: {address_space: 10.20.1.0/22}", "zeros behind"},
		"overlapping client":     {"name: acmeai", "name: acmeai\nnetwork: {address_space: 10.20.0.0/22, clients: [10.20.1.0/24]}", "overlaps"},
		"overlap with default":   {"name: acmeai", "name: acmeai\nnetwork: {clients: [10.20.1.0/24]}", "overlaps"},
		"firewall without one":   {"name: acmeai", "name: acmeai\nnetwork: {egress: firewall}", "give firewall"},
		"forward, no resolver":   {"name: acmeai", "name: acmeai\nnetwork: {forward: {corp.example: [10.0.0.5]}}", "resolver: true"},
		"operator not a prefix":  {"name: acmeai", "name: acmeai\noperators: [203.0.113.7]", "203.0.113.7/32"},
		"deployer by name":       {"name: acmeai", "name: acmeai\ndeployers: [acmeai-pipeline]", "az ad sp show"},
		"half a landing zone":    {"name: acmeai", "name: acmeai\nexisting: {virtual_network: /subscriptions/x, subnets: {apps: /subscriptions/a}}", "endpoints is missing"},
		"two zones of five":      {"name: acmeai", "name: acmeai\nexisting: {private_dns_zones: {privatelink.openai.azure.com: /subscriptions/z}}", "is missing"},
		"region named twice":     {"name: acmeai", "name: acmeai\nregions: [swedencentral, swedencentral]", "named twice"},
		"a filter's severity":    {"name: acmeai", "name: acmeai\ncontent_filter: strict", "Low, Medium or High"},
		"kind":                   {"name: acmeai", "name: acmeai\nkind: SpeechServices", "OpenAI or AIServices"},
		"subscription by name":   {"name: acmeai", "name: acmeai\nsubscription: production", "GUID"},
		"several on a volume":    {"name: acmeai", "name: acmeai\ngateway: {replicas: {max: 3}}", "add ledger: postgresql"},
		"max below min":          {"name: acmeai", "name: acmeai\ngateway: {ledger: postgresql, replicas: {min: 3, max: 2}}", "max from min"},
		"an unknown ledger":      {"name: acmeai", "name: acmeai\ngateway: {ledger: redis}", "volume or postgresql"},
		"a server of no ledger":  {"name: acmeai", "name: acmeai\ngateway: {postgresql: {zone_redundant: true}}", "add ledger: postgresql"},
		"backups for a year":     {"name: acmeai", "name: acmeai\ngateway: {ledger: postgresql, postgresql: {backup_days: 365}}", "7 to 35"},
		"a group without its id": {"name: acmeai", "name: acmeai\ngateway: {ledger: postgresql, postgresql: {administrators: {Database people: databases}}}", "az ad group show"},
		"limits with nobody":     {"name: acmeai", "name: acmeai\ngateway: {shared_limits: {single: true}}", "raise replicas.max"},
		"an unknown failure":     {"name: acmeai", "name: acmeai\ngateway: {ledger: postgresql, replicas: {max: 2}, shared_limits: {on_failure: ignore}}", "refuse or alone"},
		"portal and postgresql":  {"name: acmeai", "name: acmeai\ngateway: {ledger: postgresql}\nportal: {relays: ['r:443'], allow: [{member: m}], vault: v, gateway_ticket: g, outlet_ticket: o}", "leave ledger at volume"},
		"a zone is not needed":   {"name: acmeai", "name: acmeai\ngateway: {ledger: postgresql}\nexisting: {private_dns_zones: {privatelink.file.core.windows.net: /subscriptions/z}}", "is not used"},
		"collector by tag":       {"name: acmeai", "name: acmeai\naudit: {metrics: {collector: 'collector:latest'}}", "az acr import"},
		"metrics of no audit":    {"name: acmeai", "name: acmeai\naudit: {off: true, metrics: {collector: 'c@" + someDigest + "'}}", "leave out off"},
		"metrics, no way out":    {"name: acmeai", "name: acmeai\nnetwork: {egress: none}\naudit: {metrics: {collector: 'c@" + someDigest + "'}}", "egress nat or firewall"},
		"metrics too often":      {"name: acmeai", "name: acmeai\naudit: {metrics: {collector: 'c@" + someDigest + "', interval: 1s}}", "10s to 5m"},
		"chat of nobody":         {"name: acmeai", "name: acmeai\nchat: {configuration: 'discover: true'}", "there is nothing that people sign in to"},
		"chat without words":     {"name: acmeai", "name: acmeai\naudience: api://acmeai\nchat: {configuration: hello}", "not YAML with keys"},
		"chat with a secret":     {"name: acmeai", "name: acmeai\naudience: api://acmeai\nchat: {configuration: 'discover: true', secrets: {S: value}}", "https://VAULT.vault.azure.net/secrets/NAME"},
		"chat's vault by name":   {"name: acmeai", "name: acmeai\naudience: api://acmeai\nchat: {configuration: 'discover: true', vault: v}", "it begins with /subscriptions/"},
		"portal for nobody":      {"name: acmeai", "name: acmeai\nportal: {relays: ['r:443'], allow: [], vault: v, gateway_ticket: g, outlet_ticket: o}", "allow"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, strings.Replace(smallest, c.change, c.with, 1))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := load(t, smallest); err != nil {
		t.Errorf("the smallest estate: %v", err)
	}
}

// A copy of the modules is laid out in place of ours, and what an older version
// left is swept away; what is no copy is refused.
func TestOwnModules(t *testing.T) {
	dir := t.TempDir()
	copied := filepath.Join(dir, "copy")
	if err := Modules(copied); err != nil {
		t.Fatal(err)
	}
	if err := Modules(copied); err == nil {
		t.Error("a copy is written over")
	}
	own := filepath.Join(copied, "openai", "own.tf")
	if err := os.WriteFile(own, []byte("# ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Deployment{Config: Config{Modules: copied}, space: workspace(filepath.Join(dir, "work"))}
	there := filepath.Join(dir, "work", "modules", "openai", "own.tf")
	if err := d.unpack(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(there); err != nil {
		t.Error(err)
	}
	d.Modules = ""
	if err := d.unpack(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(there); err == nil {
		t.Error("another version's file is left")
	}
	if _, err := os.Stat(filepath.Join(dir, "work", "modules", "openai", "main.tf")); err != nil {
		t.Error(err)
	}
	d.Modules = dir
	if err := d.unpack(); err == nil || !strings.Contains(err.Error(), "stacks/global") {
		t.Error(err)
	}
}

// The examples, and the file that docs/deploy.md shows, are right.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/estate.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../../examples/two-companies/owner/estate.yaml") {
		var s Settings
		if err := config.Load(file, &s, config.Options{}); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	shown, _, _ := strings.Cut(after, "```")
	var s Settings
	if err := config.Decode("docs/deploy.md", []byte(shown), &s, config.Options{}); err != nil || s.Name != "acmeai" {
		t.Errorf("%v: %+v", err, s)
	}
}
