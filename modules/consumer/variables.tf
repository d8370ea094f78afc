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

variable "address_space" {
  description = "IPv4 prefix of the consumer's network, /16 to /26. It may overlap the owner's: the portal does not route."
  type        = string
  default     = "10.90.0.0/24"
  validation {
    condition     = can(cidrnetmask(var.address_space)) && try(tonumber(split("/", var.address_space)[1]) >= 16 && tonumber(split("/", var.address_space)[1]) <= 26, false)
    error_message = "Write a private IPv4 prefix from /16 to /26, for example \"10.90.0.0/24\"."
  }
}

variable "relays" {
  description = "The relays, host:port."
  type        = list(string)
  validation {
    condition     = length(var.relays) > 0 && alltrue([for r in var.relays : can(regex("^[^:/]+:[0-9]+$", r))])
    error_message = "Write host:port, for example [\"relay.example.com:443\"]."
  }
}

variable "service" {
  description = "Name of the service that the owner offers."
  type        = string
  default     = "openai"
}

variable "outlet" {
  description = "The one outlet that the inlet will speak to: spiffe://PROJECT/outlet/MEMBER."
  type        = string
  validation {
    condition     = can(regex("^spiffe://[^/]+/outlet/[^/]+$", var.outlet))
    error_message = "Write the outlet's whole name, spiffe://PROJECT/outlet/MEMBER."
  }
}

variable "gateway" {
  description = "The gateway behind the outlet: spiffe://PROJECT/gateway/MEMBER."
  type        = string
  validation {
    condition     = can(regex("^spiffe://[^/]+/gateway/[^/]+$", var.gateway))
    error_message = "Write the gateway's whole name, spiffe://PROJECT/gateway/MEMBER."
  }
}

variable "deployment" {
  description = "Deployment that the first question goes to."
  type        = string
  default     = "gpt-4o-mini"
}

variable "question" {
  description = "What the machine asks when it comes up."
  type        = string
  default     = "What is Ockham's Razor?"
}

variable "ticket_secret" {
  description = "Name of the secret in the consumer's vault that holds the inlet's ticket."
  type        = string
  default     = "inlet-ticket"
}

variable "node" {
  description = "Where the machine takes the ostiary-node binary from, and its SHA-256."
  type        = object({ url = string, sha256 = string })
}

variable "ssh_public_key" {
  description = "Key of the administrator; no port is open for it."
  type        = string
}

variable "tenant_id" {
  description = "The consumer's Entra tenant."
  type        = string
}

variable "operators" {
  description = "Public IPv4 prefixes from which the ticket is put into the vault."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
