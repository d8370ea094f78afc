output "resource_group_name" {
  description = "The resource group of what is shared."
  value       = local.resource_group_name
}

output "registry_id" {
  description = "Id of the container registry."
  value       = azurerm_container_registry.this.id
}

output "registry_server" {
  description = "Host name that images are pushed to and pulled from."
  value       = azurerm_container_registry.this.login_server
}

output "log_analytics_workspace_id" {
  description = "Id of the Log Analytics workspace."
  value       = var.log_analytics_workspace_id != null ? var.log_analytics_workspace_id : azurerm_log_analytics_workspace.this[0].id
}

output "state" {
  description = "Where remote state is kept: the settings of Terraform's azurerm backend but for the key."
  value = {
    storage_account_name = azurerm_storage_account.state.name
    container_name       = azurerm_storage_container.state.name
    resource_group_name  = local.resource_group_name
    use_azuread_auth     = true
  }
}
