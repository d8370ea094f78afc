terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = "~> 5.2" }
  }
}

provider "azurerm" {
  features {}
}

variable "second" {
  description = "Whether everything that can be changed in place is."
  type        = bool
  default     = false
}

resource "azurerm_resource_group" "this" {
  name     = "rg-network"
  location = "West Europe"
  tags     = { purpose = "rehearsal" }
}

resource "azurerm_network_security_group" "this" {
  name                = "nsg-endpoints"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name

  security_rule {
    name                       = "allow-clients"
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_port_range          = "*"
    source_address_prefix      = "10.1.1.0/24"
    destination_port_range     = var.second ? "8443" : "443"
    destination_address_prefix = "*"
  }
}

resource "azurerm_application_security_group" "this" {
  name                = "asg-clients"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_network_security_group" "own_rules" {
  name                = "nsg-clients"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_network_security_rule" "deny" {
  name                        = "deny-all"
  priority                    = var.second ? 3999 : 4000
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_port_ranges          = ["1-1000", "2000"]
  source_address_prefixes     = ["10.0.0.0/8", "192.168.0.0/16"]
  destination_port_range      = "*"
  destination_address_prefix  = "VirtualNetwork"
  resource_group_name         = azurerm_resource_group.this.name
  network_security_group_name = azurerm_network_security_group.own_rules.name
}

resource "azurerm_network_security_rule" "asg" {
  name                                  = "allow-asg"
  priority                              = 4001
  direction                             = "Outbound"
  access                                = "Allow"
  protocol                              = "Udp"
  source_port_range                     = "*"
  source_application_security_group_ids = [azurerm_application_security_group.this.id]
  destination_port_range                = "53"
  destination_address_prefix            = "*"
  resource_group_name                   = azurerm_resource_group.this.name
  network_security_group_name           = azurerm_network_security_group.own_rules.name
}

resource "azurerm_route_table" "this" {
  name                = "rt-egress"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  route {
    name                   = "default"
    address_prefix         = "0.0.0.0/0"
    next_hop_type          = "VirtualAppliance"
    next_hop_in_ip_address = "10.1.0.4"
  }
}

resource "azurerm_route" "own" {
  name                = "nowhere"
  resource_group_name = azurerm_resource_group.this.name
  route_table_name    = azurerm_route_table.separate.name
  address_prefix      = var.second ? "198.18.0.0/16" : "198.18.0.0/15"
  next_hop_type       = "None"
}

resource "azurerm_route_table" "separate" {
  name                = "rt-separate"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_virtual_network" "this" {
  name                = "vnet-main"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  address_space       = var.second ? ["10.1.0.0/16", "10.11.0.0/16"] : ["10.1.0.0/16"]
  dns_servers         = var.second ? [] : ["10.1.3.4"]
}

resource "azurerm_virtual_network" "inline" {
  name                = "vnet-inline"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  address_space       = ["10.2.0.0/16"]
  subnet {
    name             = "one"
    address_prefixes = ["10.2.1.0/24"]
    security_group   = azurerm_network_security_group.own_rules.id
  }
}

resource "azurerm_subnet" "endpoints" {
  name                              = "endpoints"
  resource_group_name               = azurerm_resource_group.this.name
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = ["10.1.2.0/24"]
  private_endpoint_network_policies = var.second ? "Enabled" : "NetworkSecurityGroupEnabled"
}

resource "azurerm_subnet" "clients" {
  name                 = "clients"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.1.0/24"]
  service_endpoint {
    service = "Microsoft.CognitiveServices"
  }
}

resource "azurerm_subnet" "apps" {
  name                 = "apps"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.4.0/23"]
  delegation {
    name = "apps"
    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "firewall" {
  name                 = "AzureFirewallSubnet"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.0.0/26"]
}

resource "azurerm_subnet_network_security_group_association" "endpoints" {
  subnet_id                 = azurerm_subnet.endpoints.id
  network_security_group_id = azurerm_network_security_group.this.id
}

resource "azurerm_subnet_route_table_association" "clients" {
  subnet_id      = azurerm_subnet.clients.id
  route_table_id = azurerm_route_table.this.id
}

resource "azurerm_virtual_network_peering" "there" {
  name                      = "there"
  resource_group_name       = azurerm_resource_group.this.name
  virtual_network_name      = azurerm_virtual_network.this.name
  remote_virtual_network_id = azurerm_virtual_network.inline.id
  allow_forwarded_traffic   = !var.second
}

resource "azurerm_virtual_network_peering" "back" {
  name                      = "back"
  resource_group_name       = azurerm_resource_group.this.name
  virtual_network_name      = azurerm_virtual_network.inline.name
  remote_virtual_network_id = azurerm_virtual_network.this.id
}

resource "azurerm_public_ip" "nat" {
  tags                = var.second ? { changed = "yes" } : {}
  name                = "pip-nat"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  allocation_method   = "Static"
  sku                 = "Standard"
}

resource "azurerm_public_ip" "firewall" {
  name                = "pip-firewall"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = ["1", "2", "3"]
}

resource "azurerm_nat_gateway" "this" {
  idle_timeout_in_minutes = var.second ? 10 : 4
  name                    = "nat"
  location                = azurerm_resource_group.this.location
  resource_group_name     = azurerm_resource_group.this.name
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.nat.id
}

resource "azurerm_subnet_nat_gateway_association" "apps" {
  subnet_id      = azurerm_subnet.apps.id
  nat_gateway_id = azurerm_nat_gateway.this.id
}

resource "azurerm_firewall_policy" "this" {
  threat_intelligence_mode = var.second ? "Deny" : "Alert"
  name                     = "fwp"
  location                 = azurerm_resource_group.this.location
  resource_group_name      = azurerm_resource_group.this.name
}

resource "azurerm_firewall_policy_rule_collection_group" "this" {
  name               = "egress"
  firewall_policy_id = azurerm_firewall_policy.this.id
  priority           = var.second ? 600 : 500
  network_rule_collection {
    name     = "login"
    priority = 400
    action   = "Allow"
    rule {
      name                  = "entra"
      protocols             = ["TCP"]
      source_addresses      = ["10.1.1.0/24"]
      destination_addresses = ["AzureActiveDirectory"]
      destination_ports     = ["443"]
    }
  }
  application_rule_collection {
    name     = "web"
    priority = 500
    action   = "Deny"
    rule {
      name              = "none"
      source_addresses  = ["*"]
      destination_fqdns = ["*.example.com"]
      protocols {
        type = "Https"
        port = 443
      }
    }
  }
}

resource "azurerm_firewall" "this" {
  name                = "fw"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  sku_name            = "AZFW_VNet"
  sku_tier            = "Standard"
  firewall_policy_id  = azurerm_firewall_policy.this.id
  ip_configuration {
    name                 = "main"
    subnet_id            = azurerm_subnet.firewall.id
    public_ip_address_id = azurerm_public_ip.firewall.id
  }
}

output "firewall_address" { value = azurerm_firewall.this.ip_configuration[0].private_ip_address }
output "nat_address" { value = azurerm_public_ip.nat.ip_address }
