# Where both companies meet: one machine with the authority that lets members
# in, and one with the relay, which could not read a word. A third party may run
# it, or the owner. The owner's tickets wait in the vault here, too.
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

variable "node" {
  description = "Where the machines take the ostiary-node binary from, and its SHA-256."
  type        = object({ url = string, sha256 = string })
}

variable "ssh_public_key" {
  description = "Key of the administrator."
  type        = string
}

variable "authority" {
  description = "Where members find the authority, host:port; let that name lead to the output authority."
  type        = string
  default     = "authority.example.com:7443"
}

variable "operators" {
  description = "Public IPv4 prefixes from which tickets are put into the vault."
  type        = list(string)
  default     = []
}

data "azurerm_client_config" "current" {}

resource "azurerm_resource_group" "this" {
  name     = "meeting"
  location = "westeurope"
}

resource "azurerm_virtual_network" "this" {
  name                = "meeting-vnet"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  address_space       = ["10.80.0.0/24"]
}

resource "azurerm_subnet" "this" {
  for_each                          = { hosts = 0, endpoints = 1 }
  name                              = each.key
  resource_group_name               = azurerm_resource_group.this.name
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = [cidrsubnet("10.80.0.0/24", 1, each.value)]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

module "portal" {
  source = "../../../modules/portal"

  name                       = "meeting"
  resource_group_name        = azurerm_resource_group.this.name
  location                   = azurerm_resource_group.this.location
  tenant_id                  = data.azurerm_client_config.current.tenant_id
  node                       = var.node
  ssh_public_key             = var.ssh_public_key
  operators                  = var.operators
  private_endpoint_subnet_id = azurerm_subnet.this["endpoints"].id
  virtual_network_id         = azurerm_virtual_network.this.id

  hosts = {
    authority = {
      role          = "authority"
      subnet_id     = azurerm_subnet.this["hosts"].id
      public        = true
      configuration = yamlencode({ project = "meeting", listen = "0.0.0.0:7443", address = var.authority })
    }
    relay = {
      role          = "relay"
      subnet_id     = azurerm_subnet.this["hosts"].id
      public        = true
      ticket_secret = "relay-ticket"
      configuration = yamlencode({ listen = "0.0.0.0:443" })
    }
  }
}

output "authority" {
  description = "Public address of the authority."
  value       = module.portal.hosts["authority"].public
}

output "relay" {
  description = "Public address of the relay."
  value       = module.portal.hosts["relay"].public
}

output "vault" {
  description = "Name of the vault for tickets."
  value       = module.portal.vault_name
}

output "vault_id" {
  description = "Id of the vault for tickets."
  value       = module.portal.vault_id
}
