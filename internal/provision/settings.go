package provision

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/posture"
)

// Settings are an estate.yaml: what is wanted. Everything that is not said has
// a default that is private.
type Settings struct {
	Name         string `yaml:"name" config:"required" doc:"short name of the estate, 2 to 16 lower-case letters and digits; names of resources are made of it"`
	Region       string `yaml:"region" config:"required" doc:"Azure region of network and gateway, for example swedencentral"`
	Subscription string `yaml:"subscription" doc:"subscription id; default the login's, where it has one alone"`

	Regions []string `yaml:"regions" doc:"regions with an account of their own, the first preferred; default region"`
	Kind    string   `yaml:"kind" doc:"OpenAI or AIServices; default OpenAI"`
	Models  []Model  `yaml:"models" config:"required" doc:"what every account deploys"`
	Filter  string   `yaml:"content_filter" doc:"severity from which content is blocked: Low, Medium or High; default Azure's own policy"`

	Workloads []policy.Workload `yaml:"workloads" config:"required" doc:"who may call what, as in the gateway's configuration"`
	Audience  string            `yaml:"audience" doc:"application ID URI of the gateway's API, of the application NAME-gateway; default Azure OpenAI's own audiences alone"`
	Register  bool              `yaml:"register" doc:"make that application, and the chat's, through Microsoft Graph with the login, and remove them on destroy; default no: they must be there"`

	Network  Network           `yaml:"network" doc:"addresses, clients, the way out; default a network of its own"`
	Existing Existing          `yaml:"existing" doc:"parts that a landing zone owns; default none"`
	Gateway  Gateway           `yaml:"gateway" doc:"how many gateways, and where their ledgers are kept; default one, with its ledger on a volume"`
	Audit    Audit             `yaml:"audit" doc:"where calls are delivered; default Event Hubs alone"`
	Portal   *Portal           `yaml:"portal" doc:"the owner's end of a portal to another company; default none"`
	Chat     *Chat             `yaml:"chat" doc:"the chat; default none"`
	Tags     map[string]string `yaml:"tags" doc:"tags of every resource"`

	Operators []string         `yaml:"operators" doc:"public IPv4 prefixes from which images are pushed and state is written; default any, with a login"`
	Deployers []string         `yaml:"deployers" doc:"object ids of those who deploy beside whoever applies first, such as a pipeline's service principal: they get the roles for state and images"`
	Waivers   []posture.Waiver `yaml:"waivers" doc:"findings that are accepted until a day"`
	Purge     bool             `yaml:"purge" doc:"destroy also purges soft-deleted accounts, so that names are free at once; default no"`
}

// Model is a deployment that every account has.
type Model struct {
	Name     string `yaml:"name" config:"required" doc:"name of the model, for example gpt-4o-mini"`
	As       string `yaml:"as" doc:"name of the deployment; default the model's"`
	Version  string `yaml:"version" doc:"version, which then stays; default Azure's, which then follows"`
	Capacity int    `yaml:"capacity" doc:"thousands of tokens a minute; default 10"`
	SKU      string `yaml:"sku" doc:"Standard, GlobalStandard, DataZoneStandard or ProvisionedManaged; default Standard: data stays in the region"`
}

// Network is where everything stands.
type Network struct {
	AddressSpace string              `yaml:"address_space" doc:"private IPv4 prefix, /16 to /23; default 10.20.0.0/22"`
	Clients      []string            `yaml:"clients" doc:"prefixes outside it that may call the gateway on 443"`
	Egress       string              `yaml:"egress" doc:"nat, firewall or none; default nat"`
	Firewall     string              `yaml:"firewall" doc:"private address of the firewall, for egress firewall"`
	DNSServers   []string            `yaml:"dns_servers" doc:"custom DNS servers, which must forward the privatelink zones; default Azure's"`
	Resolver     bool                `yaml:"resolver" doc:"an Azure DNS Private Resolver for servers on premises; default none"`
	Forward      map[string][]string `yaml:"forward" doc:"domains that the resolver asks of others, by domain: addresses"`
	Peerings     map[string]string   `yaml:"peerings" doc:"networks to peer with and to link the zones to, by a name: ids"`
}

// Existing names parts that are used and not made.
type Existing struct {
	ResourceGroup  string            `yaml:"resource_group" doc:"resource group of what exists once"`
	LogAnalytics   string            `yaml:"log_analytics" doc:"id of a Log Analytics workspace"`
	VirtualNetwork string            `yaml:"virtual_network" doc:"id of a network; its subnets must be given too"`
	Subnets        map[string]string `yaml:"subnets" doc:"ids of the subnets apps, endpoints, services and portal"`
	Zones          map[string]string `yaml:"private_dns_zones" doc:"ids of private DNS zones, by name: all that are needed, or none"`
}

// Audit is where calls are delivered.
type Audit struct {
	Off      bool              `yaml:"off" doc:"deliver nowhere: the ledger alone; default no"`
	Explorer bool              `yaml:"data_explorer" doc:"a Data Explorer cluster that keeps and queries calls; it costs most of all here; default no"`
	Readers  map[string]string `yaml:"readers" doc:"Entra groups that may query it, by a name: object ids"`
	Metrics  *Metrics          `yaml:"metrics" doc:"the gateway's metrics in Application Insights; default none"`
}

// Portal is the owner's end of a portal.
type Portal struct {
	Relays        []string `yaml:"relays" config:"required" doc:"host:port of each relay"`
	Service       string   `yaml:"service" doc:"name of the service; default openai"`
	Allow         []Allow  `yaml:"allow" config:"required" doc:"who may come in"`
	Vault         string   `yaml:"vault" config:"required" doc:"id of the Key Vault with the tickets"`
	GatewayTicket string   `yaml:"gateway_ticket" config:"required" doc:"URL of the secret with a ticket for role gateway"`
	OutletTicket  string   `yaml:"outlet_ticket" config:"required" doc:"URL of the secret with a ticket for role outlet"`
	VaultZone     string   `yaml:"vault_zone" doc:"id of a linked zone privatelink.vaultcore.azure.net; default one is made"`
}

// Allow admits members of a portal.
type Allow struct {
	Member     string            `yaml:"member" doc:"a member's SPIFFE id"`
	Attributes map[string]string `yaml:"attributes" doc:"attributes that its certificate must carry"`
}

// Chat is the web app.
type Chat struct {
	Configuration string            `yaml:"configuration" config:"required" doc:"the section chat of its ostiary.yaml, as text; listen, url, gateway and, of the application NAME-chat, sign_in may be left out"`
	Secrets       map[string]string `yaml:"secrets" doc:"environment variables from Key Vault: URLs of secrets"`
	Vault         string            `yaml:"vault" doc:"id of that Key Vault: the chat's identity gets the role Key Vault Secrets User on each of the secrets; default it must have it"`
}

// zoneNames are the zones that an estate needs: the models', and the services'.
func (s Settings) zoneNames() []string {
	return append([]string{
		"privatelink.openai.azure.com", "privatelink.cognitiveservices.azure.com", "privatelink.services.ai.azure.com",
	}, s.Gateway.zones()...)
}

func subnetNames() []string { return []string{"apps", "endpoints", "services", "portal"} }

// withDefaults is a copy with every default filled in.
func (s Settings) withDefaults() Settings {
	if len(s.Regions) == 0 {
		s.Regions = []string{s.Region}
	}
	s.Kind = cmp.Or(s.Kind, "OpenAI")
	s.Network.AddressSpace = cmp.Or(s.Network.AddressSpace, "10.20.0.0/22")
	s.Network.Egress = cmp.Or(s.Network.Egress, "nat")
	s.Models = slices.Clone(s.Models)
	for i := range s.Models {
		m := &s.Models[i]
		m.As, m.SKU, m.Capacity = cmp.Or(m.As, m.Name), cmp.Or(m.SKU, "Standard"), cmp.Or(m.Capacity, 10)
	}
	if s.Portal != nil {
		p := *s.Portal
		p.Service = cmp.Or(p.Service, "openai")
		s.Portal = &p
	}
	return s
}

var (
	estateName  = regexp.MustCompile(`^[a-z][a-z0-9]{1,15}$`)
	regionName  = regexp.MustCompile(`^[a-z]+[a-z0-9]*$`)
	deployName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) })
	audienceURI = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^api://[A-Za-z0-9][A-Za-z0-9./_-]{0,200}$`) })
	objectID    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	subscript   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// Check reports everything that can be told without asking Azure.
func (s *Settings) Check(report func(path, what, fix string)) {
	if !estateName.MatchString(s.Name) {
		report("name", "not a short name", "use 2 to 16 lower-case letters and digits, beginning with a letter: storage and registry names are made of it")
	}
	if s.Subscription != "" && !subscript.MatchString(s.Subscription) {
		report("subscription", "not a subscription id", "write the GUID that `az account show` gives")
	}
	s.checkRegions(report)
	s.checkModels(report)
	s.checkAudience(report)
	s.Audit.check(report, s.Network)
	s.Network.check(report, s.Existing.VirtualNetwork != "")
	s.Existing.check(report, s.zoneNames())
	s.Gateway.check(report, s.Portal != nil)
	for i, p := range s.Operators {
		checkPrefix(report, fmt.Sprintf("operators[%d]", i), p)
	}
	for i, id := range s.Deployers {
		if !objectID.MatchString(id) || slices.Contains(s.Deployers[:i], id) {
			report(fmt.Sprintf("deployers[%d]", i), "not an object id, or named twice", "write the GUID in lower case; of a service principal `az ad sp show --id APP-ID --query id` gives it")
		}
	}
	if f := s.Filter; f != "" && !slices.Contains([]string{"Low", "Medium", "High"}, f) {
		report("content_filter", "not a severity", "use Low, Medium or High; Low blocks most")
	}
	if s.Kind != "" && s.Kind != "OpenAI" && s.Kind != "AIServices" {
		report("kind", "not a kind of account", "use OpenAI or AIServices")
	}
	if s.Portal != nil && len(s.Portal.Allow) == 0 {
		report("portal.allow", "nobody may come in", "name a member or attributes")
	}
}

func (s *Settings) checkRegions(report func(path, what, fix string)) {
	seen := map[string]bool{}
	for i, r := range append([]string{s.Region}, s.Regions...) {
		at := "region"
		if i > 0 {
			at = fmt.Sprintf("regions[%d]", i-1)
		}
		if !regionName.MatchString(r) {
			report(at, "not the name of a region", "write it as Azure's tools do, for example swedencentral, not \"Sweden Central\"")
		}
		if i > 0 && seen[r] {
			report(at, "named twice", "one account a region is made")
		}
		seen[r] = i > 0 || seen[r]
	}
}

func (s *Settings) checkModels(report func(path, what, fix string)) {
	if len(s.Models) == 0 {
		report("models", "no model", "name at least one, for example {name: gpt-4o-mini}")
	}
	seen := map[string]bool{}
	for i, m := range s.Models {
		at := fmt.Sprintf("models[%d]", i)
		as := cmp.Or(m.As, m.Name)
		if !deployName().MatchString(as) {
			report(at, "not the name of a deployment", "use 1 to 64 letters, digits, dots, _ and -")
		}
		if seen[as] {
			report(at, "two deployments of one name", "give one another name with as")
		}
		seen[as] = true
		if m.Capacity < 0 {
			report(at+".capacity", "below 1", "it is in thousands of tokens a minute")
		}
	}
}

func (n *Network) check(report func(path, what, fix string), existing bool) {
	if existing && n.AddressSpace != "" {
		report("network.address_space", "the network exists", "leave it out: an existing network has its own")
	}
	own := netip.MustParsePrefix("10.20.0.0/22")
	if n.AddressSpace != "" {
		p, err := netip.ParsePrefix(n.AddressSpace)
		switch {
		case err != nil || !p.Addr().Is4() || p != p.Masked():
			report("network.address_space", "not an IPv4 prefix", "write it with zeros behind its length, for example 10.20.0.0/22")
		case p.Bits() < 16 || p.Bits() > 23:
			report("network.address_space", "too large or too small", "use /16 to /23: apps alone need a /24")
		case !p.Addr().IsPrivate():
			report("network.address_space", "not a private prefix", "use one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16")
		default:
			own = p
		}
	}
	for i, c := range n.Clients {
		at := fmt.Sprintf("network.clients[%d]", i)
		if p, ok := checkPrefix(report, at, c); ok && !existing && p.Overlaps(own) {
			report(at, "overlaps the network's own addresses", "clients are outside it; choose another address_space")
		}
	}
	if (n.Egress == "firewall") != (n.Firewall != "") {
		report("network.firewall", "egress and firewall do not go together", "give firewall for egress: firewall, and only then")
	}
	if !slices.Contains([]string{"", "nat", "firewall", "none"}, n.Egress) {
		report("network.egress", "not a way out", "use nat, firewall or none")
	}
	if len(n.Forward) > 0 && !n.Resolver {
		report("network.forward", "there is no resolver", "add resolver: true")
	}
	for i, a := range n.DNSServers {
		if _, err := netip.ParseAddr(a); err != nil {
			report(fmt.Sprintf("network.dns_servers[%d]", i), "not an address", "write it as 10.0.0.4")
		}
	}
}

func (e *Existing) check(report func(path, what, fix string), zones []string) {
	want := func(at string, have map[string]string, names []string) {
		for _, name := range names {
			if have[name] == "" {
				report(at, name+" is missing", "give all of "+strings.Join(names, ", "))
			}
		}
		for name, id := range have {
			if !slices.Contains(names, name) {
				report(at, name+" is not used", "give "+strings.Join(names, ", "))
			} else if !strings.HasPrefix(strings.ToLower(id), "/subscriptions/") {
				report(at+"."+name, "not a resource id", "it begins with /subscriptions/")
			}
		}
	}
	if e.VirtualNetwork != "" {
		want("existing.subnets", e.Subnets, subnetNames())
	} else if len(e.Subnets) > 0 {
		report("existing.subnets", "subnets without their network", "give virtual_network too")
	}
	if len(e.Zones) > 0 {
		want("existing.private_dns_zones", e.Zones, zones)
	}
}

func checkPrefix(report func(path, what, fix string), at, text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p != p.Masked() {
		report(at, "not a prefix", "write it with zeros behind its length, for example 203.0.113.7/32")
	}
	return p, err == nil
}
