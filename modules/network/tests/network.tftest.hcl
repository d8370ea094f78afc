mock_provider "azurerm" {
  mock_resource "azurerm_virtual_network" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet" }
  }
  mock_resource "azurerm_subnet" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet/subnets/s" }
  }
  mock_resource "azurerm_network_security_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg" }
  }
  mock_resource "azurerm_public_ip" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/publicIPAddresses/ip", ip_address = "203.0.113.10" }
  }
  mock_resource "azurerm_nat_gateway" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/natGateways/nat" }
  }
  mock_resource "azurerm_route_table" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/routeTables/rt" }
  }
  mock_resource "azurerm_private_dns_resolver" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/dnsResolvers/r" }
  }
  mock_resource "azurerm_private_dns_resolver_outbound_endpoint" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/dnsResolvers/r/outboundEndpoints/out" }
  }
  mock_resource "azurerm_private_dns_resolver_dns_forwarding_ruleset" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/dnsForwardingRulesets/f" }
  }
}

variables {
  name                = "acmeai"
  resource_group_name = "rg"
  location            = "swedencentral"
  address_space       = "10.20.0.0/22"
}

run "groups_bind" {
  assert {
    condition     = azurerm_subnet.endpoints.private_endpoint_network_policies == "NetworkSecurityGroupEnabled" && azurerm_subnet.services.private_endpoint_network_policies == "NetworkSecurityGroupEnabled"
    error_message = "Without the policy no group binds a private endpoint."
  }
  assert {
    condition     = length(azurerm_subnet_network_security_group_association.this) == 4
    error_message = "Every subnet has its group."
  }
  assert {
    condition     = alltrue([for s in [azurerm_subnet.apps, azurerm_subnet.endpoints, azurerm_subnet.services, azurerm_subnet.portal] : !s.default_outbound_access_enabled])
    error_message = "No subnet has Azure's default way out."
  }
}

run "endpoints_take_apps_alone" {
  assert {
    condition = alltrue([
      for r in azurerm_network_security_group.this["endpoints"].security_rule :
      r.access == "Deny" || (r.direction == "Inbound" && r.source_address_prefix == "10.20.0.0/23" && r.destination_port_range == "443")
    ])
    error_message = "Only apps reach the endpoints, on 443."
  }
  assert {
    condition = alltrue([
      for name, g in azurerm_network_security_group.this : length([for r in g.security_rule : r if r.access == "Deny" && r.direction == "Inbound" && r.source_address_prefix == "*" && r.protocol == "*"]) == 1
    ])
    error_message = "Every group denies what it does not allow, above Azure's AllowVnetInBound."
  }
}

run "portal_takes_nothing" {
  assert {
    condition     = length([for r in azurerm_network_security_group.this["portal"].security_rule : r if r.access == "Allow" && r.direction == "Inbound"]) == 0
    error_message = "The portal dials out and takes nothing."
  }
}

run "firewall" {
  variables {
    egress           = "firewall"
    firewall_address = "10.0.0.4"
  }
  assert {
    condition     = length(azurerm_nat_gateway.this) == 0 && [for r in azurerm_route_table.this[0].route : r.next_hop_in_ip_address] == ["10.0.0.4"]
    error_message = "The default route leads to the firewall."
  }
}

run "resolver" {
  variables {
    resolver = { forward = { "corp.example" = ["10.0.0.5"] } }
  }
  assert {
    condition     = azurerm_private_dns_resolver_forwarding_rule.this["corp.example"].domain_name == "corp.example."
    error_message = "Names that the company knows are asked of its servers."
  }
}

run "too_small" {
  command = plan
  variables {
    address_space = "10.20.0.0/26"
  }
  expect_failures = [var.address_space]
}

run "firewall_without_address" {
  command = plan
  variables {
    egress = "firewall"
  }
  expect_failures = [var.firewall_address]
}
