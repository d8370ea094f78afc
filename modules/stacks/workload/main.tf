# Stage two: the private model and what stands before it.
data "azurerm_client_config" "current" {}

resource "azurerm_resource_group" "this" {
  name     = "${var.name}-workload"
  location = var.location
  tags     = var.tags
}

locals {
  existing  = var.existing.network != null
  workspace = var.global.log_analytics_workspace_id
  tenant    = data.azurerm_client_config.current.tenant_id

  collector = try(var.audit.collector, null) == null ? null : merge(var.audit.collector, {
    application_insights_id = module.audit[0].application_insights.id
    connection_string       = module.audit[0].application_insights.connection_string
  })

  network_id = local.existing ? var.existing.network.id : module.network[0].virtual_network_id
  subnet_ids = local.existing ? var.existing.network.subnet_ids : module.network[0].subnet_ids
  zones      = var.existing.private_dns_zone_ids
  model_zones = local.zones == null ? null : {
    for name in ["privatelink.openai.azure.com", "privatelink.cognitiveservices.azure.com", "privatelink.services.ai.azure.com"] : name => local.zones[name]
  }
  gateway_zones = local.zones == null ? null : {
    for name in concat(
      ["privatelink.azurecr.io", var.gateway.ledger == "postgresql" ? "privatelink.postgres.database.azure.com" : "privatelink.file.core.windows.net"],
      var.gateway.shared_limits == null ? [] : ["privatelink.redis.azure.net"],
    ) : name => local.zones[name]
  }
}

module "network" {
  count  = local.existing ? 0 : 1
  source = "../../network"

  name                       = var.name
  resource_group_name        = azurerm_resource_group.this.name
  location                   = var.location
  address_space              = var.address_space
  clients                    = var.clients
  egress                     = var.egress
  firewall_address           = var.firewall_address
  dns_servers                = var.dns_servers
  resolver                   = var.resolver
  peerings                   = var.peerings
  relays                     = var.portal != null
  log_analytics_workspace_id = local.workspace
  tags                       = var.tags
}

module "openai" {
  source = "../../openai"

  name                       = var.name
  resource_group_name        = azurerm_resource_group.this.name
  accounts                   = var.accounts
  endpoint_subnet_id         = local.subnet_ids["endpoints"]
  endpoint_location          = var.location
  client_virtual_network_ids = merge({ own = local.network_id }, var.peerings)
  private_dns_zone_ids       = local.model_zones
  customer_managed_key       = var.customer_managed_key
  content_filter             = var.content_filter
  log_analytics_workspace_id = local.workspace
  tags                       = var.tags
}

module "audit" {
  count  = var.audit == null ? 0 : 1
  source = "../../audit"

  name                       = var.name
  resource_group_name        = azurerm_resource_group.this.name
  location                   = var.location
  services_subnet_id         = local.subnet_ids["services"]
  virtual_network_id         = local.network_id
  data_explorer              = var.audit.data_explorer
  readers                    = var.audit.readers
  metrics                    = var.audit.collector != null
  tenant_id                  = local.tenant
  log_analytics_workspace_id = local.workspace
  tags                       = var.tags
}

module "gateway" {
  source = "../../gateway"

  name                       = var.name
  resource_group_name        = azurerm_resource_group.this.name
  location                   = var.location
  apps_subnet_id             = local.subnet_ids["apps"]
  services_subnet_id         = local.subnet_ids["services"]
  virtual_network_id         = local.network_id
  private_dns_zone_ids       = local.gateway_zones
  registry_id                = var.global.registry_id
  registry_server            = var.global.registry_server
  image                      = var.image
  accounts                   = module.openai.accounts
  tenant_id                  = local.tenant
  audiences                  = var.audiences
  workloads                  = var.workloads
  event_hub                  = one(module.audit[*].event_hub)
  collector                  = local.collector
  portal                     = var.portal
  ledger                     = var.gateway.ledger
  postgresql                 = var.gateway.postgresql
  shared_limits              = var.gateway.shared_limits
  replicas                   = var.gateway.replicas
  log_analytics_workspace_id = local.workspace
  tags                       = var.tags
}

module "chat" {
  count  = var.chat == null ? 0 : 1
  source = "../../app"

  name                = var.name
  app_name            = "chat"
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  environment_id      = module.gateway.environment_id
  registry_id         = var.global.registry_id
  registry_server     = var.global.registry_server
  image               = var.image
  port                = 8080
  args                = ["chat", "--config", "/etc/ostiary/ostiary-yaml"]
  files               = { ostiary-yaml = local.chat_configuration }
  scratch             = "/var/lib/ostiary"
  secrets             = var.chat.secrets
  vault_id            = var.chat.vault_id
  own_sign_in         = true
  replicas            = { min = 1, max = 1 }
  tags                = var.tags
}
