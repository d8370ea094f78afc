package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/goccy/go-yaml"
)

// Global is what stage one gives to stage two.
type Global struct {
	RegistryID     string `json:"registry_id"`
	RegistryServer string `json:"registry_server"`
	LogAnalytics   string `json:"log_analytics_workspace_id"`
	State          State  `json:"state"`
	ResourceGroup  string `json:"resource_group_name"`
}

// State is where remote state lies: Terraform's azurerm backend but for the key.
type State struct {
	Account       string `json:"storage_account_name"`
	Container     string `json:"container_name"`
	ResourceGroup string `json:"resource_group_name"`
	Entra         bool   `json:"use_azuread_auth"`
}

// variables are a stack's, as they stand in its terraform.tfvars.json.
type variables map[string]any

func (v variables) json() ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}

// set adds a value that is not its type's zero: modules have the defaults.
func (v variables) set(name string, value any, given bool) {
	if given {
		v[name] = value
	}
}

// globalVariables are stage one's.
func (s Settings) globalVariables() variables {
	v := variables{"name": s.Name, "location": s.Region}
	v.set("existing_resource_group_name", s.Existing.ResourceGroup, s.Existing.ResourceGroup != "")
	v.set("log_analytics_workspace_id", s.Existing.LogAnalytics, s.Existing.LogAnalytics != "")
	v.set("operators", s.Operators, len(s.Operators) > 0)
	v.set("deployers", s.Deployers, len(s.Deployers) > 0)
	v.set("tags", s.Tags, len(s.Tags) > 0)
	v.set("purge", true, s.Purge)
	return v
}

// workloadVariables are stage two's, after stage one, the image, and the
// registration that gives audiences and the chat's application.
func (s Settings) workloadVariables(g Global, image string, known directory) (variables, error) {
	workloads, err := yaml.MarshalWithOptions(s.Workloads, yaml.OmitEmpty())
	if err != nil {
		return nil, err
	}
	v := variables{
		"name": s.Name, "location": s.Region, "image": image, "accounts": s.accounts(), "workloads": string(workloads),
		"global": map[string]string{
			"registry_id": g.RegistryID, "registry_server": g.RegistryServer, "log_analytics_workspace_id": g.LogAnalytics,
		},
		"egress": s.Network.Egress,
	}
	n := s.Network
	v.set("address_space", n.AddressSpace, s.Existing.VirtualNetwork == "")
	v.set("clients", n.Clients, len(n.Clients) > 0)
	v.set("firewall_address", n.Firewall, n.Firewall != "")
	v.set("dns_servers", n.DNSServers, len(n.DNSServers) > 0)
	v.set("resolver", map[string]any{"forward": n.Forward}, n.Resolver)
	v.set("peerings", n.Peerings, len(n.Peerings) > 0)
	v.set("audiences", known.audiences, len(known.audiences) > 0)
	v.set("content_filter", s.Filter, s.Filter != "")
	v.set("existing", s.Existing.variables(), s.Existing.VirtualNetwork != "" || len(s.Existing.Zones) > 0)
	v["audit"] = s.Audit.variables()
	gateway := s.Gateway.variables()
	v.set("gateway", gateway, len(gateway) > 0)
	v.set("portal", s.Portal.variables(), s.Portal != nil)
	v.set("chat", s.Chat.variables(known), s.Chat != nil)
	v.set("tags", s.Tags, len(s.Tags) > 0)
	v.set("purge", true, s.Purge)
	return v, nil
}

// accounts are one a region. Subdomains are unique in the world: six digits of
// a hash keep two companies of one name apart, and are the same at every run.
func (s Settings) accounts() map[string]any {
	deployments := map[string]any{}
	for _, m := range s.Models {
		d := map[string]any{"model": m.Name, "sku": m.SKU, "capacity": m.Capacity}
		if m.Version != "" {
			d["version"] = m.Version
		}
		deployments[m.As] = d
	}
	accounts := map[string]any{}
	for i, region := range s.Regions {
		account := map[string]any{
			"location": region, "subdomain": s.subdomain(region), "kind": s.Kind, "deployments": deployments,
		}
		if i > 0 {
			account["priority"] = i // the order of the file: a map of Terraform's has none
		}
		accounts[region] = account
	}
	return accounts
}

// subdomain is the account's name on the internet.
func (s Settings) subdomain(region string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(s.Subscription) + "/" + s.Name + "/" + region))
	return s.Name + "-" + region + "-" + hex.EncodeToString(sum[:3])
}

func (e Existing) variables() map[string]any {
	v := map[string]any{}
	if e.VirtualNetwork != "" {
		v["network"] = map[string]any{"id": e.VirtualNetwork, "subnet_ids": e.Subnets}
	}
	if len(e.Zones) > 0 {
		v["private_dns_zone_ids"] = e.Zones
	}
	return v
}

func (a Audit) variables() any {
	if a.Off {
		return nil
	}
	v := map[string]any{}
	if a.Explorer {
		v["data_explorer"] = map[string]any{}
	}
	if len(a.Readers) > 0 {
		readers := map[string]any{}
		for name, id := range a.Readers {
			readers[name] = map[string]any{"id": id}
		}
		v["readers"] = readers
	}
	if a.Metrics != nil {
		v["collector"] = a.Metrics.variables()
	}
	return v
}

func (p *Portal) variables() any {
	if p == nil {
		return nil
	}
	allow := make([]any, 0, len(p.Allow))
	for _, a := range p.Allow {
		rule := map[string]any{}
		if a.Member != "" {
			rule["member"] = a.Member
		}
		if len(a.Attributes) > 0 {
			rule["attributes"] = a.Attributes
		}
		allow = append(allow, rule)
	}
	v := map[string]any{
		"relays": p.Relays, "service": p.Service, "allow": allow, "vault_id": p.Vault,
		"gateway_ticket_secret": p.GatewayTicket, "outlet_ticket_secret": p.OutletTicket,
	}
	if p.VaultZone != "" {
		v["vault_zone_id"] = p.VaultZone
	}
	return v
}

func (c *Chat) variables(known directory) any {
	if c == nil {
		return nil
	}
	v := variables{"configuration": c.Configuration}
	v.set("secrets", c.Secrets, len(c.Secrets) > 0)
	v.set("vault_id", c.Vault, c.Vault != "")
	v.set("client_id", known.chat, known.chat != "")
	v.set("scope", known.scope, known.chat != "")
	return v
}
