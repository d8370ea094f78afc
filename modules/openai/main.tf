# Accounts that answer on their private endpoints and nowhere else, to Entra
# tokens and no keys.
locals {
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
  for_each             = var.content_filter == null ? {} : azurerm_cognitive_account.this
  name                 = "ostiary"
  cognitive_account_id = each.value.id
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

resource "azurerm_cognitive_deployment" "this" {
  for_each               = local.deployments
  name                   = each.value.name
  cognitive_account_id   = azurerm_cognitive_account.this[each.value.account].id
  rai_policy_name        = var.content_filter == null ? null : azurerm_cognitive_account_rai_policy.this[each.value.account].name
  version_upgrade_option = each.value.version == null ? "OnceNewDefaultVersionAvailable" : "NoAutoUpgrade"

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

resource "azurerm_role_assignment" "users" {
  for_each             = { for pair in setproduct(keys(var.accounts), keys(var.users)) : "${pair[0]}/${pair[1]}" => pair }
  scope                = azurerm_cognitive_account.this[each.value[0]].id
  role_definition_name = "Cognitive Services OpenAI User"
  principal_id         = var.users[each.value[1]]
}

resource "azurerm_monitor_diagnostic_setting" "this" {
  for_each                   = azurerm_cognitive_account.this
  name                       = "ostiary"
  target_resource_id         = each.value.id
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
