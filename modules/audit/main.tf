# Where calls go: a hub that only the gateway may send to and only the cluster
# may read from, both without a public address and without a key.
resource "azurerm_eventhub_namespace" "this" {
  name                          = "${var.name}-calls-${local.suffix}"
  resource_group_name           = var.resource_group_name
  location                      = var.location
  sku                           = "Standard" # Kafka and private endpoints need it
  capacity                      = 1
  local_authentication_enabled  = false
  public_network_access_enabled = false
  minimum_tls_version           = "1.2"
  tags                          = var.tags
}

resource "azurerm_eventhub" "calls" {
  name              = "calls"
  namespace_id      = azurerm_eventhub_namespace.this.id
  partition_count   = 4
  message_retention = var.retention_days
}

resource "azurerm_eventhub_consumer_group" "explorer" {
  count               = local.explorer
  name                = "explorer"
  namespace_name      = azurerm_eventhub_namespace.this.name
  eventhub_name       = azurerm_eventhub.calls.name
  resource_group_name = var.resource_group_name
}

resource "azurerm_monitor_diagnostic_setting" "hub" {
  name                       = "ostiary"
  target_resource_id         = azurerm_eventhub_namespace.this.id
  log_analytics_workspace_id = var.log_analytics_workspace_id
  enabled_log {
    category_group = "allLogs"
  }
}

# Numbers of the gateway: no prompt, no answer, nobody's name. What it is sent
# comes over Azure Monitor's public endpoint, and with a token of Entra alone:
# a private link scope would lead every client of the network's zones, and not
# ours alone, to this workspace.
resource "azurerm_application_insights" "this" {
  count                        = var.metrics ? 1 : 0
  name                         = "${var.name}-insights"
  resource_group_name          = var.resource_group_name
  location                     = var.location
  application_type             = "web"
  workspace_id                 = var.log_analytics_workspace_id
  local_authentication_enabled = false
  internet_ingestion_enabled   = true
  internet_query_enabled       = true # with a role on it
  ip_masking_enabled           = true
  tags                         = var.tags
}
