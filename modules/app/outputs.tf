output "url" {
  description = "The app, inside the network."
  value       = "https://${azurerm_container_app.this.ingress[0].fqdn}"
}

output "identity" {
  description = "The app's identity."
  value = {
    id           = azurerm_user_assigned_identity.this.id
    principal_id = azurerm_user_assigned_identity.this.principal_id
    client_id    = azurerm_user_assigned_identity.this.client_id
  }
}
