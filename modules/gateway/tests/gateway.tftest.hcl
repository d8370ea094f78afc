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
  mock_resource "azurerm_postgresql_flexible_server" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/l", fqdn = "l.postgres.database.azure.com" }
  }
  mock_resource "azurerm_managed_redis" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Cache/redisEnterprise/r", hostname = "r.swedencentral.redis.azure.net", default_database = { port = 10000 } }
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

run "what_changes_starts_anew" {
  assert {
    condition     = [for e in azurerm_container_app.this.template[0].container[0].env : e.value if e.name == "OSTIARY_CONFIGURATION_DIGEST"] == [sha256([for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0])]
    error_message = "Another configuration is another revision."
  }
  assert {
    condition     = terraform_data.revision.output != null
    error_message = "The next gateway waits until the last has left the volume."
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
    condition     = azurerm_private_endpoint.vault["tickets"].private_service_connection[0].subresource_names == tolist(["vault"]) && length(azurerm_private_dns_zone.vault) == 1
    error_message = "The tickets are read by a private endpoint of the vault."
  }
  assert {
    condition     = azurerm_role_assignment.ticket["outlet"].scope == "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v/secrets/outlet-ticket"
    error_message = "The identity reads its own tickets."
  }
}

run "metrics_without_a_key" {
  variables {
    collector = {
      image                   = "opentelemetry-collector-contrib@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      application_insights_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Insights/components/i"
      connection_string       = "InstrumentationKey=00000000-0000-0000-0000-000000000030;IngestionEndpoint=https://swedencentral-0.in.applicationinsights.azure.com/"
    }
  }
  assert {
    condition     = [for c in azurerm_container_app.this.template[0].container : c.name] == ["collector", "gateway"] && azurerm_container_app.this.template[0].container[0].args[0] == "--config=env:COLLECTOR"
    error_message = "The collector stands beside the gateway."
  }
  assert {
    condition     = length(azurerm_container_app.this.template[0].container[0].volume_mounts) == 0
    error_message = "The collector sees neither the ledger's volume nor the tickets."
  }
  assert {
    condition     = azurerm_role_assignment.publish[0].role_definition_name == "Monitoring Metrics Publisher" && azurerm_role_assignment.publish[0].scope == var.collector.application_insights_id
    error_message = "The identity may send metrics to this component."
  }
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "collector-yaml"][0]).extensions.azure_auth.managed_identity.client_id == "00000000-0000-0000-0000-000000000011"
    error_message = "The collector signs in as the gateway's identity."
  }
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "collector-yaml"][0]).exporters.azure_monitor.auth.authenticator == "azure_auth"
    error_message = "What is sent bears a token."
  }
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "collector-yaml"][0]).receivers.prometheus.config.scrape_configs[0].static_configs[0].targets == ["127.0.0.1:9444"]
    error_message = "The collector reads the gateway in its own replica."
  }
}

run "a_collector_by_tag" {
  command = plan
  variables {
    collector = {
      image                   = "otel/opentelemetry-collector-contrib:latest"
      application_insights_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Insights/components/i"
      connection_string       = "InstrumentationKey=00000000-0000-0000-0000-000000000030;IngestionEndpoint=https://swedencentral-0.in.applicationinsights.azure.com/"
    }
  }
  expect_failures = [var.collector]
}

run "a_tag_is_no_digest" {
  command = plan
  variables {
    image = "ostiary:latest"
  }
  expect_failures = [var.image]
}

run "several_replicas" {
  variables {
    ledger        = "postgresql"
    shared_limits = {}
    replicas      = { min = 2, max = 4 }
  }
  assert {
    condition     = !azurerm_postgresql_flexible_server.this[0].public_network_access_enabled && !azurerm_postgresql_flexible_server.this[0].authentication[0].password_auth_enabled && azurerm_postgresql_flexible_server.this[0].authentication[0].active_directory_auth_enabled
    error_message = "The database has no public address and takes no password."
  }
  assert {
    condition     = azurerm_managed_redis.this[0].public_network_access == "Disabled" && !azurerm_managed_redis.this[0].default_database[0].access_keys_authentication_enabled && azurerm_managed_redis.this[0].default_database[0].client_protocol == "Encrypted"
    error_message = "Redis has no public address, takes no key, and speaks TLS."
  }
  assert {
    condition     = azurerm_postgresql_flexible_server_active_directory_administrator.this["gateway"].object_id == "00000000-0000-0000-0000-000000000010" && azurerm_managed_redis_access_policy_assignment.gateway[0].object_id == "00000000-0000-0000-0000-000000000010"
    error_message = "The gateway's identity, and nobody else, logs in to both."
  }
  assert {
    condition     = toset(keys(azurerm_private_endpoint.this)) == toset(["registry", "ledger", "limits"]) && azurerm_private_endpoint.this["ledger"].private_service_connection[0].subresource_names[0] == "postgresqlServer" && azurerm_private_endpoint.this["limits"].private_service_connection[0].subresource_names[0] == "redisEnterprise"
    error_message = "Both are reached by private endpoints."
  }
  assert {
    condition     = toset(keys(azurerm_private_dns_zone.this)) == toset(["privatelink.azurecr.io", "privatelink.postgres.database.azure.com", "privatelink.redis.azure.net"])
    error_message = "And by their names."
  }
  assert {
    condition     = length(azurerm_storage_account.volume) == 0 && [for v in azurerm_container_app.this.template[0].volume : v.storage_type if v.name == "state"] == ["EmptyDir"]
    error_message = "No replica shares a directory with another."
  }
  assert {
    condition     = terraform_data.revision.output == null
    error_message = "The next gateway begins beside the last."
  }
  assert {
    condition     = azurerm_container_app.this.template[0].max_replicas == 4 && azurerm_container_app.this.template[0].http_scale_rule[0].concurrent_requests == "50"
    error_message = "Replicas come and go with the calls."
  }
  assert {
    condition     = [for e in azurerm_container_app.this.template[0].container[0].env : e.value if e.name == "OSTIARY_LEDGER_URL"] == ["postgres://acmeai-gateway@l.postgres.database.azure.com:5432/ostiary?sslmode=verify-full"]
    error_message = "The URL of the database has no password."
  }
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0]).gateway.ledger.remote.postgres == { url = "env:OSTIARY_LEDGER_URL", managed_identity = { client_id = "00000000-0000-0000-0000-000000000011" } }
    error_message = "The ledger is in PostgreSQL, with the identity's token."
  }
  assert {
    condition     = yamldecode([for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0]).gateway.shared_limits == { redis = { address = "r.swedencentral.redis.azure.net:10000", managed_identity = { client_id = "00000000-0000-0000-0000-000000000011" } }, on_failure = "refuse" }
    error_message = "Limits are counted in Redis, with the identity's token."
  }
  assert {
    condition     = length([for s in azurerm_container_app.this.secret : s if s.name != "ostiary-yaml"]) == 0 && !can(regex("api_key|connection_string|password|access_key", [for s in azurerm_container_app.this.secret : s.value if s.name == "ostiary-yaml"][0]))
    error_message = "There is still no key anywhere."
  }
}

run "one_replica_with_a_database" {
  variables {
    ledger     = "postgresql"
    postgresql = { zone_redundant = true, administrators = { databases = { id = "00000000-0000-0000-0000-000000000030", name = "Database people" } } }
  }
  assert {
    condition     = keys(azurerm_postgresql_flexible_server_active_directory_administrator.this) == ["databases"] && azurerm_postgresql_flexible_server_active_directory_administrator.this["databases"].principal_type == "Group"
    error_message = "Who administers the server is who was named, and not the gateway."
  }
  assert {
    condition     = azurerm_postgresql_flexible_server.this[0].high_availability[0].mode == "ZoneRedundant" && length(azurerm_managed_redis.this) == 0 && length(azurerm_container_app.this.template[0].http_scale_rule) == 0
    error_message = "One replica counts for itself."
  }
}

run "the_zones_of_a_landing_zone" {
  variables {
    ledger        = "postgresql"
    shared_limits = { on_failure = "alone" }
    private_dns_zone_ids = {
      "privatelink.azurecr.io"                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.azurecr.io"
      "privatelink.postgres.database.azure.com" = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.postgres.database.azure.com"
      "privatelink.redis.azure.net"             = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.redis.azure.net"
    }
  }
  assert {
    condition     = length(azurerm_private_dns_zone.this) == 0 && endswith(azurerm_private_endpoint.this["limits"].private_dns_zone_group[0].private_dns_zone_ids[0], "privatelink.redis.azure.net")
    error_message = "Zones that are given are used."
  }
}

run "a_zone_is_missing" {
  command = plan
  variables {
    ledger               = "postgresql"
    private_dns_zone_ids = { "privatelink.azurecr.io" = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.azurecr.io" }
  }
  expect_failures = [var.private_dns_zone_ids]
}

run "several_without_limits_in_common" {
  command = plan
  variables {
    ledger   = "postgresql"
    replicas = { min = 1, max = 3 }
  }
  expect_failures = [var.replicas]
}

run "no_standby_of_a_burstable_server" {
  command = plan
  variables {
    ledger     = "postgresql"
    postgresql = { sku = "B_Standard_B1ms", zone_redundant = true }
  }
  expect_failures = [var.postgresql]
}

run "members_keep_their_keys_on_a_volume" {
  command = plan
  variables {
    ledger = "postgresql"
    portal = {
      relays                = ["relay.example.com:443"]
      allow                 = [{ attributes = { team = "research" } }]
      vault_id              = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v"
      gateway_ticket_secret = "https://v.vault.azure.net/secrets/gateway-ticket"
      outlet_ticket_secret  = "https://v.vault.azure.net/secrets/outlet-ticket"
    }
  }
  expect_failures = [var.ledger]
}

run "one_writer" {
  command = plan
  variables {
    replicas = { min = 1, max = 3 }
  }
  expect_failures = [var.replicas]
}
