# Accounts that answer on their private endpoints and nowhere else, to Entra
# tokens and no keys.
# Ids are made of names, so that a plan knows them before anything exists, and
# `ostiary verify` can follow them.
data "azurerm_client_config" "current" {}

locals {
  group       = "/subscriptions/${data.azurerm_client_config.current.subscription_id}/resourceGroups/${var.resource_group_name}"
  account_ids = { for name, account in azurerm_cognitive_account.this : name => "${local.group}/providers/Microsoft.CognitiveServices/accounts/${account.name}" }

  # Several names of one account: each must resolve to the endpoint.
  zones = toset(["privatelink.openai.azure.com", "privatelink.cognitiveservices.azure.com", "privatelink.services.ai.azure.com"])

  deployments = merge([for a, account in var.accounts : {
    for d, deployment in account.deployments : "${a}/${d}" => merge(deployment, { account = a, name = d })
  }]...)
}

resource "azurerm_cognitive_account" "this" {
  for_each                           = var.accounts
  name                               = "${var.name}-${each.key}"
  resource_group_name                = var.resource_group_name
  location                           = each.value.location
  kind                               = each.value.kind
  sku_name                           = "S0"
  custom_subdomain_name              = each.value.subdomain
  public_network_access_enabled      = false
  local_auth_enabled                 = false
  outbound_network_access_restricted = true
  tags                               = var.tags

  network_acls {
    default_action = "Deny"
    bypass         = "None"
  }

  identity {
    type         = var.customer_managed_key == null ? "SystemAssigned" : "SystemAssigned, UserAssigned"
    identity_ids = var.customer_managed_key == null ? null : [var.customer_managed_key.identity_id]
  }

  dynamic "customer_managed_key" {
    for_each = var.customer_managed_key == null ? [] : [var.customer_managed_key]
    content {
      key_vault_key_id   = customer_managed_key.value.key_vault_key_id
      identity_client_id = customer_managed_key.value.identity_client_id
    }
  }
}

resource "azurerm_cognitive_account_rai_policy" "this" {
  for_each             = { for name, id in local.account_ids : name => id if var.content_filter != null }
  name                 = "ostiary"
  cognitive_account_id = each.value
  base_policy_name     = "Microsoft.DefaultV2"
  mode                 = "Blocking" # a filter that runs beside the stream lets text out before it is judged

  dynamic "content_filter" {
    for_each = { for pair in setproduct(["Hate", "Sexual", "Violence", "Selfharm"], ["Prompt", "Completion"]) : "${pair[0]}-${pair[1]}" => pair }
    content {
      name               = content_filter.value[0]
      source             = content_filter.value[1]
      filter_enabled     = true
      block_enabled      = true
      severity_threshold = var.content_filter
    }
  }
}

# Of a pinned version, which stays until the variable changes.
resource "azurerm_cognitive_deployment" "this" {
  for_each               = { for key, d in local.deployments : key => d if d.version != null }
  name                   = each.value.name
  cognitive_account_id   = local.account_ids[each.value.account]
  rai_policy_name        = var.content_filter == null ? null : azurerm_cognitive_account_rai_policy.this[each.value.account].name
  version_upgrade_option = "NoAutoUpgrade"

  model {
    format  = each.value.format
    name    = each.value.model
    version = each.value.version
  }

  sku {
    name     = each.value.sku
    capacity = each.value.capacity
  }
}

# Of Azure's version, which moves by itself: Azure tells the one it chose, and
# that is no change of ours.
resource "azurerm_cognitive_deployment" "following" {
  for_each               = { for key, d in local.deployments : key => d if d.version == null }
  name                   = each.value.name
  cognitive_account_id   = local.account_ids[each.value.account]
  rai_policy_name        = var.content_filter == null ? null : azurerm_cognitive_account_rai_policy.this[each.value.account].name
  version_upgrade_option = "OnceNewDefaultVersionAvailable"

  model {
    format = each.value.format
    name   = each.value.model
  }

  sku {
    name     = each.value.sku
    capacity = each.value.capacity
  }

  lifecycle {
    ignore_changes = [model[0].version]
  }

  # An account takes one deployment at a time.
  depends_on = [azurerm_cognitive_deployment.this]
}

resource "azurerm_role_assignment" "users" {
  for_each             = { for pair in setproduct(keys(var.accounts), keys(var.users)) : "${pair[0]}/${pair[1]}" => pair }
  scope                = local.account_ids[each.value[0]]
  role_definition_name = "Cognitive Services OpenAI User"
  principal_id         = var.users[each.value[1]]
}

resource "azurerm_monitor_diagnostic_setting" "this" {
  for_each                   = local.account_ids
  name                       = "ostiary"
  target_resource_id         = each.value
  log_analytics_workspace_id = var.log_analytics_workspace_id

  enabled_log {
    category = "Audit"
  }
  enabled_log {
    category = "RequestResponse"
  }
  enabled_metric {
    category = "AllMetrics"
  }
}
