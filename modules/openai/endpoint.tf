# The one way in, and the names that lead to it.
resource "azurerm_private_dns_zone" "this" {
  for_each            = var.private_dns_zone_ids == null ? local.zones : toset([])
  name                = each.value
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

locals {
  zone_ids = var.private_dns_zone_ids == null ? { for name, zone in azurerm_private_dns_zone.this : name => "${local.group}/providers/Microsoft.Network/privateDnsZones/${zone.name}" } : var.private_dns_zone_ids
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = var.private_dns_zone_ids != null ? {} : {
    for pair in setproduct(local.zones, keys(var.client_virtual_network_ids)) : "${pair[0]}/${pair[1]}" => { zone = pair[0], network = pair[1] }
  }
  name                 = each.value.network
  private_dns_zone_id  = local.zone_ids[each.value.zone]
  virtual_network_id   = var.client_virtual_network_ids[each.value.network]
  registration_enabled = false
  resolution_policy    = "Default" # never falls back to the public name
  tags                 = var.tags
}

resource "azurerm_private_endpoint" "this" {
  for_each                      = azurerm_cognitive_account.this
  name                          = "${each.value.name}-endpoint"
  resource_group_name           = var.resource_group_name
  location                      = var.endpoint_location
  subnet_id                     = var.endpoint_subnet_id
  custom_network_interface_name = "${each.value.name}-endpoint"
  tags                          = var.tags

  private_service_connection {
    name                           = each.value.name
    private_connection_resource_id = local.account_ids[each.key]
    is_manual_connection           = false
    subresource_names              = ["account"]
  }

  # The records come and go with the endpoint; records made by hand drift.
  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [for name in sort(keys(local.zone_ids)) : local.zone_ids[name]]
  }

  dynamic "ip_configuration" {
    for_each = { for i, address in var.accounts[each.key].endpoint_addresses : ["default", "secondary", "third"][i] => address }
    content {
      name               = ip_configuration.key
      private_ip_address = ip_configuration.value
      subresource_name   = "account"
      member_name        = ip_configuration.key
    }
  }

  # An endpoint made while the account is still busy with a deployment fails.
  depends_on = [azurerm_cognitive_deployment.this, azurerm_cognitive_deployment.following]
}
