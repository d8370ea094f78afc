mock_provider "azurerm" {
  mock_resource "azurerm_cognitive_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a" }
  }
  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/privateDnsZones/privatelink.openai.azure.com" }
  }
}

variables {
  name                       = "acmeai"
  resource_group_name        = "rg"
  endpoint_subnet_id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/endpoints"
  endpoint_location          = "swedencentral"
  client_virtual_network_ids = { own = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v" }
  log_analytics_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/logs"
  accounts = {
    se = { location = "swedencentral", subdomain = "acmeai-se", deployments = { gpt-4o-mini = { model = "gpt-4o-mini", version = "2024-07-18" } } }
    fr = { location = "francecentral", subdomain = "acmeai-fr", deployments = { gpt-4o-mini = { model = "gpt-4o-mini" } } }
  }
}

run "private" {
  assert {
    condition = alltrue([
      for a in azurerm_cognitive_account.this : !a.public_network_access_enabled && !a.local_auth_enabled && a.network_acls[0].default_action == "Deny" && a.network_acls[0].bypass == "None"
    ])
    error_message = "Accounts answer nobody from outside and take no keys."
  }
  assert {
    condition     = length(azurerm_private_endpoint.this) == 2 && alltrue([for e in azurerm_private_endpoint.this : length(e.private_dns_zone_group[0].private_dns_zone_ids) == 3])
    error_message = "Every account has an endpoint whose records stand in the three zones."
  }
  assert {
    condition     = length(azurerm_private_dns_zone_virtual_network_link.this) == 3 && alltrue([for l in azurerm_private_dns_zone_virtual_network_link.this : l.resolution_policy == "Default"])
    error_message = "Every zone is linked, and none falls back to the public name."
  }
  assert {
    condition     = alltrue([for d in azurerm_monitor_diagnostic_setting.this : contains([for l in d.enabled_log : l.category], "RequestResponse")])
    error_message = "Requests are logged."
  }
}

run "pinned_versions_stay" {
  assert {
    condition     = azurerm_cognitive_deployment.this["se/gpt-4o-mini"].version_upgrade_option == "NoAutoUpgrade"
    error_message = "A version that was asked for does not change by itself."
  }
}

run "static_address" {
  variables {
    accounts = {
      se = { location = "swedencentral", subdomain = "acmeai-se", endpoint_addresses = ["10.20.2.10"], deployments = {} }
    }
  }
  assert {
    condition     = azurerm_private_endpoint.this["se"].ip_configuration[0].private_ip_address == "10.20.2.10" && azurerm_private_endpoint.this["se"].ip_configuration[0].member_name == "default"
    error_message = "The endpoint has the address that was asked for."
  }
}

run "landing_zone_zones" {
  variables {
    private_dns_zone_ids = {
      "privatelink.openai.azure.com"            = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.openai.azure.com"
      "privatelink.cognitiveservices.azure.com" = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.cognitiveservices.azure.com"
      "privatelink.services.ai.azure.com"       = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.services.ai.azure.com"
    }
  }
  assert {
    condition     = length(azurerm_private_dns_zone.this) == 0 && length(azurerm_private_dns_zone_virtual_network_link.this) == 0
    error_message = "Existing zones are used and their links left alone."
  }
}

run "two_zones_are_not_enough" {
  command = plan
  variables {
    private_dns_zone_ids = { "privatelink.openai.azure.com" = "/subscriptions/x" }
  }
  expect_failures = [var.private_dns_zone_ids]
}

run "bad_subdomain" {
  command = plan
  variables {
    accounts = { se = { location = "swedencentral", subdomain = "Acme_AI", deployments = {} } }
  }
  expect_failures = [var.accounts]
}
