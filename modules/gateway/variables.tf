variable "name" {
  description = "Short name of the estate; names of resources are made of it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.name))
    error_message = "The name has 2 to 16 lower-case letters and digits and begins with a letter, for example \"acmeai\"."
  }
}

variable "resource_group_name" {
  description = "Resource group of everything here."
  type        = string
}

variable "location" {
  description = "Azure region of everything here."
  type        = string
}

variable "apps_subnet_id" {
  description = "Subnet of the environment, delegated to Microsoft.App/environments."
  type        = string
}

variable "services_subnet_id" {
  description = "Subnet of the private endpoints of registry and volume."
  type        = string
}

variable "virtual_network_id" {
  description = "Network whose clients resolve the gateway's name."
  type        = string
}

variable "private_dns_zone_ids" {
  description = "Zones that a landing zone owns and links: privatelink.azurecr.io and privatelink.file.core.windows.net. Null: they are made and linked."
  type        = map(string)
  default     = null
  validation {
    condition     = var.private_dns_zone_ids == null ? true : toset(keys(var.private_dns_zone_ids)) == toset(["privatelink.azurecr.io", "privatelink.file.core.windows.net"])
    error_message = "Give both: privatelink.azurecr.io and privatelink.file.core.windows.net."
  }
}

variable "registry_id" {
  description = "Registry of the image; the gateway's identity gets AcrPull there."
  type        = string
}

variable "registry_server" {
  description = "Host name of that registry."
  type        = string
}

variable "image" {
  description = "The image in that registry, by digest: REPOSITORY@sha256:…. Tags move, digests do not."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, for example \"ostiary@sha256:…\"; `ostiary deploy` fills it in."
  }
}

variable "accounts" {
  description = "The accounts behind the gateway, as module openai gives them: id, endpoint, location, deployments."
  type = map(object({
    id          = string
    endpoint    = string
    location    = string
    deployments = list(string)
  }))
}

variable "tenant_id" {
  description = "Entra tenant whose tokens are accepted."
  type        = string
}

variable "audiences" {
  description = "Audiences of tokens for the gateway's API: its Application ID URI, and its application's id, which version 2 tokens name. They count beside Azure OpenAI's own."
  type        = list(string)
  default     = []
}

variable "workloads" {
  description = "Who may call what, in the words of docs/gateway.md: a list of workloads as YAML or as an object."
  type        = any
}

variable "event_hub" {
  description = "Where calls are delivered, as module audit gives it: namespace host, hub and id of the hub. Null: nowhere."
  type = object({
    host = string
    name = string
    id   = string
  })
  default = null
}

variable "portal" {
  description = "The owner's end of a portal beside the gateway: relays, the service, whom the outlet admits, and the ids of two Key Vault secrets with tickets, one for role gateway and one for role outlet. Null: none."
  type = object({
    relays                = list(string)
    service               = optional(string, "openai")
    allow                 = list(object({ member = optional(string), attributes = optional(map(string)) }))
    vault_id              = string
    gateway_ticket_secret = string
    outlet_ticket_secret  = string
  })
  default = null
  validation {
    condition     = var.portal == null ? true : length(var.portal.allow) > 0 && length(var.portal.relays) > 0
    error_message = "Name at least one relay, and at least one member or attribute that may come in: nobody is allowed whom no rule allows."
  }
}

variable "replicas" {
  description = "Least and most instances. More than one need one log each: a directory of the volume by replica name."
  type = object({
    min = number
    max = number
  })
  default = { min = 1, max = 1 }
  validation {
    condition     = var.replicas.min >= 1 && var.replicas.max == 1
    error_message = "A ledger has one writer: keep max at 1 until a remote ledger is configured."
  }
}

variable "log_analytics_workspace_id" {
  description = "Workspace that takes the containers' output and the environment's diagnostics."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
