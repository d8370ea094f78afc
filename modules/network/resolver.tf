# For servers on premises, which forward the privatelink zones to the inbound
# endpoint, and for names that only they know.
resource "azurerm_subnet" "resolver" {
  for_each                        = var.resolver == null ? {} : { in = local.prefix.resolver_in, out = local.prefix.resolver_out }
  name                            = "resolver-${each.key}"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [each.value]
  default_outbound_access_enabled = false

  delegation {
    name = "resolver"
    service_delegation {
      name    = "Microsoft.Network/dnsResolvers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_private_dns_resolver" "this" {
  count               = var.resolver == null ? 0 : 1
  name                = "${var.name}-resolver"
  resource_group_name = var.resource_group_name
  location            = var.location
  virtual_network_id  = azurerm_virtual_network.this.id
  tags                = var.tags
}

resource "azurerm_private_dns_resolver_inbound_endpoint" "this" {
  count                   = var.resolver == null ? 0 : 1
  name                    = "in"
  private_dns_resolver_id = azurerm_private_dns_resolver.this[0].id
  location                = var.location
  tags                    = var.tags

  ip_configurations {
    private_ip_allocation_method = "Dynamic"
    subnet_id                    = azurerm_subnet.resolver["in"].id
  }
}

resource "azurerm_private_dns_resolver_outbound_endpoint" "this" {
  count                   = try(length(var.resolver.forward), 0) == 0 ? 0 : 1
  name                    = "out"
  private_dns_resolver_id = azurerm_private_dns_resolver.this[0].id
  location                = var.location
  subnet_id               = azurerm_subnet.resolver["out"].id
  tags                    = var.tags
}

resource "azurerm_private_dns_resolver_dns_forwarding_ruleset" "this" {
  count                                      = try(length(var.resolver.forward), 0) == 0 ? 0 : 1
  name                                       = "${var.name}-forward"
  resource_group_name                        = var.resource_group_name
  location                                   = var.location
  private_dns_resolver_outbound_endpoint_ids = [azurerm_private_dns_resolver_outbound_endpoint.this[0].id]
  tags                                       = var.tags
}

resource "azurerm_private_dns_resolver_forwarding_rule" "this" {
  for_each                  = var.resolver == null ? {} : var.resolver.forward
  name                      = replace(trimsuffix(each.key, "."), ".", "-")
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this[0].id
  domain_name               = "${trimsuffix(each.key, ".")}."
  enabled                   = true

  dynamic "target_dns_servers" {
    for_each = each.value
    content {
      ip_address = target_dns_servers.value
      port       = 53
    }
  }
}

resource "azurerm_private_dns_resolver_virtual_network_link" "this" {
  count                     = try(length(var.resolver.forward), 0) == 0 ? 0 : 1
  name                      = "${var.name}-vnet"
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this[0].id
  virtual_network_id        = azurerm_virtual_network.this.id
}
