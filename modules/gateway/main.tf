# The gateway in an environment that has no public address. Its identity is the
# only one that may call the models, and holds no key.
resource "azurerm_user_assigned_identity" "this" {
  name                = "${var.name}-gateway"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_role_assignment" "pull" {
  scope                = var.registry_id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "call" {
  for_each             = var.accounts
  scope                = each.value.id
  role_definition_name = "Cognitive Services OpenAI User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "send" {
  count                = var.event_hub == null ? 0 : 1
  scope                = var.event_hub.id
  role_definition_name = "Azure Event Hubs Data Sender"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "ticket" {
  for_each             = var.portal == null ? {} : { gateway = var.portal.gateway_ticket_secret, outlet = var.portal.outlet_ticket_secret }
  scope                = "${var.portal.vault_id}/secrets/${reverse(split("/", trimsuffix(each.value, "/")))[0]}"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_container_app_environment" "this" {
  name                           = "${var.name}-apps"
  resource_group_name            = var.resource_group_name
  location                       = var.location
  infrastructure_subnet_id       = var.apps_subnet_id
  internal_load_balancer_enabled = true
  public_network_access          = "Disabled"
  logs_destination               = "log-analytics"
  log_analytics_workspace_id     = var.log_analytics_workspace_id
  mutual_tls_enabled             = true # between the environment's ingress and the app
  tags                           = var.tags

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }

  lifecycle {
    ignore_changes = [infrastructure_resource_group_name] # Azure chooses it
  }
}

# Azure ends a revision when the next one is ready. A next one that cannot open
# the ledger before, because a volume has one writer, would never be: there the
# app is made anew.
resource "terraform_data" "revision" {
  input = var.ledger == "volume" ? sha256(jsonencode([var.image, local.configuration, local.collector])) : null
}

resource "azurerm_container_app" "this" {
  name                         = "${var.name}-gateway"
  resource_group_name          = var.resource_group_name
  container_app_environment_id = azurerm_container_app_environment.this.id
  revision_mode                = "Single"
  workload_profile_name        = "Consumption"
  tags                         = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this.id]
  }

  registry {
    server   = var.registry_server
    identity = azurerm_user_assigned_identity.this.id
  }

  # The configuration holds no secret: callers are known by Entra, models by the
  # identity. Container Apps mount files from secrets alone.
  secret {
    name  = "ostiary-yaml"
    value = yamlencode(local.configuration)
  }

  # No secret either: collector.tf says what stands in it.
  dynamic "secret" {
    for_each = local.collector
    content {
      name  = "collector-yaml"
      value = yamlencode(secret.value)
    }
  }

  dynamic "secret" {
    for_each = local.tickets
    content {
      name                = secret.key
      identity            = azurerm_user_assigned_identity.this.id
      key_vault_secret_id = secret.value
    }
  }

  ingress {
    # "External" to the environment, whose address is in the network alone.
    external_enabled           = true
    allow_insecure_connections = false
    target_port                = 8443
    transport                  = "auto"
    traffic_weight {
      latest_revision = true
      percentage      = 100
    }
  }

  template {
    min_replicas                     = var.replicas.min
    max_replicas                     = var.replicas.max
    termination_grace_period_seconds = 120 # answers under way end first

    dynamic "http_scale_rule" {
      for_each = var.replicas.max > 1 ? ["calls"] : []
      content {
        name                = http_scale_rule.value
        concurrent_requests = tostring(var.replicas.calls)
      }
    }

    # Each member makes its key on the volume and shows its ticket once; to
    # enrol again is harmless.
    dynamic "init_container" {
      for_each = local.tickets
      content {
        name   = "enrol-${init_container.key}"
        image  = "${var.registry_server}/${var.image}"
        args   = ["portal", "enroll", "--dir", "/var/lib/ostiary/${init_container.key}", "--ticket", "/etc/ostiary/${init_container.key}"]
        cpu    = 0.25
        memory = "0.5Gi"
        volume_mounts {
          name = "configuration"
          path = "/etc/ostiary"
        }
        volume_mounts {
          name = "state"
          path = "/var/lib/ostiary"
        }
      }
    }

    # The outlet dials out, and reaches the gateway inside the same replica.
    dynamic "container" {
      for_each = var.portal == null ? [] : ["outlet"]
      content {
        name   = container.value
        image  = "${var.registry_server}/${var.image}"
        args   = ["outlet", "--config", "/etc/ostiary/ostiary-yaml"]
        cpu    = 0.5
        memory = "1Gi"
        volume_mounts {
          name = "configuration"
          path = "/etc/ostiary"
        }
        volume_mounts {
          name = "state"
          path = "/var/lib/ostiary"
        }
      }
    }

    dynamic "container" {
      for_each = local.collector
      content {
        name   = "collector"
        image  = "${var.registry_server}/${container.key}"
        args   = ["--config=env:COLLECTOR"]
        cpu    = 0.25
        memory = "0.5Gi"
        env {
          name        = "COLLECTOR"
          secret_name = "collector-yaml"
        }
        env {
          name  = "GOMEMLIMIT"
          value = "400MiB"
        }
      }
    }

    container {
      name   = "gateway"
      image  = "${var.registry_server}/${var.image}"
      args   = ["gateway", "--config", "/etc/ostiary/ostiary-yaml"]
      cpu    = 1
      memory = "2Gi"

      env {
        name  = "AZURE_CLIENT_ID"
        value = azurerm_user_assigned_identity.this.client_id
      }
      env {
        name  = "OSTIARY_CONFIGURATION_DIGEST" # a changed secret alone starts nothing anew
        value = sha256(yamlencode(local.configuration))
      }
      dynamic "env" {
        for_each = azurerm_postgresql_flexible_server.this
        content {
          name  = "OSTIARY_LEDGER_URL" # without a password: the identity's token is one
          value = "postgres://${local.ledger_login}@${env.value.fqdn}:5432/${azurerm_postgresql_flexible_server_database.ledger[0].name}?sslmode=verify-full"
        }
      }

      liveness_probe {
        transport = "HTTP"
        port      = 9444
        path      = "/healthz"
      }
      readiness_probe {
        transport = "HTTP"
        port      = 9444
        path      = "/readyz"
      }
      startup_probe {
        transport               = "HTTP"
        port                    = 9444
        path                    = "/healthz"
        failure_count_threshold = 30
      }

      volume_mounts {
        name = "configuration"
        path = "/etc/ostiary"
      }
      volume_mounts {
        name = "state"
        path = "/var/lib/ostiary"
      }
    }

    volume {
      name         = "configuration"
      storage_type = "Secret"
    }
    volume {
      name         = "state"
      storage_type = var.ledger == "volume" ? "NfsAzureFile" : "EmptyDir" # which ends with its replica
      storage_name = one(azurerm_container_app_environment_storage.this[*].name)
    }
  }

  lifecycle {
    replace_triggered_by = [terraform_data.revision]
  }

  depends_on = [azurerm_role_assignment.pull, azurerm_role_assignment.call, azurerm_role_assignment.ticket, azurerm_private_endpoint.vault, azurerm_private_endpoint.this, azurerm_postgresql_flexible_server_active_directory_administrator.this, azurerm_managed_redis_access_policy_assignment.gateway]
}
