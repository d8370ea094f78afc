mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = { object_id = "00000000-0000-0000-0000-000000000002" }
  }
  mock_resource "azurerm_user_assigned_identity" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/h", principal_id = "00000000-0000-0000-0000-000000000010", client_id = "00000000-0000-0000-0000-000000000011" }
  }
  mock_resource "azurerm_network_interface" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/n" }
  }
  mock_resource "azurerm_network_security_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/g" }
  }
  mock_resource "azurerm_public_ip" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/publicIPAddresses/p", ip_address = "203.0.113.9" }
  }
  mock_resource "azurerm_key_vault" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v", vault_uri = "https://v.vault.azure.net/" }
  }
  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/privateDnsZones/privatelink.vaultcore.azure.net" }
  }
  mock_resource "azurerm_linux_virtual_machine" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/m", private_ip_address = "10.20.3.4" }
  }
}

variables {
  name                       = "acmeai"
  resource_group_name        = "rg"
  location                   = "swedencentral"
  tenant_id                  = "00000000-0000-0000-0000-000000000003"
  ssh_public_key             = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNhbXBsZXNhbXBsZXNhbXBsZXNhbXBsZXNhbXBsZXNh sample"
  private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/services"
  virtual_network_id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
  node                       = { url = "https://mirror.example/ostiary-node", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
  hosts = {
    outlet = { role = "outlet", subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/portal", ticket_secret = "outlet-ticket", configuration = "{relays: ['relay.example.com:443'], service: openai, target: '10.20.0.10:8444', allow: [{attributes: {team: research}}]}" }
    relay  = { role = "relay", public = true, subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/relay", ticket_secret = "relay-ticket", configuration = "{listen: '0.0.0.0:443'}" }
  }
}

run "outlets_take_nothing" {
  assert {
    condition     = length([for r in azurerm_network_security_group.this["outlet"].security_rule : r if r.access == "Allow"]) == 0 && length(azurerm_public_ip.this) == 1
    error_message = "An outlet has no address and no open port."
  }
  assert {
    condition     = azurerm_role_assignment.ticket["outlet"].scope == "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v/secrets/outlet-ticket"
    error_message = "A machine reads its own ticket and no other."
  }
  assert {
    condition     = yamldecode(yamldecode(base64decode(azurerm_linux_virtual_machine.this["outlet"].custom_data)).write_files[0].content).outlet.directory == "/var/lib/ostiary/member"
    error_message = "The machine's configuration is the section that was given."
  }
  assert {
    condition     = !can(regex("ostiary-ticket-", base64decode(azurerm_linux_virtual_machine.this["outlet"].custom_data)))
    error_message = "No ticket is in custom data."
  }
}

run "no_public_outlet" {
  command = plan
  variables {
    hosts = { outlet = { role = "outlet", public = true, subnet_id = "s", ticket_secret = "t", configuration = "{}" } }
  }
  expect_failures = [var.hosts]
}
