variable "name" {
  description = "Short name of the estate; names of resources are made of it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.name))
    error_message = "The name has 2 to 16 lower-case letters and digits and begins with a letter, for example \"acmeai\"."
  }
}

variable "resource_group_name" {
  description = "Resource group of the accounts and their endpoints."
  type        = string
}

variable "accounts" {
  description = <<-EOT
    The accounts, by a short name of your choice. subdomain is unique in the
    world: https://SUBDOMAIN.openai.azure.com. capacity is in thousands of tokens
    a minute. endpoint_addresses are static private addresses: one for kind
    OpenAI, three for AIServices; empty takes what the subnet gives. A gateway
    calls the accounts with the lowest priority while one of them is well.
  EOT
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
  validation {
    condition     = length(var.accounts) > 0 && alltrue([for n, a in var.accounts : can(regex("^[a-z][a-z0-9]{0,31}$", n))])
    error_message = "Name at least one account, each by 1 to 32 lower-case letters and digits."
  }
  validation {
    condition     = alltrue([for a in var.accounts : can(regex("^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$", a.subdomain))])
    error_message = "A subdomain has 2 to 64 lower-case letters, digits and inner hyphens."
  }
  validation {
    condition     = alltrue([for a in var.accounts : contains(["OpenAI", "AIServices"], a.kind)])
    error_message = "The kind is \"OpenAI\" or \"AIServices\"."
  }
  validation {
    condition     = alltrue([for a in var.accounts : contains(a.kind == "OpenAI" ? [0, 1] : [0, 3], length(a.endpoint_addresses))])
    error_message = "An endpoint's static addresses are one for kind OpenAI and three for AIServices, or none."
  }
  validation {
    condition     = alltrue(flatten([for a in var.accounts : [for d in a.deployments : d.capacity >= 1 && floor(d.capacity) == d.capacity]]))
    error_message = "A deployment's capacity is a whole number of thousands of tokens a minute, 1 or more."
  }
}

variable "endpoint_subnet_id" {
  description = "Subnet of the private endpoints; its private endpoint network policies must be on, or no security group binds them."
  type        = string
}

variable "endpoint_location" {
  description = "Region of that subnet. It may differ from the accounts'."
  type        = string
}

variable "client_virtual_network_ids" {
  description = "Networks whose clients resolve the private names, by a name of your choice. Not needed where private_dns_zone_ids are given."
  type        = map(string)
  default     = {}
}

variable "private_dns_zone_ids" {
  description = "Zones that a landing zone owns and links, by name: the three privatelink zones of docs. Null: they are made and linked."
  type        = map(string)
  default     = null
  validation {
    condition = var.private_dns_zone_ids == null ? true : (
      toset(keys(var.private_dns_zone_ids)) == toset(["privatelink.openai.azure.com", "privatelink.cognitiveservices.azure.com", "privatelink.services.ai.azure.com"])
    )
    error_message = "Give all three: privatelink.openai.azure.com, privatelink.cognitiveservices.azure.com, privatelink.services.ai.azure.com."
  }
}

variable "customer_managed_key" {
  description = "Key that encrypts what the accounts keep, and the identity that may use it. Null: Microsoft's keys."
  type = object({
    key_vault_key_id   = string
    identity_id        = string
    identity_client_id = string
  })
  default = null
}

variable "content_filter" {
  description = "Severity from which prompts and completions are blocked, for each of hate, sexual, violence and selfharm: Low, Medium or High. Null: Azure's own policy."
  type        = string
  default     = null
  validation {
    condition     = var.content_filter == null ? true : contains(["Low", "Medium", "High"], var.content_filter)
    error_message = "Write \"Low\", \"Medium\" or \"High\"; Low blocks most."
  }
}

variable "users" {
  description = "Principals that may call the models, by a name of your choice: object ids. They get Cognitive Services OpenAI User and nothing else."
  type        = map(string)
  default     = {}
}

variable "log_analytics_workspace_id" {
  description = "Workspace that takes the accounts' diagnostics."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
