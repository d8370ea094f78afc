output "virtual_network_id" {
  description = "The consumer's network."
  value       = azurerm_virtual_network.this.id
}

output "host" {
  description = "The inlet's machine: id and private address."
  value       = module.portal.hosts["inlet"]
}

output "vault_name" {
  description = "Vault that the inlet's ticket is put into."
  value       = module.portal.vault_name
}
