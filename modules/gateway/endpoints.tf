# Whatever the gateway stands on has a private endpoint, the registry too, so
# that images come by the same way.
locals {
  suffix   = substr(sha256("${azurerm_user_assigned_identity.this.id}"), 0, 6)
  zone_ids = var.private_dns_zone_ids == null ? { for name, zone in azurerm_private_dns_zone.this : name => zone.id } : var.private_dns_zone_ids
  zones    = toset([for name, target in local.targets : target.zone])

  targets = merge(
    { registry = { id = var.registry_id, group = "registry", zone = "privatelink.azurecr.io" } },
    var.ledger != "volume" ? {} : { volume = { id = one(azurerm_storage_account.volume[*].id), group = "file", zone = "privatelink.file.core.windows.net" } },
    var.ledger != "postgresql" ? {} : { ledger = { id = one(azurerm_postgresql_flexible_server.this[*].id), group = "postgresqlServer", zone = "privatelink.postgres.database.azure.com" } },
    var.shared_limits == null ? {} : { limits = { id = one(azurerm_managed_redis.this[*].id), group = "redisEnterprise", zone = "privatelink.redis.azure.net" } },
  )
}

resource "azurerm_private_dns_zone" "this" {
  for_each            = var.private_dns_zone_ids == null ? local.zones : toset([])
  name                = each.value
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each             = azurerm_private_dns_zone.this
  name                 = "${var.name}-vnet"
  private_dns_zone_id  = each.value.id
  virtual_network_id   = var.virtual_network_id
  registration_enabled = false
  tags                 = var.tags
}

resource "azurerm_private_endpoint" "this" {
  for_each            = local.targets
  name                = "${var.name}-${each.key}-endpoint"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.services_subnet_id
  tags                = var.tags

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value.id
    is_manual_connection           = false
    subresource_names              = [each.value.group]
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [local.zone_ids[each.value.zone]]
  }
}
