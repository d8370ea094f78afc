# One network: apps may reach the models' endpoints on 443 and what they need
# themselves among the services' endpoints, the portal may reach the apps, and
# nothing else reaches any of them.
# Ids are made of names, so that a plan knows them before anything exists, and
# `ostiary verify` can follow them.
data "azurerm_client_config" "current" {}

locals {
  virtual_network_id = join("/", [
    "/subscriptions", data.azurerm_client_config.current.subscription_id,
    "resourceGroups", var.resource_group_name,
    "providers/Microsoft.Network/virtualNetworks", azurerm_virtual_network.this.name,
  ])

  cut = cidrsubnets(var.address_space, 1, 3, 3, 4, 5, 5)
  prefix = {
    apps         = local.cut[0]
    endpoints    = local.cut[1]
    services     = local.cut[2]
    portal       = local.cut[3]
    resolver_in  = local.cut[4]
    resolver_out = local.cut[5]
  }
}

resource "azurerm_virtual_network" "this" {
  name                = "${var.name}-vnet"
  resource_group_name = var.resource_group_name
  location            = var.location
  address_space       = [var.address_space]
  dns_servers         = var.dns_servers
  tags                = var.tags
}

resource "azurerm_subnet" "apps" {
  name                            = "apps"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [local.prefix.apps]
  default_outbound_access_enabled = false

  delegation {
    name = "apps"
    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "endpoints" {
  name                            = "endpoints"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [local.prefix.endpoints]
  default_outbound_access_enabled = false
  # Azure's default is Disabled, and then no group binds a private endpoint.
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

# Endpoints of what the apps need themselves: registry, volume, Event Hubs,
# databases. Apart from the models', whose group then says one thing.
resource "azurerm_subnet" "services" {
  name                              = "services"
  resource_group_name               = var.resource_group_name
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = [local.prefix.services]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

resource "azurerm_subnet" "portal" {
  name                            = "portal"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [local.prefix.portal]
  default_outbound_access_enabled = false
}

resource "azurerm_virtual_network_peering" "this" {
  for_each                     = var.peerings
  name                         = each.key
  resource_group_name          = var.resource_group_name
  virtual_network_name         = azurerm_virtual_network.this.name
  remote_virtual_network_id    = each.value
  allow_virtual_network_access = true
  allow_forwarded_traffic      = false
  allow_gateway_transit        = false
}
