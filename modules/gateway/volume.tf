# Where the ledger lives: an NFS share, which knows no key, behind a private
# endpoint. And the registry's endpoint, so that images come by the same way.
locals {
  suffix = substr(sha256("${azurerm_user_assigned_identity.this.id}"), 0, 6)
  zones  = toset(["privatelink.azurecr.io", "privatelink.file.core.windows.net"])
}

resource "azurerm_storage_account" "volume" {
  name                              = "${var.name}vol${local.suffix}"
  resource_group_name               = var.resource_group_name
  location                          = var.location
  account_tier                      = "Premium"
  account_kind                      = "FileStorage"
  account_replication_type          = "ZRS"
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = false # NFS is not HTTPS; the endpoint is the only way to it
  shared_access_key_enabled         = false
  allow_nested_items_to_be_public   = false
  public_network_access_enabled     = false
  cross_tenant_replication_enabled  = false
  infrastructure_encryption_enabled = true
  tags                              = var.tags

  network_rules {
    default_action = "Deny"
    bypass         = ["None"]
  }
}

resource "azurerm_storage_share" "volume" {
  name               = "ostiary"
  storage_account_id = azurerm_storage_account.volume.id
  enabled_protocol   = "NFS"
  quota              = 100
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

locals {
  zone_ids = var.private_dns_zone_ids == null ? { for name, zone in azurerm_private_dns_zone.this : name => zone.id } : var.private_dns_zone_ids
  targets = {
    registry = { id = var.registry_id, group = "registry", zone = "privatelink.azurecr.io" }
    volume   = { id = azurerm_storage_account.volume.id, group = "file", zone = "privatelink.file.core.windows.net" }
  }
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
