package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func endpointSubnetBinds() row {
	return row{Check{
		ID:      "endpoint-subnet-binds",
		Title:   "Security groups bind the private endpoint",
		Level:   Must,
		Looks:   "subnets of endpoints: privateEndpointNetworkPolicies",
		Default: "Disabled",
		Why:     "Unless the subnet says otherwise, Azure applies no security group to a private endpoint, however strict its rules. azurerm 3 turned this on by itself; azurerm 4 and later leave it off.",
	}, (*scene).policies}
}

// policies judges the subnet of each endpoint once.
// https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
func (s *scene) policies() []Finding {
	return s.endpointSubnets(func(n *estate.Subnet, d *door) Finding {
		f := s.on(n, saw(s, n, n.EndpointPolicies, "Disabled"))
		switch policy, known := n.EndpointPolicies.Or("Disabled"); {
		case !known:
			f = f.doubt("whether groups bind the endpoint %s in %s cannot be told", d.Name, n.Name)
		case strings.EqualFold(policy, "Enabled"), strings.EqualFold(policy, "NetworkSecurityGroupEnabled"):
			return f.pass("groups bind the endpoint %s in %s", d.Name, n.Name)
		case strings.EqualFold(policy, "Disabled"), strings.EqualFold(policy, "RouteTableEnabled"):
			f = f.fail("no security group binds the endpoint %s in %s", d.Name, n.Name).
				by("privateEndpointNetworkPolicies %s: packets to %s pass %s unread", policy, d.Name, groupName(n))
		default:
			f = f.doubt("%s has privateEndpointNetworkPolicies %q, which means nothing to this version", n.Name, policy)
		}
		return f.mended(hcl("azurerm_subnet", n, `private_endpoint_network_policies = "NetworkSecurityGroupEnabled"`),
			azIDs(n, "az network vnet subnet update", "--private-endpoint-network-policies NetworkSecurityGroupEnabled"))
	})
}

func groupName(n *estate.Subnet) string {
	if n.Group.To != nil {
		return "group " + n.Group.To.Name
	}
	return "any group"
}

func subnetHasGroup() row {
	return row{Check{
		ID:    "subnet-has-group",
		Title: "The endpoint's subnet has a security group",
		Level: Must,
		Looks: "subnets of endpoints: networkSecurityGroup",
		Why:   "Without a group everything that can route to the endpoint reaches it: the whole network, its peers, and sites on premises. A peering added later adds its clients silently.",
		Equal: Equal{
			Checkov: []string{"CKV2_AZURE_31"}, Policy: []string{"e71308d3"}, PSRule: []string{"AZR-000263"},
			Prowler: []string{"network_subnet_nsg_associated"},
		},
	}, (*scene).groups}
}

func (s *scene) groups() []Finding {
	return s.endpointSubnets(func(n *estate.Subnet, d *door) Finding {
		f := s.on(n, sawRef(s, n, n.Group))
		group, state := n.Group.Get()
		switch {
		case state == estate.Known && !group.Stub:
			return f.pass("%s has the group %s", n.Name, group.Name)
		case state == estate.Absent:
			f = f.fail("%s, which holds the endpoint %s, has no security group", n.Name, d.Name)
		default:
			f = f.doubt("the group of %s was not read", n.Name)
		}
		return f.mended(hcl("azurerm_subnet_network_security_group_association", n, `subnet_id                 = azurerm_subnet.this.id`, `network_security_group_id = azurerm_network_security_group.this.id`),
			azIDs(n, "az network vnet subnet update", `--network-security-group "$GROUP"`))
	})
}

// endpointSubnets asks the same of the subnet of each endpoint that carries
// traffic, once a subnet. An endpoint whose subnet was not read is unknown.
func (s *scene) endpointSubnets(judge func(*estate.Subnet, *door) Finding) []Finding {
	var all []Finding
	seen := map[*estate.Subnet]bool{}
	for _, a := range s.accounts {
		for _, d := range a.open() {
			n, state := d.Subnet.Get()
			if state != estate.Known {
				all = append(all, s.on(d, sawRef(s, d, d.Subnet)).doubt("the subnet of the endpoint %s was not read", d.Name))
				continue
			}
			if seen[n] {
				continue
			}
			seen[n] = true
			if f := s.unreadable(n); f.Status != "" {
				all = append(all, f)
			} else {
				all = append(all, judge(n, d))
			}
		}
	}
	return all
}
