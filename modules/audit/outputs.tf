output "event_hub" {
  description = "What module gateway needs to deliver calls."
  value = {
    host = "${azurerm_eventhub_namespace.this.name}.servicebus.windows.net"
    name = azurerm_eventhub.calls.name
    id   = azurerm_eventhub.calls.id
  }
}

output "explorer_url" {
  description = "Where calls are queried, inside the network; null without a cluster."
  value       = one(azurerm_kusto_cluster.this[*].uri)
}

output "application_insights_id" {
  description = "Id of Application Insights."
  value       = azurerm_application_insights.this.id
}
