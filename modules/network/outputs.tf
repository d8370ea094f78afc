output "virtual_network_id" {
  description = "Id of the network."
  value       = local.virtual_network_id
}

output "virtual_network_name" {
  description = "Name of the network."
  value       = azurerm_virtual_network.this.name
}

output "subnet_ids" {
  description = "Ids of the subnets apps, endpoints, services and portal. They are known once the groups bind, so that nothing is placed in an open subnet."
  value       = local.subnet_ids
  depends_on  = [azurerm_subnet_network_security_group_association.this]
}

output "prefixes" {
  description = "IPv4 prefixes of the subnets."
  value       = local.prefix
}

output "egress_address" {
  description = "Public address that apps and portal leave by; null without a NAT gateway."
  value       = one(azurerm_public_ip.nat[*].ip_address)
}

output "resolver_address" {
  description = "Address of the resolver's inbound endpoint; null without one."
  value       = try(azurerm_private_dns_resolver_inbound_endpoint.this[0].ip_configurations[0].private_ip_address, null)
}
