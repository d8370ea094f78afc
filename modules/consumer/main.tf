# The other company: a network that nothing comes into, an inlet that dials out,
# and a client on the same machine that asks the question when it comes up. No
# key of the model is here, and no way to the owner's network but that question.
resource "azurerm_virtual_network" "this" {
  name                = "${var.name}-vnet"
  resource_group_name = var.resource_group_name
  location            = var.location
  address_space       = [var.address_space]
  tags                = var.tags
}

resource "azurerm_subnet" "this" {
  for_each                          = { hosts = 0, endpoints = 1 }
  name                              = each.key
  resource_group_name               = var.resource_group_name
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = [cidrsubnet(var.address_space, 1, each.value)]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

resource "azurerm_network_security_group" "this" {
  for_each            = azurerm_subnet.this
  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  dynamic "security_rule" {
    for_each = each.key == "endpoints" ? [azurerm_subnet.this["hosts"].address_prefixes[0]] : []
    content {
      name                       = "hosts-https"
      priority                   = 100
      direction                  = "Inbound"
      access                     = "Allow"
      protocol                   = "Tcp"
      source_port_range          = "*"
      destination_port_range     = "443"
      source_address_prefix      = security_rule.value
      destination_address_prefix = "*"
    }
  }

  security_rule {
    name                       = "deny-all"
    priority                   = 4096
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_port_range          = "*"
    destination_port_range     = "*"
    source_address_prefix      = "*"
    destination_address_prefix = "*"
  }
}

resource "azurerm_subnet_network_security_group_association" "this" {
  for_each                  = azurerm_subnet.this
  subnet_id                 = each.value.id
  network_security_group_id = azurerm_network_security_group.this[each.key].id
}

resource "azurerm_public_ip" "nat" {
  name                = "${var.name}-nat"
  resource_group_name = var.resource_group_name
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway" "this" {
  name                = "${var.name}-nat"
  resource_group_name = var.resource_group_name
  location            = var.location
  sku_name            = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.nat.id
}

resource "azurerm_subnet_nat_gateway_association" "this" {
  subnet_id      = azurerm_subnet.this["hosts"].id
  nat_gateway_id = azurerm_nat_gateway.this.id
}

module "portal" {
  source = "../portal"

  name                       = var.name
  resource_group_name        = var.resource_group_name
  location                   = var.location
  tenant_id                  = var.tenant_id
  node                       = var.node
  ssh_public_key             = var.ssh_public_key
  operators                  = var.operators
  private_endpoint_subnet_id = azurerm_subnet.this["endpoints"].id
  virtual_network_id         = azurerm_virtual_network.this.id
  tags                       = var.tags

  hosts = {
    inlet = {
      role          = "inlet"
      subnet_id     = azurerm_subnet.this["hosts"].id
      ticket_secret = var.ticket_secret
      configuration = yamlencode({
        listen  = "127.0.0.1:8443"
        relays  = var.relays
        service = var.service
        outlet  = var.outlet
        gateway = var.gateway
      })
      questions = [{
        url  = "http://127.0.0.1:8443/openai/v1/chat/completions"
        body = jsonencode({ model = var.deployment, messages = [{ role = "user", content = var.question }] })
      }]
    }
  }

  depends_on = [azurerm_subnet_network_security_group_association.this, azurerm_subnet_nat_gateway_association.this]
}
