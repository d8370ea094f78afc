output "accounts" {
  description = "Of each account: its id, its endpoint, the names of its deployments, and the private address that clients see."
  value = {
    for name, account in azurerm_cognitive_account.this : name => {
      id          = local.account_ids[name]
      endpoint    = "https://${account.custom_subdomain_name}.openai.azure.com"
      location    = account.location
      priority    = var.accounts[name].priority
      deployments = [for key, d in local.deployments : d.name if d.account == name]
      address     = azurerm_private_endpoint.this[name].private_service_connection[0].private_ip_address
    }
  }
}

output "private_dns_zone_ids" {
  description = "Ids of the three zones, by name."
  value       = local.zone_ids
}
