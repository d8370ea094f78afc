# What exists once, before any workload: where images, logs and state are kept.
data "azurerm_client_config" "current" {}

resource "azurerm_resource_group" "this" {
  count    = var.existing_resource_group_name == null ? 1 : 0
  name     = "${var.name}-global"
  location = var.location
  tags     = var.tags
}

locals {
  resource_group_name = var.existing_resource_group_name != null ? var.existing_resource_group_name : azurerm_resource_group.this[0].name
  # Registry and storage names are unique in the world; this suffix is stable
  # for one subscription and one name.
  suffix    = substr(sha256("${data.azurerm_client_config.current.subscription_id}/${var.name}"), 0, 6)
  operators = var.operators == null ? [] : var.operators
}

resource "azurerm_container_registry" "this" {
  name                          = "${var.name}${local.suffix}"
  resource_group_name           = local.resource_group_name
  location                      = var.location
  sku                           = "Premium" # private endpoints and network rules need it
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  public_network_access_enabled = true
  network_rule_bypass_option    = "None"
  tags                          = var.tags

  network_rule_set {
    default_action = var.operators == null ? "Allow" : "Deny"
    ip_rule        = [for p in local.operators : { action = "Allow", ip_range = p }]
  }
}

resource "azurerm_log_analytics_workspace" "this" {
  count                        = var.log_analytics_workspace_id == null ? 1 : 0
  name                         = "${var.name}-logs"
  resource_group_name          = local.resource_group_name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = var.log_retention_days
  local_authentication_enabled = false
  tags                         = var.tags
}

resource "azurerm_storage_account" "state" {
  name                              = "${var.name}st${local.suffix}"
  resource_group_name               = local.resource_group_name
  location                          = var.location
  account_tier                      = "Standard"
  account_replication_type          = "ZRS"
  account_kind                      = "StorageV2"
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  shared_access_key_enabled         = false
  allow_nested_items_to_be_public   = false
  default_to_oauth_authentication   = true
  cross_tenant_replication_enabled  = false
  infrastructure_encryption_enabled = true
  public_network_access_enabled     = true
  tags                              = var.tags

  blob_properties {
    versioning_enabled = true
    delete_retention_policy {
      days = 30
    }
    container_delete_retention_policy {
      days = 30
    }
  }

  network_rules {
    default_action = var.operators == null ? "Allow" : "Deny"
    bypass         = ["None"]
    # Storage takes single addresses without a length.
    ip_rules = [for p in local.operators : trimsuffix(p, "/32")]
  }
}

resource "azurerm_storage_container" "state" {
  name                  = "tfstate"
  storage_account_id    = azurerm_storage_account.state.id
  container_access_type = "private"
}

# Whoever deploys reads and writes state with an Entra login: there is no key.
# These two are of who applied first; another login's run leaves them alone.
resource "azurerm_role_assignment" "state" {
  scope                = azurerm_storage_account.state.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = data.azurerm_client_config.current.object_id
  lifecycle {
    ignore_changes = [principal_id]
  }
}

resource "azurerm_role_assignment" "push" {
  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPush"
  principal_id         = data.azurerm_client_config.current.object_id
  lifecycle {
    ignore_changes = [principal_id]
  }
}

resource "azurerm_role_assignment" "deployer_state" {
  for_each             = var.deployers
  scope                = azurerm_storage_account.state.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = each.value
}

resource "azurerm_role_assignment" "deployer_push" {
  for_each             = var.deployers
  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPush"
  principal_id         = each.value
}
