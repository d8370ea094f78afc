variable "name" {
  description = "Short name of the estate."
  type        = string
}

variable "location" {
  description = "Azure region of network, endpoints and gateway."
  type        = string
}

variable "global" {
  description = "The output of stage one."
  type = object({
    registry_id                = string
    registry_server            = string
    log_analytics_workspace_id = string
  })
}

variable "image" {
  description = "Image of the gateway, by digest."
  type        = string
}

variable "address_space" {
  description = "IPv4 prefix of the network; not used in an existing one."
  type        = string
  default     = "10.20.0.0/22"
}

variable "accounts" {
  description = "The accounts; module openai says what stands in them."
  type = map(object({
    location           = string
    subdomain          = string
    kind               = optional(string, "OpenAI")
    priority           = optional(number, 0)
    endpoint_addresses = optional(list(string), [])
    deployments = map(object({
      model    = string
      version  = optional(string)
      format   = optional(string, "OpenAI")
      sku      = optional(string, "Standard")
      capacity = optional(number, 10)
    }))
  }))
}

variable "workloads" {
  description = "Who may call what, as YAML in the words of docs/gateway.md."
  type        = string
}

variable "audiences" {
  description = "Application ID URI of the gateway's API, and its application's id."
  type        = list(string)
  default     = []
}

variable "clients" {
  description = "Prefixes that may call the apps."
  type        = list(string)
  default     = []
}

variable "egress" {
  description = "nat, firewall or none."
  type        = string
  default     = "nat"
}

variable "firewall_address" {
  description = "Address of the firewall for egress firewall."
  type        = string
  default     = null
}

variable "dns_servers" {
  description = "Custom DNS servers of the network."
  type        = list(string)
  default     = []
}

variable "resolver" {
  description = "Azure DNS Private Resolver; null for none."
  type        = object({ forward = optional(map(list(string)), {}) })
  default     = null
}

variable "peerings" {
  description = "Networks to peer with and to link the models' zones to, by name: ids."
  type        = map(string)
  default     = {}
}

variable "existing" {
  description = "Parts that a landing zone owns: a network with subnets apps, endpoints, services and portal; zones by name."
  type = object({
    network              = optional(object({ id = string, subnet_ids = map(string) }))
    private_dns_zone_ids = optional(map(string))
  })
  default = {}
}

variable "customer_managed_key" {
  description = "Key of the accounts' data."
  type        = object({ key_vault_key_id = string, identity_id = string, identity_client_id = string })
  default     = null
}

variable "content_filter" {
  description = "Severity from which content is blocked; null for Azure's own policy."
  type        = string
  default     = null
}

variable "audit" {
  description = "Where calls are delivered; null for nowhere but the ledger."
  type = object({
    data_explorer = optional(object({
      sku       = optional(string, "Dev(No SLA)_Standard_E2a_v4")
      capacity  = optional(number, 1)
      keep_days = optional(number, 365)
      hot_days  = optional(number, 31)
    }))
    readers = optional(map(object({ id = string, type = optional(string, "Group") })), {})
    collector = optional(object({
      image            = string
      interval_seconds = optional(number, 60)
    }))
  })
  default = {}
}

variable "gateway" {
  description = "How many gateways, where their ledgers are kept, and where they count limits together; module gateway says what stands in it."
  type = object({
    replicas = optional(object({
      min   = optional(number, 1)
      max   = optional(number, 1)
      calls = optional(number, 50)
    }), {})
    ledger = optional(string, "volume")
    postgresql = optional(object({
      sku            = optional(string, "GP_Standard_D2ds_v5")
      storage_mb     = optional(number, 65536)
      backup_days    = optional(number, 14)
      zone_redundant = optional(bool, false)
      administrators = optional(map(object({ id = string, name = string, type = optional(string, "Group") })), {})
    }), {})
    shared_limits = optional(object({
      sku               = optional(string, "Balanced_B0")
      high_availability = optional(bool, true)
      on_failure        = optional(string, "refuse")
    }))
  })
  default = {}
}

variable "portal" {
  description = "The owner's end of a portal; module gateway says what stands in it. Null: none."
  type = object({
    relays                = list(string)
    service               = optional(string, "openai")
    allow                 = list(object({ member = optional(string), attributes = optional(map(string)) }))
    vault_id              = string
    gateway_ticket_secret = string
    outlet_ticket_secret  = string
    vault_zone_id         = optional(string)
  })
  default = null
}

variable "chat" {
  description = "The chat: its section of ostiary.yaml as YAML, of which listen, url and gateway may be left out; secrets by variable as ids of Key Vault, and the vault's id where the identity is to get the role. With client_id, of an Entra application that trusts the chat's identity, sign_in may be left out too; scope is what it asks of the gateway's API. Null: none."
  type = object({
    configuration = string
    secrets       = optional(map(string), {})
    vault_id      = optional(string)
    client_id     = optional(string)
    scope         = optional(string)
  })
  default = null
  validation {
    condition     = var.chat == null ? true : can(keys(yamldecode(var.chat.configuration)))
    error_message = "The chat's configuration is not YAML with keys: docs/chat.md shows one."
  }
  validation {
    condition     = try(var.chat.client_id, null) == null || try(var.chat.scope, null) != null
    error_message = "With client_id, give scope: the permission that the chat asks for at the gateway's API, for example \"api://acmeai/user_impersonation\"."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
