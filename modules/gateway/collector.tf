# The gateway's metrics to Application Insights: an OpenTelemetry Collector in
# the same replica reads the admin listener and sends as the gateway's identity.
# It gets its configuration by environment, because the configuration volume
# also holds the portal's tickets, which are none of its business.
locals {
  collector = var.collector == null ? {} : { (var.collector.image) = {
    extensions = {
      azure_auth = {
        managed_identity = { client_id = azurerm_user_assigned_identity.this.client_id }
        scopes           = ["https://monitor.azure.com/.default"]
      }
    }
    receivers = {
      prometheus = {
        config = {
          scrape_configs = [{
            job_name        = "ostiary-gateway"
            scrape_interval = "${var.collector.interval_seconds}s"
            static_configs  = [{ targets = ["127.0.0.1:9444"] }]
            # Only our own: what the runtime says of itself costs by the gigabyte.
            metric_relabel_configs = [{ source_labels = ["__name__"], regex = "ostiary_.*", action = "keep" }]
          }]
        }
      }
    }
    processors = {
      memory_limiter = { check_interval = "1s", limit_mib = 320, spike_limit_mib = 64 }
      # Application Insights adds up what it is sent, so it must be sent what came
      # since the last time and not what there is since the start.
      cumulative_to_delta = { initial_value = "keep" }
      resource = {
        attributes = [
          { key = "service.name", action = "upsert", value = "ostiary-gateway" },
          { key = "service.instance.id", action = "upsert", value = "$${env:CONTAINER_APP_REPLICA_NAME:-gateway}" },
        ]
      }
      batch = {}
    }
    exporters = {
      azure_monitor = {
        connection_string = var.collector.connection_string
        auth              = { authenticator = "azure_auth" }
      }
    }
    service = {
      extensions = ["azure_auth"]
      telemetry  = { logs = { level = "warn" }, metrics = { level = "none" } }
      pipelines = {
        metrics = {
          receivers  = ["prometheus"]
          processors = ["memory_limiter", "cumulative_to_delta", "resource", "batch"]
          exporters  = ["azure_monitor"]
        }
      }
    }
  } }
}

resource "azurerm_role_assignment" "publish" {
  count                = length(local.collector)
  scope                = var.collector.application_insights_id
  role_definition_name = "Monitoring Metrics Publisher"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}
