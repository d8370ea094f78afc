# What a platform team owns in this example. Yours exists already: you need only
# the ids.
terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0, < 6.0"
    }
  }
}

provider "azurerm" {
  resource_provider_registrations = "none"
  features {}
}

locals {
  location = "swedencentral"
  zones = toset([
    "privatelink.openai.azure.com", "privatelink.cognitiveservices.azure.com", "privatelink.services.ai.azure.com",
    "privatelink.azurecr.io", "privatelink.file.core.windows.net",
  ])
}

resource "azurerm_resource_group" "this" {
  name     = "platform"
  location = local.location
}

resource "azurerm_log_analytics_workspace" "this" {
  name                = "platform-logs"
  resource_group_name = azurerm_resource_group.this.name
  location            = local.location
  sku                 = "PerGB2018"
}

# The four subnets with the groups that an estate needs; a network of your own
# has the same, or `ostiary deploy plan` and its proof say what is missing.
module "network" {
  source = "../../../modules/network"

  name                = "spoke"
  resource_group_name = azurerm_resource_group.this.name
  location            = local.location
  address_space       = "10.60.0.0/22"
}

resource "azurerm_private_dns_zone" "this" {
  for_each            = local.zones
  name                = each.value
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each            = azurerm_private_dns_zone.this
  name                = "spoke"
  private_dns_zone_id = each.value.id
  virtual_network_id  = module.network.virtual_network_id
}

output "existing" {
  description = "The section of estate.yaml that names all this."
  value = yamlencode({
    existing = {
      resource_group    = azurerm_resource_group.this.name
      log_analytics     = azurerm_log_analytics_workspace.this.id
      virtual_network   = module.network.virtual_network_id
      subnets           = module.network.subnet_ids
      private_dns_zones = { for name, zone in azurerm_private_dns_zone.this : name => zone.id }
    }
  })
}
