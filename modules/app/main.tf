# A web app in front of the model: reached inside the network alone, by people
# who have signed in.
resource "azurerm_user_assigned_identity" "this" {
  name                = "${var.name}-${var.app_name}"
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

resource "azurerm_role_assignment" "secret" {
  for_each             = var.vault_id == null ? {} : var.secrets
  scope                = "${var.vault_id}/secrets/${split("/", each.value)[4]}"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_container_app" "this" {
  name                         = "${var.name}-${var.app_name}"
  resource_group_name          = var.resource_group_name
  container_app_environment_id = var.environment_id
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

  dynamic "secret" {
    for_each = var.files
    content {
      name  = secret.key
      value = secret.value
    }
  }

  dynamic "secret" {
    for_each = var.secrets
    content {
      name                = replace(lower(secret.key), "_", "-")
      identity            = azurerm_user_assigned_identity.this.id
      key_vault_secret_id = secret.value
    }
  }

  ingress {
    external_enabled           = true # in an internal environment: to the network
    allow_insecure_connections = false
    target_port                = var.port
    transport                  = "auto"
    traffic_weight {
      latest_revision = true
      percentage      = 100
    }
  }

  template {
    min_replicas = var.replicas.min
    max_replicas = var.replicas.max

    container {
      name   = var.app_name
      image  = "${var.registry_server}/${var.image}"
      args   = var.args
      cpu    = 0.5
      memory = "1Gi"

      dynamic "env" {
        for_each = merge(
          { AZURE_CLIENT_ID = azurerm_user_assigned_identity.this.client_id },
          length(var.files) == 0 ? {} : { OSTIARY_FILES_DIGEST = sha256(jsonencode(var.files)) }, # a changed secret alone starts nothing anew
          var.environment,
        )
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "env" {
        for_each = var.secrets
        content {
          name        = env.key
          secret_name = replace(lower(env.key), "_", "-")
        }
      }

      liveness_probe {
        transport = "HTTP"
        port      = var.port
        path      = "/healthz"
      }
      readiness_probe {
        transport = "HTTP"
        port      = var.port
        path      = "/healthz"
      }

      dynamic "volume_mounts" {
        for_each = length(var.files) == 0 ? [] : ["configuration"]
        content {
          name = volume_mounts.value
          path = "/etc/ostiary"
        }
      }
      dynamic "volume_mounts" {
        for_each = var.scratch == null ? [] : ["scratch"]
        content {
          name = volume_mounts.value
          path = var.scratch
        }
      }
    }

    dynamic "volume" {
      for_each = length(var.files) == 0 ? [] : ["configuration"]
      content {
        name         = volume.value
        storage_type = "Secret"
      }
    }
    dynamic "volume" {
      for_each = var.scratch == null ? [] : ["scratch"]
      content {
        name         = volume.value
        storage_type = "EmptyDir"
      }
    }
  }

  depends_on = [azurerm_role_assignment.pull, azurerm_role_assignment.secret]
}
