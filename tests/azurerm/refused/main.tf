terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = "~> 5.2" }
  }
}

provider "azurerm" {
  features {}
}


resource "azurerm_resource_group" "this" {
  name     = "rg-refused"
  location = "westeurope"
}

resource "azurerm_virtual_network" "this" {
  name                = "vnet"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  address_space       = ["10.1.0.0/16"]
  subnet {
    name             = "one"
    address_prefixes = ["10.1.0.0/24"]
  }
  subnet {
    name             = "two"
    address_prefixes = ["10.1.0.128/25"]
  }
}

resource "azurerm_network_security_group" "this" {
  name                = "nsg"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  dynamic "security_rule" {
    for_each = ["a", "b"]
    content {
      name                       = security_rule.value
      priority                   = 100
      direction                  = "Inbound"
      access                     = "Deny"
      protocol                   = "*"
      source_port_range          = "*"
      source_address_prefix      = "*"
      destination_port_range     = "*"
      destination_address_prefix = "*"
    }
  }
}

resource "azurerm_cognitive_account" "this" {
  name                = "aoai-refused"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  kind                = "OpenAI"
  sku_name            = "S0"
}

resource "azurerm_cognitive_deployment" "this" {
  name                 = "unknown"
  cognitive_account_id = azurerm_cognitive_account.this.id
  model {
    format  = "OpenAI"
    name    = "gpt-unknown"
    version = "1"
  }
  sku {
    name = "Standard"
  }
}
