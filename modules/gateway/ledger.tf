# Where the ledgers of several replicas live: a database behind a private
# endpoint, which takes Entra's tokens and no password.
#
# Unless somebody else administers the server, the gateway's identity does: a
# role with fewer rights is made by SQL alone, from inside the network, where
# Terraform is not. docs/remote.md has that SQL.
locals {
  postgresql   = var.ledger == "postgresql" ? 1 : 0
  ledger_login = azurerm_user_assigned_identity.this.name

  administrators = length(var.postgresql.administrators) > 0 ? var.postgresql.administrators : {
    gateway = { id = azurerm_user_assigned_identity.this.principal_id, name = local.ledger_login, type = "ServicePrincipal" }
  }
}

resource "azurerm_postgresql_flexible_server" "this" {
  count                         = local.postgresql
  name                          = "${var.name}-ledger-${local.suffix}"
  resource_group_name           = var.resource_group_name
  location                      = var.location
  version                       = "17"
  sku_name                      = var.postgresql.sku
  storage_mb                    = var.postgresql.storage_mb
  auto_grow_enabled             = true # a full disk stops every gateway
  backup_retention_days         = var.postgresql.backup_days
  public_network_access_enabled = false
  tags                          = var.tags

  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = var.tenant_id
  }

  dynamic "high_availability" {
    for_each = var.postgresql.zone_redundant ? ["ZoneRedundant"] : []
    content {
      mode = high_availability.value
    }
  }

  lifecycle {
    ignore_changes = [zone, high_availability[0].standby_availability_zone, storage_mb] # Azure chooses and grows them
  }
}

resource "azurerm_postgresql_flexible_server_active_directory_administrator" "this" {
  for_each            = { for name, who in local.administrators : name => who if var.ledger == "postgresql" }
  server_name         = azurerm_postgresql_flexible_server.this[0].name
  resource_group_name = var.resource_group_name
  tenant_id           = var.tenant_id
  object_id           = each.value.id
  principal_name      = each.value.name
  principal_type      = each.value.type
}

resource "azurerm_postgresql_flexible_server_database" "ledger" {
  count     = local.postgresql
  name      = "ostiary"
  server_id = azurerm_postgresql_flexible_server.this[0].id
  charset   = "UTF8"
  collation = "en_US.utf8"
}

# Who logged in, and what failed. Statements are not logged, and their values
# never.
resource "azurerm_monitor_diagnostic_setting" "ledger" {
  count                      = local.postgresql
  name                       = "ostiary"
  target_resource_id         = azurerm_postgresql_flexible_server.this[0].id
  log_analytics_workspace_id = var.log_analytics_workspace_id
  enabled_log {
    category = "PostgreSQLLogs"
  }
}
