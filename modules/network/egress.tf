# The one way out: a NAT gateway of ours, or somebody's firewall.
locals {
  outgoing = { apps = local.subnet_ids.apps, portal = local.subnet_ids.portal }
}

resource "azurerm_public_ip" "nat" {
  count               = var.egress == "nat" ? 1 : 0
  name                = "${var.name}-nat"
  resource_group_name = var.resource_group_name
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway" "this" {
  count                   = var.egress == "nat" ? 1 : 0
  name                    = "${var.name}-nat"
  resource_group_name     = var.resource_group_name
  location                = var.location
  sku_name                = "Standard"
  idle_timeout_in_minutes = 4
  tags                    = var.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  count                = var.egress == "nat" ? 1 : 0
  nat_gateway_id       = azurerm_nat_gateway.this[0].id
  public_ip_address_id = azurerm_public_ip.nat[0].id
}

resource "azurerm_subnet_nat_gateway_association" "this" {
  for_each       = { for name, id in local.outgoing : name => id if var.egress == "nat" }
  subnet_id      = each.value
  nat_gateway_id = azurerm_nat_gateway.this[0].id
}

resource "azurerm_route_table" "this" {
  count                         = var.egress == "firewall" ? 1 : 0
  name                          = "${var.name}-egress"
  resource_group_name           = var.resource_group_name
  location                      = var.location
  bgp_route_propagation_enabled = false
  tags                          = var.tags

  route {
    name                   = "internet"
    address_prefix         = "0.0.0.0/0"
    next_hop_type          = "VirtualAppliance"
    next_hop_in_ip_address = var.firewall_address
  }
}

resource "azurerm_subnet_route_table_association" "this" {
  for_each       = { for name, id in local.outgoing : name => id if var.egress == "firewall" }
  subnet_id      = each.value
  route_table_id = azurerm_route_table.this[0].id
}
