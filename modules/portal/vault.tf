resource "azurerm_key_vault" "this" {
  name                          = "${substr(var.name, 0, 12)}-tkt-${local.suffix}"
  resource_group_name           = var.resource_group_name
  location                      = var.location
  tenant_id                     = var.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = false # it holds tickets, good once and for minutes
  soft_delete_retention_days    = 7
  public_network_access_enabled = length(var.operators) > 0
  tags                          = var.tags

  network_acls {
    default_action = "Deny"
    bypass         = "None"
    ip_rules       = var.operators
  }
}

# A machine reads its own ticket and no other.
resource "azurerm_role_assignment" "ticket" {
  for_each             = { for name, host in var.hosts : name => host if host.ticket_secret != null }
  scope                = "${azurerm_key_vault.this.id}/secrets/${each.value.ticket_secret}"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.this[each.key].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "operator" {
  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = data.azurerm_client_config.current.object_id
  lifecycle {
    ignore_changes = [principal_id] # of who applied first; another login's run leaves it alone
  }
}

resource "azurerm_private_dns_zone" "vault" {
  count               = var.vault_zone_id == null ? 1 : 0
  name                = "privatelink.vaultcore.azure.net"
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "vault" {
  count                = var.vault_zone_id == null ? 1 : 0
  name                 = "${var.name}-vnet"
  private_dns_zone_id  = azurerm_private_dns_zone.vault[0].id
  virtual_network_id   = var.virtual_network_id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_endpoint" "vault" {
  name                = "${var.name}-tickets-endpoint"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.private_endpoint_subnet_id
  tags                = var.tags

  private_service_connection {
    name                           = "tickets"
    private_connection_resource_id = azurerm_key_vault.this.id
    is_manual_connection           = false
    subresource_names              = ["vault"]
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [var.vault_zone_id != null ? var.vault_zone_id : azurerm_private_dns_zone.vault[0].id]
  }
}
