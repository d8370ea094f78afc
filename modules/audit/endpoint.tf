locals {
  explorer_zone = "privatelink.${var.location}.kusto.windows.net"
  zones         = toset(var.data_explorer == null ? ["privatelink.servicebus.windows.net"] : ["privatelink.servicebus.windows.net", local.explorer_zone])
  zone_ids      = var.private_dns_zone_ids == null ? { for name, zone in azurerm_private_dns_zone.this : name => zone.id } : var.private_dns_zone_ids

  targets = merge(
    { hub = { id = azurerm_eventhub_namespace.this.id, group = "namespace", zone = "privatelink.servicebus.windows.net" } },
    var.data_explorer == null ? {} : { explorer = { id = azurerm_kusto_cluster.this[0].id, group = "cluster", zone = local.explorer_zone } },
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
