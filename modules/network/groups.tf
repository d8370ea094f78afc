# Rules as tables. A group's own deny at the end stands above Azure's
# AllowVnetInBound, which would let every peer in.
locals {
  deny = { priority = 4096, access = "Deny", protocol = "*", ports = ["*"], from = ["*"], to = ["*"] }

  # HTTPS, NFS, PostgreSQL, Event Hubs (AMQP, Kafka), Redis.
  service_ports = ["443", "2049", "5432", "5671", "9093", "10000"]

  rules = {
    endpoints = {
      inbound = {
        apps-https = { priority = 100, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.apps], to = [local.prefix.endpoints] }
        deny-all   = local.deny
      }
      outbound = { deny-all = local.deny }
    }

    services = {
      inbound = {
        apps     = { priority = 100, access = "Allow", protocol = "Tcp", ports = local.service_ports, from = [local.prefix.apps], to = [local.prefix.services] }
        deny-all = local.deny
      }
      outbound = { deny-all = local.deny }
    }

    # What Container Apps need, from Azure's page "Securing a virtual network in
    # Azure Container Apps", and the way to the endpoints.
    apps = {
      inbound = merge({
        within        = { priority = 100, access = "Allow", protocol = "*", ports = ["*"], from = [local.prefix.apps], to = [local.prefix.apps] }
        load-balancer = { priority = 110, access = "Allow", protocol = "Tcp", ports = ["30000-32767"], from = ["AzureLoadBalancer"], to = [local.prefix.apps] }
        portal-https  = { priority = 120, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.portal], to = [local.prefix.apps] }
        deny-all      = local.deny
        }, length(var.clients) == 0 ? {} : {
        clients-https = { priority = 130, access = "Allow", protocol = "Tcp", ports = ["443"], from = var.clients, to = [local.prefix.apps] }
      })
      outbound = merge({
        within        = { priority = 100, access = "Allow", protocol = "*", ports = ["*"], from = [local.prefix.apps], to = [local.prefix.apps] }
        endpoints     = { priority = 110, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.apps], to = [local.prefix.endpoints] }
        services      = { priority = 115, access = "Allow", protocol = "Tcp", ports = local.service_ports, from = [local.prefix.apps], to = [local.prefix.services] }
        entra         = { priority = 120, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.apps], to = ["AzureActiveDirectory"] }
        monitor       = { priority = 130, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.apps], to = ["AzureMonitor"] }
        system-images = { priority = 140, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.apps], to = ["MicrosoftContainerRegistry"] }
        front-door    = { priority = 150, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.apps], to = ["AzureFrontDoor.FirstParty"] }
        dns           = { priority = 160, access = "Allow", protocol = "*", ports = ["53"], from = [local.prefix.apps], to = concat(["168.63.129.16"], var.dns_servers) }
        deny-all      = local.deny
        }, var.relays ? {
        relays = { priority = 170, access = "Allow", protocol = "Tcp", ports = ["443", "7443"], from = [local.prefix.apps], to = ["Internet"] }
      } : {})
    }

    # The portal dials out, to a relay and to the gateway, and takes nothing.
    portal = {
      inbound = { deny-all = local.deny }
      outbound = {
        gateway  = { priority = 100, access = "Allow", protocol = "Tcp", ports = ["443"], from = [local.prefix.portal], to = [local.prefix.apps] }
        relay    = { priority = 110, access = "Allow", protocol = "Tcp", ports = ["443", "7443"], from = [local.prefix.portal], to = ["Internet"] }
        dns      = { priority = 120, access = "Allow", protocol = "*", ports = ["53"], from = [local.prefix.portal], to = concat(["168.63.129.16"], var.dns_servers) }
        deny-all = local.deny
      }
    }
  }

  subnet_ids = {
    apps      = "${local.virtual_network_id}/subnets/${azurerm_subnet.apps.name}"
    endpoints = "${local.virtual_network_id}/subnets/${azurerm_subnet.endpoints.name}"
    services  = "${local.virtual_network_id}/subnets/${azurerm_subnet.services.name}"
    portal    = "${local.virtual_network_id}/subnets/${azurerm_subnet.portal.name}"
  }
}

resource "azurerm_network_security_group" "this" {
  for_each            = local.rules
  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  dynamic "security_rule" {
    for_each = merge([for direction, rules in each.value : {
      for name, rule in rules : "${direction}-${name}" => merge(rule, { direction = title(direction) })
    }]...)
    content {
      name                         = security_rule.key
      priority                     = security_rule.value.priority
      direction                    = security_rule.value.direction
      access                       = security_rule.value.access
      protocol                     = security_rule.value.protocol
      source_port_range            = "*"
      destination_port_range       = length(security_rule.value.ports) == 1 ? security_rule.value.ports[0] : null
      destination_port_ranges      = length(security_rule.value.ports) == 1 ? null : security_rule.value.ports
      source_address_prefix        = length(security_rule.value.from) == 1 ? security_rule.value.from[0] : null
      source_address_prefixes      = length(security_rule.value.from) == 1 ? null : security_rule.value.from
      destination_address_prefix   = length(security_rule.value.to) == 1 ? security_rule.value.to[0] : null
      destination_address_prefixes = length(security_rule.value.to) == 1 ? null : security_rule.value.to
    }
  }
}

resource "azurerm_subnet_network_security_group_association" "this" {
  for_each                  = local.subnet_ids
  subnet_id                 = each.value
  network_security_group_id = azurerm_network_security_group.this[each.key].id
}

resource "azurerm_monitor_diagnostic_setting" "groups" {
  for_each                   = var.log_analytics_workspace_id == null ? {} : azurerm_network_security_group.this
  name                       = "ostiary"
  target_resource_id         = each.value.id
  log_analytics_workspace_id = var.log_analytics_workspace_id
  enabled_log {
    category_group = "allLogs"
  }
}
