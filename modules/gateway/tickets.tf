# The way to the tickets: Container Apps read the vault from the environment's
# network, and the vault is shut to everything else.
locals {
  vault = var.portal == null ? {} : { tickets = var.portal.vault_id }
}

resource "azurerm_private_dns_zone" "vault" {
  for_each            = var.portal == null ? {} : { for name, id in local.vault : name => id if var.portal.vault_zone_id == null }
  name                = "privatelink.vaultcore.azure.net"
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "vault" {
  for_each             = azurerm_private_dns_zone.vault
  name                 = "${var.name}-vnet"
  private_dns_zone_id  = each.value.id
  virtual_network_id   = var.virtual_network_id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_endpoint" "vault" {
  for_each            = local.vault
  name                = "${var.name}-tickets-endpoint"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.services_subnet_id
  tags                = var.tags

  private_service_connection {
    name                           = "tickets"
    private_connection_resource_id = each.value
    is_manual_connection           = false
    subresource_names              = ["vault"]
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [var.portal.vault_zone_id != null ? var.portal.vault_zone_id : azurerm_private_dns_zone.vault[each.key].id]
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.vault]
}
