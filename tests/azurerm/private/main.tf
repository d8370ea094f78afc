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

data "azurerm_client_config" "this" {}

resource "azurerm_resource_group" "this" {
  name     = "rg-private"
  location = "swedencentral"
}

resource "azurerm_virtual_network" "this" {
  name                = "vnet"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  address_space       = ["10.1.0.0/16"]
}

resource "azurerm_virtual_network" "branch" {
  name                = "vnet-branch"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  address_space       = ["10.2.0.0/16"]
}

resource "azurerm_subnet" "endpoints" {
  name                 = "endpoints"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.2.0/24"]
}

resource "azurerm_subnet" "clients" {
  name                 = "clients"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.1.5.0/24"]
  service_endpoint {
    service = "Microsoft.CognitiveServices"
  }
}

resource "azurerm_subnet" "dns" {
  for_each             = { in = "10.1.3.0/28", out = "10.1.3.16/28" }
  name                 = "dns-${each.key}"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [each.value]
  delegation {
    name = "dns"
    service_delegation {
      name    = "Microsoft.Network/dnsResolvers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_user_assigned_identity" "this" {
  tags                = var.second ? { changed = "yes" } : {}
  name                = "id-gateway"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_federated_identity_credential" "this" {
  name                      = "ci"
  user_assigned_identity_id = azurerm_user_assigned_identity.this.id
  audience                  = ["api://AzureADTokenExchange"]
  issuer                    = "https://token.example.com"
  subject                   = var.second ? "repo:example/estate:environment:prod" : "repo:example/estate:ref:refs/heads/main"
}

resource "azurerm_cognitive_account" "this" {
  name                               = "aoai-rehearsal"
  location                           = azurerm_resource_group.this.location
  resource_group_name                = azurerm_resource_group.this.name
  kind                               = "OpenAI"
  sku_name                           = "S0"
  custom_subdomain_name              = "aoai-rehearsal"
  public_network_access_enabled      = var.second
  local_auth_enabled                 = var.second
  outbound_network_access_restricted = true
  fqdns                              = ["allowed.example.com"]

  identity {
    type         = "SystemAssigned, UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this.id]
  }

  network_acls {
    default_action = "Deny"
    ip_rules       = var.second ? ["203.0.113.0/27"] : ["203.0.113.0/28"]
    virtual_network_rules {
      subnet_id = azurerm_subnet.clients.id
    }
  }
}

resource "azurerm_cognitive_account" "services" {
  name                       = "foundry-rehearsal"
  location                   = azurerm_resource_group.this.location
  resource_group_name        = azurerm_resource_group.this.name
  kind                       = "AIServices"
  sku_name                   = "S0"
  custom_subdomain_name      = "foundry-rehearsal"
  project_management_enabled = true
  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_cognitive_account_rai_policy" "this" {
  name                 = "strict"
  cognitive_account_id = azurerm_cognitive_account.this.id
  base_policy_name     = "Microsoft.Default"
  mode                 = "Blocking"
  content_filter {
    name               = "Hate"
    filter_enabled     = true
    block_enabled      = true
    severity_threshold = var.second ? "Low" : "High"
    source             = "Prompt"
  }
}

resource "azurerm_cognitive_deployment" "chat" {
  name                 = "gpt-4o-mini"
  cognitive_account_id = azurerm_cognitive_account.this.id
  rai_policy_name      = azurerm_cognitive_account_rai_policy.this.name
  model {
    format  = "OpenAI"
    name    = "gpt-4o-mini"
    version = "2024-07-18"
  }
  sku {
    name     = "Standard"
    capacity = var.second ? 20 : 10
  }
}

resource "azurerm_cognitive_deployment" "embed" {
  name                 = "text-embedding-3-small"
  cognitive_account_id = azurerm_cognitive_account.services.id
  model {
    format  = "OpenAI"
    name    = "text-embedding-3-small"
    version = "1"
  }
  sku {
    name = "Standard"
  }
}

resource "azurerm_private_dns_zone" "this" {
  for_each            = toset(["privatelink.openai.azure.com", "privatelink.cognitiveservices.azure.com", "privatelink.services.ai.azure.com"])
  name                = each.key
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  name                 = "vnet"
  private_dns_zone_id  = azurerm_private_dns_zone.this["privatelink.openai.azure.com"].id
  virtual_network_id   = azurerm_virtual_network.this.id
  registration_enabled = false
}

resource "azurerm_private_endpoint" "account" {
  name                = "pe-account"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  subnet_id           = azurerm_subnet.endpoints.id

  private_service_connection {
    name                           = "account"
    private_connection_resource_id = azurerm_cognitive_account.this.id
    subresource_names              = ["account"]
    is_manual_connection           = false
  }
  ip_configuration {
    name               = "fixed"
    private_ip_address = "10.1.2.10"
    subresource_name   = "account"
    member_name        = "default"
  }
  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.this["privatelink.openai.azure.com"].id]
  }
}

resource "azurerm_private_endpoint" "services" {
  tags                          = var.second ? { changed = "yes" } : {}
  name                          = "pe-services"
  location                      = "westeurope"
  resource_group_name           = azurerm_resource_group.this.name
  subnet_id                     = azurerm_subnet.endpoints.id
  custom_network_interface_name = "nic-services"

  private_service_connection {
    name                           = "services"
    private_connection_resource_id = azurerm_cognitive_account.services.id
    subresource_names              = ["account"]
    is_manual_connection           = true
    request_message                = "please"
  }
  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [for z in azurerm_private_dns_zone.this : z.id]
  }
}

resource "azurerm_role_assignment" "gateway" {
  scope                = azurerm_cognitive_account.this.id
  role_definition_name = "Cognitive Services OpenAI User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_definition" "reader" {
  name        = "Deployment reader"
  scope       = azurerm_resource_group.this.id
  description = "Reads deployments" # a change of a role costs three minutes of the provider's waiting
  permissions {
    actions     = ["Microsoft.CognitiveServices/accounts/deployments/read"]
    not_actions = []
  }
  assignable_scopes = [azurerm_resource_group.this.id]
}

resource "azurerm_role_assignment" "custom" {
  scope              = azurerm_resource_group.this.id
  role_definition_id = azurerm_role_definition.reader.role_definition_resource_id
  principal_id       = azurerm_cognitive_account.services.identity[0].principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_private_dns_zone" "own" {
  name                = "corp.example.com"
  resource_group_name = azurerm_resource_group.this.name
  tags                = { owner = "network" }
  soa_record {
    email = "hostmaster.example.com"
  }
}

resource "azurerm_private_dns_a_record" "this" {
  name                = "gateway"
  private_dns_zone_id = azurerm_private_dns_zone.own.id
  ttl                 = 300
  records             = var.second ? ["10.1.5.7"] : ["10.1.5.9", "10.1.5.8"]
}

resource "azurerm_private_dns_aaaa_record" "this" {
  name                = "gateway"
  private_dns_zone_id = azurerm_private_dns_zone.own.id
  ttl                 = 300
  records             = ["2001:db8::1"]
}

resource "azurerm_private_dns_cname_record" "this" {
  name                = "llm"
  private_dns_zone_id = azurerm_private_dns_zone.own.id
  ttl                 = var.second ? 60 : 300
  record              = "gateway.corp.example.com"
}

resource "azurerm_private_dns_txt_record" "this" {
  name                = "note"
  private_dns_zone_id = azurerm_private_dns_zone.own.id
  ttl                 = 300
  record {
    value = "v=1"
  }
}

resource "azurerm_private_dns_mx_record" "this" {
  name                = "@"
  private_dns_zone_id = azurerm_private_dns_zone.own.id
  ttl                 = 300
  record {
    preference = 10
    exchange   = "mx.example.com"
  }
}

resource "azurerm_private_dns_ptr_record" "this" {
  name                = "9"
  private_dns_zone_id = azurerm_private_dns_zone.own.id
  ttl                 = 300
  records             = ["gateway.corp.example.com"]
}

resource "azurerm_private_dns_srv_record" "this" {
  name                = "_sip._tcp"
  private_dns_zone_id = azurerm_private_dns_zone.own.id
  ttl                 = 300
  record {
    priority = 1
    weight   = 5
    port     = 8080
    target   = "gateway.corp.example.com"
  }
}

resource "azurerm_private_dns_resolver" "this" {
  tags                = var.second ? { changed = "yes" } : {}
  name                = "resolver"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  virtual_network_id  = azurerm_virtual_network.this.id
}

resource "azurerm_private_dns_resolver_inbound_endpoint" "this" {
  name                    = "in"
  private_dns_resolver_id = azurerm_private_dns_resolver.this.id
  location                = azurerm_resource_group.this.location
  ip_configurations {
    private_ip_allocation_method = "Dynamic"
    subnet_id                    = azurerm_subnet.dns["in"].id
  }
}

resource "azurerm_private_dns_resolver_outbound_endpoint" "this" {
  name                    = "out"
  private_dns_resolver_id = azurerm_private_dns_resolver.this.id
  location                = azurerm_resource_group.this.location
  subnet_id               = azurerm_subnet.dns["out"].id
}

resource "azurerm_private_dns_resolver_dns_forwarding_ruleset" "this" {
  name                                       = "ruleset"
  location                                   = azurerm_resource_group.this.location
  resource_group_name                        = azurerm_resource_group.this.name
  private_dns_resolver_outbound_endpoint_ids = [azurerm_private_dns_resolver_outbound_endpoint.this.id]
}

resource "azurerm_private_dns_resolver_forwarding_rule" "this" {
  name                      = "onpremises"
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this.id
  domain_name               = "onprem.example.com."
  target_dns_servers {
    ip_address = var.second ? "10.9.0.5" : "10.9.0.4"
    port       = 53
  }
}

resource "azurerm_private_dns_resolver_virtual_network_link" "this" {
  name                      = "branch"
  dns_forwarding_ruleset_id = azurerm_private_dns_resolver_dns_forwarding_ruleset.this.id
  virtual_network_id        = azurerm_virtual_network.branch.id
}

output "endpoint" { value = azurerm_cognitive_account.this.endpoint }
output "private_address" { value = azurerm_private_endpoint.account.private_service_connection[0].private_ip_address }
