locals {
  explorer = var.data_explorer == null ? 0 : 1
  suffix   = substr(sha256("${var.resource_group_name}/${var.name}"), 0, 6)
}

resource "azurerm_kusto_cluster" "this" {
  count                              = local.explorer
  name                               = "${var.name}calls${local.suffix}"
  resource_group_name                = var.resource_group_name
  location                           = var.location
  public_network_access_enabled      = false
  outbound_network_access_restricted = true
  disk_encryption_enabled            = true
  double_encryption_enabled          = true
  streaming_ingestion_enabled        = true
  trusted_external_tenants           = []
  tags                               = var.tags

  sku {
    name     = var.data_explorer.sku
    capacity = var.data_explorer.capacity
  }

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_kusto_database" "calls" {
  count               = local.explorer
  name                = "calls"
  resource_group_name = var.resource_group_name
  location            = var.location
  cluster_name        = azurerm_kusto_cluster.this[0].name
  hot_cache_period    = "P${var.data_explorer.hot_days}D"
  soft_delete_period  = "P${var.data_explorer.keep_days}D"
}

# The hub has no public address: without this the cluster would wait for ever.
resource "azurerm_kusto_cluster_managed_private_endpoint" "hub" {
  count                        = local.explorer
  name                         = "calls-hub"
  resource_group_name          = var.resource_group_name
  cluster_name                 = azurerm_kusto_cluster.this[0].name
  private_link_resource_id     = azurerm_eventhub_namespace.this.id
  private_link_resource_region = var.location
  group_id                     = "namespace"
  request_message              = "calls of Ostiary"
}

resource "azurerm_role_assignment" "receive" {
  count                = local.explorer
  scope                = azurerm_eventhub.calls.id
  role_definition_name = "Azure Event Hubs Data Receiver"
  principal_id         = azurerm_kusto_cluster.this[0].identity[0].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_kusto_script" "tables" {
  count                              = local.explorer
  name                               = "tables"
  database_id                        = azurerm_kusto_database.calls[0].id
  continue_on_errors_enabled         = false
  script_content                     = file("${path.module}/calls.kql")
  force_an_update_when_value_changed = filesha256("${path.module}/calls.kql")
}

resource "azurerm_kusto_eventhub_data_connection" "calls" {
  count               = local.explorer
  name                = "calls"
  resource_group_name = var.resource_group_name
  location            = var.location
  cluster_name        = azurerm_kusto_cluster.this[0].name
  database_name       = azurerm_kusto_database.calls[0].name
  eventhub_id         = azurerm_eventhub.calls.id
  consumer_group      = azurerm_eventhub_consumer_group.explorer[0].name
  identity_id         = azurerm_kusto_cluster.this[0].id
  table_name          = "Calls"
  mapping_rule_name   = "Entry"
  data_format         = "JSON"

  depends_on = [azurerm_kusto_script.tables, azurerm_role_assignment.receive, azurerm_kusto_cluster_managed_private_endpoint.hub]
}

resource "azurerm_kusto_database_principal_assignment" "readers" {
  for_each            = var.data_explorer == null ? {} : var.readers
  name                = each.key
  resource_group_name = var.resource_group_name
  cluster_name        = azurerm_kusto_cluster.this[0].name
  database_name       = azurerm_kusto_database.calls[0].name
  tenant_id           = var.tenant_id
  principal_id        = each.value.id
  principal_type      = each.value.type
  role                = "Viewer"
}
