output "url" {
  description = "Base URL of the gateway, inside the network."
  value       = "https://${azurerm_container_app.this.ingress[0].fqdn}"
}

output "address" {
  description = "Private address of the environment."
  value       = azurerm_container_app_environment.this.static_ip_address
}

output "environment_id" {
  description = "Id of the Container Apps environment."
  value       = azurerm_container_app_environment.this.id
}

output "domain" {
  description = "Domain of the environment; its apps are NAME.DOMAIN."
  value       = azurerm_container_app_environment.this.default_domain
}

output "identity" {
  description = "The gateway's identity."
  value = {
    id           = azurerm_user_assigned_identity.this.id
    principal_id = azurerm_user_assigned_identity.this.principal_id
    client_id    = azurerm_user_assigned_identity.this.client_id
  }
}
