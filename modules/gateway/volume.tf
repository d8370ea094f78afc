# Where a ledger with one writer lives: an NFS share, which knows no key.
locals {
  volume = var.ledger == "volume" ? 1 : 0
}

resource "azurerm_storage_account" "volume" {
  count                             = local.volume
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
  count              = local.volume
  name               = "ostiary"
  storage_account_id = azurerm_storage_account.volume[0].id
  enabled_protocol   = "NFS"
  quota              = 100
}

resource "azurerm_container_app_environment_storage" "this" {
  count                        = local.volume
  name                         = "ostiary"
  container_app_environment_id = azurerm_container_app_environment.this.id
  nfs_server_url               = "${azurerm_storage_account.volume[0].name}.file.core.windows.net"
  share_name                   = "/${azurerm_storage_account.volume[0].name}/${azurerm_storage_share.volume[0].name}"
  access_mode                  = "ReadWrite"
}
