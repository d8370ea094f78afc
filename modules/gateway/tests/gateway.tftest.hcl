mock_provider "azurerm" {
  mock_resource "azurerm_user_assigned_identity" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway", principal_id = "00000000-0000-0000-0000-000000000010", client_id = "00000000-0000-0000-0000-000000000011" }
  }
  mock_resource "azurerm_container_app_environment" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.App/managedEnvironments/apps", default_domain = "apps.swedencentral.azurecontainerapps.io", static_ip_address = "10.20.0.10" }
  }
  mock_resource "azurerm_container_app_environment_storage" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.App/managedEnvironments/apps/storages/ostiary" }
  }
  mock_resource "azurerm_storage_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/vol" }
  }
  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/privateDnsZones/privatelink.azurecr.io" }
  }
  mock_resource "azurerm_private_endpoint" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/privateEndpoints/e" }
  }
}

variables {
  name                       = "acmeai"
  resource_group_name        = "rg"
  location                   = "swedencentral"
  apps_subnet_id             = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/apps"
  services_subnet_id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/services"
  virtual_network_id         = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
  registry_id                = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/acmeai"
  registry_server            = "acmeai.azurecr.io"
  image                      = "ostiary@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  tenant_id                  = "00000000-0000-0000-0000-000000000003"
  log_analytics_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/logs"
  workloads                  = "[{name: research, groups: [00000000-0000-0000-0000-000000000020], grants: [{deployments: ['*'], operations: [chat/completions]}]}]"
  accounts = {
    se = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acmeai-se", endpoint = "https://acmeai-se.openai.azure.com", location = "swedencentral", deployments = ["gpt-4o-mini"] }
  }
}

run "internal_and_keyless" {
  assert {
    condition     = azurerm_container_app_environment.this.internal_load_balancer_enabled && azurerm_container_app_environment.this.public_network_access == "Disabled"
    error_message = "The environment has no public address."
  }
  assert {
    condition     = !azurerm_container_app.this.ingress[0].allow_insecure_connections
    error_message = "Nobody is served in clear."
  }
  assert {
    condition     = length([for s in azurerm_container_app.this.secret : s if s.name != "ostiary-yaml"]) == 0 && !can(regex("api_key|connection_string|password", [for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0]))
    error_message = "There is no key anywhere."
  }
  assert {
    condition     = azurerm_role_assignment.call["se"].role_definition_name == "Cognitive Services OpenAI User" && length(azurerm_role_assignment.send) == 0
    error_message = "The identity may call the models, and nothing more."
  }
}

run "the_configuration_is_the_gateways" {
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0]).gateway.backends[0].managed_identity.client_id == "00000000-0000-0000-0000-000000000011"
    error_message = "The gateway calls the models as its identity."
  }
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0]).gateway.workloads[0].name == "research"
    error_message = "Workloads are what the estate says."
  }
}

run "the_owners_end_of_a_portal" {
  variables {
    portal = {
      relays                = ["relay.example.com:443"]
      allow                 = [{ attributes = { team = "research" } }]
      vault_id              = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v"
      gateway_ticket_secret = "https://v.vault.azure.net/secrets/gateway-ticket"
      outlet_ticket_secret  = "https://v.vault.azure.net/secrets/outlet-ticket"
    }
  }
  assert {
    condition     = [for c in azurerm_container_app.this.template[0].container : c.name] == ["outlet", "gateway"] && length(azurerm_container_app.this.template[0].init_container) == 2
    error_message = "The outlet stands beside the gateway, and both enrol first."
  }
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0]).outlet.allow == [{ attributes = { team = "research" } }]
    error_message = "The outlet admits whom the estate admits."
  }
  assert {
    condition     = azurerm_role_assignment.ticket["outlet"].scope == "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v/secrets/outlet-ticket"
    error_message = "The identity reads its own tickets."
  }
}

run "a_tag_is_no_digest" {
  command = plan
  variables {
    image = "ostiary:latest"
  }
  expect_failures = [var.image]
}

run "one_writer" {
  command = plan
  variables {
    replicas = { min = 1, max = 3 }
  }
  expect_failures = [var.replicas]
}
