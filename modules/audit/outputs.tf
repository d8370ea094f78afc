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

# The connection string is no secret here: without local authentication the key
# in it says which component is meant, and admits nobody.
output "application_insights" {
  description = "What module gateway needs to send metrics; null without them."
  value       = var.metrics ? { id = azurerm_application_insights.this[0].id, connection_string = nonsensitive(azurerm_application_insights.this[0].connection_string) } : null
}
