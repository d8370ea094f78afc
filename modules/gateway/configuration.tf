# What `ostiary gateway` reads; docs/gateway.md explains every key.
locals {
  workloads = try(yamldecode(var.workloads), var.workloads)

  tickets = var.portal == null ? {} : {
    member-gateway = var.portal.gateway_ticket_secret
    member-outlet  = var.portal.outlet_ticket_secret
  }

  outlet = var.portal == null ? {} : {
    outlet = {
      directory = "/var/lib/ostiary/member-outlet"
      relays    = var.portal.relays
      service   = var.portal.service
      target    = "127.0.0.1:8444"
      allow     = [for rule in var.portal.allow : { for key, value in rule : key => value if value != null }]
    }
  }

  # A replica of one CPU has 4 GiB of its own, and what lies there PostgreSQL has too.
  remote = { for key, value in {
    remote = {
      postgres = {
        url              = "env:OSTIARY_LEDGER_URL"
        managed_identity = { client_id = azurerm_user_assigned_identity.this.client_id }
      }
    }
    retention = { size = "2GiB" }
  } : key => value if var.ledger == "postgresql" }

  shared_limits = { for redis in azurerm_managed_redis.this : "shared_limits" => {
    redis = {
      address          = "${redis.hostname}:${redis.default_database[0].port}"
      managed_identity = { client_id = azurerm_user_assigned_identity.this.client_id }
    }
    on_failure = var.shared_limits.on_failure
  } }

  configuration = merge(local.outlet, {
    gateway = merge(var.portal == null ? {} : {
      members = { listen = "127.0.0.1:8444", directory = "/var/lib/ostiary/member-gateway" }
      }, local.shared_limits, {
      listen  = "0.0.0.0:8443"
      ingress = true # the environment's ingress ends TLS, in the same host
      admin   = "0.0.0.0:9444"
      entra = [merge({ tenant = var.tenant_id }, length(var.audiences) == 0 ? {} : {
        audiences = concat(["https://cognitiveservices.azure.com", "https://ai.azure.com", "7d312290-28c8-473c-a0ed-8e53749b6d6d"], var.audiences)
      })]
      workloads = local.workloads
      backends = [for name, account in var.accounts : {
        name             = name
        url              = account.endpoint
        region           = account.location
        priority         = account.priority
        deployments      = account.deployments
        managed_identity = { client_id = azurerm_user_assigned_identity.this.client_id }
      }]
      ledger = merge({ directory = "/var/lib/ostiary/ledger" }, local.remote, var.event_hub == null ? {} : {
        sinks = [{
          name = "event-hub"
          kafka = {
            brokers          = ["${var.event_hub.host}:9093"]
            topic            = var.event_hub.name
            managed_identity = { client_id = azurerm_user_assigned_identity.this.client_id }
          }
        }]
      })
    })
  })
}
