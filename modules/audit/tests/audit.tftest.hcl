mock_provider "azurerm" {
  mock_resource "azurerm_eventhub_namespace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/calls" }
  }
  mock_resource "azurerm_eventhub" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/calls/eventhubs/calls" }
  }
  mock_resource "azurerm_kusto_cluster" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Kusto/clusters/calls" }
  }
  mock_resource "azurerm_kusto_database" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Kusto/clusters/calls/databases/calls" }
  }
  mock_resource "azurerm_application_insights" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Insights/components/i", connection_string = "InstrumentationKey=00000000-0000-0000-0000-000000000030;IngestionEndpoint=https://swedencentral-0.in.applicationinsights.azure.com/" }
  }
  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/privateDnsZones/privatelink.servicebus.windows.net" }
  }
}

variables {
  name                       = "acmeai"
  resource_group_name        = "rg"
  location                   = "swedencentral"
  tenant_id                  = "00000000-0000-0000-0000-000000000003"
  services_subnet_id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/services"
  virtual_network_id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
  log_analytics_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/logs"
}

run "closed_and_keyless" {
  assert {
    condition     = !azurerm_eventhub_namespace.this.public_network_access_enabled && !azurerm_eventhub_namespace.this.local_authentication_enabled
    error_message = "The hub has no public address and takes no key."
  }
  assert {
    condition     = !azurerm_kusto_cluster.this[0].public_network_access_enabled && length(azurerm_private_endpoint.this) == 2
    error_message = "The cluster is reached by its endpoint."
  }
  assert {
    condition     = azurerm_kusto_cluster_managed_private_endpoint.hub[0].group_id == "namespace" && azurerm_kusto_eventhub_data_connection.calls[0].table_name == "Calls"
    error_message = "The cluster reads the hub by a private endpoint of its own, into the table."
  }
}

run "hub_alone" {
  variables {
    data_explorer = null
  }
  assert {
    condition     = length(azurerm_kusto_cluster.this) == 0 && length(azurerm_private_endpoint.this) == 1
    error_message = "Without Data Explorer there is the hub alone."
  }
}

run "no_metrics_unless_asked" {
  assert {
    condition     = length(azurerm_application_insights.this) == 0 && output.application_insights == null
    error_message = "Without metrics there is no component that anybody could send to."
  }
}

run "metrics_by_entra_alone" {
  variables {
    metrics = true
  }
  assert {
    condition     = !azurerm_application_insights.this[0].local_authentication_enabled && azurerm_application_insights.this[0].workspace_id == var.log_analytics_workspace_id
    error_message = "The component takes no key, and keeps what it gets in the workspace."
  }
  assert {
    condition     = output.application_insights.id == azurerm_application_insights.this[0].id && startswith(output.application_insights.connection_string, "InstrumentationKey=")
    error_message = "Module gateway is told where metrics go."
  }
}

run "too_long" {
  command = plan
  variables {
    retention_days = 90
  }
  expect_failures = [var.retention_days]
}
