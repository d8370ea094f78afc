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
  name     = "rg-settling"
  location = "westeurope"
}

resource "azurerm_cognitive_account" "this" {
  name                  = "aoai-settling"
  location              = azurerm_resource_group.this.location
  resource_group_name   = azurerm_resource_group.this.name
  kind                  = "OpenAI"
  sku_name              = "S0"
  custom_subdomain_name = "aoai-settling"
}

resource "azurerm_cognitive_deployment" "this" {
  name                 = "gpt-4o-mini"
  cognitive_account_id = azurerm_cognitive_account.this.id
  model {
    format  = "OpenAI"
    name    = "gpt-4o-mini"
    version = "2024-07-18"
  }
  sku {
    name = "Standard"
  }
}
