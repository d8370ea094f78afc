package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func noServiceEndpointRules() row {
	return row{Check{
		ID:    "no-service-endpoint-rules",
		Title: "No subnet is let in past the private endpoint",
		Level: Must,
		Looks: "accounts: networkAcls.virtualNetworkRules[]",
		Why:   "A service endpoint reaches the account's public address from a subnet, round the private endpoint and its security group. Such rules stay behind when an account is moved to private endpoints.",
	}, each(serviceEndpointRules)}
}

func serviceEndpointRules(s *scene, a *subject) Finding {
	f := s.on(a)
	status, subnet := Pass, ""
	for _, r := range a.NetworkRules {
		f.Evidence = append(f.Evidence, sawRef(s, a, r.Subnet))
		if r.Subnet.State == estate.Known {
			status, subnet = Fail, r.Subnet.ID
		} else {
			status = worse(status, Unknown)
		}
	}
	switch status {
	case Pass:
		return f.pass("%s lets no subnet in by a service endpoint", a.Name)
	case Unknown:
		f = f.doubt("which subnets %s lets in by service endpoints cannot be told", a.Name)
	default:
		f = f.fail("%s lets %s in by service endpoints", a.Name, count(len(a.NetworkRules), "subnet", "subnets")).
			by("subnet %s → %s:443/tcp: networkAcls.virtualNetworkRules", subnet, a.called())
	}
	return f.mended(hcl("azurerm_cognitive_account", a, "# remove every virtual_network_rules block of network_acls"),
		azSet(a, "properties.networkAcls.virtualNetworkRules=[]"))
}

func noTrustedBypass() row {
	return row{Check{
		ID:      "no-trusted-bypass",
		Title:   "Azure's own services get no way past the firewall",
		Level:   Must,
		Looks:   "accounts: networkAcls.bypass",
		Default: "AzureServices",
		Why:     "With the bypass, trusted Azure services call the account even while public access is off, and no security group sees it. A role assignment is then all that keeps them out.",
	}, each(trustedBypass)}
}

// Azure writes AzureServices where networkAcls leave bypass out
// (https://github.com/Azure/bicep-registry-modules/issues/5893). It also holds
// with public access off: Azure AI Search reaches a closed account by it.
// https://learn.microsoft.com/azure/ai-services/openai/how-to/on-your-data-configuration
func trustedBypass(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.Bypass, "AzureServices"))
	switch bypass, known := a.Bypass.Or("AzureServices"); {
	case !known:
		f = f.doubt("whether Azure's services pass the firewall of %s cannot be told", a.Name)
	case strings.EqualFold(bypass, "None"):
		return f.pass("the firewall of %s has no exception for Azure's services", a.Name)
	default:
		f = f.fail("Azure's services pass the firewall of %s", a.Name).
			by("a trusted Azure service → %s:443/tcp: networkAcls.bypass %s", a.called(), bypass)
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `network_acls {`, `  default_action = "Deny"`, `  bypass         = "None"`, `}`),
		azSet(a, "properties.networkAcls.bypass=None"))
}
