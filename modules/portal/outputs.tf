output "hosts" {
  description = "Of each machine: its id, its private address, and the public one of a relay."
  value = {
    for name, vm in azurerm_linux_virtual_machine.this : name => {
      id      = vm.id
      address = vm.private_ip_address
      public  = try(azurerm_public_ip.this[name].ip_address, null)
    }
  }
}

output "vault_name" {
  description = "Vault that tickets are put into: az keyvault secret set --vault-name … --name SECRET --file TICKET."
  value       = azurerm_key_vault.this.name
}

output "vault_id" {
  description = "Id of that vault."
  value       = azurerm_key_vault.this.id
}
