# The other company's side, in its own subscription, by its own hands.
data "azurerm_client_config" "current" {}

resource "azurerm_resource_group" "this" {
  name     = "${var.name}-consumer"
  location = var.location
  tags     = var.tags
}

module "consumer" {
  source = "../../consumer"

  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  address_space       = var.address_space
  relays              = var.relays
  service             = var.service
  outlet              = var.outlet
  gateway             = var.gateway
  deployment          = var.deployment
  node                = var.node
  ssh_public_key      = var.ssh_public_key
  tenant_id           = data.azurerm_client_config.current.tenant_id
  operators           = var.operators
  tags                = var.tags
}

output "consumer" {
  description = "The machine and the vault for its ticket."
  value       = module.consumer
}
