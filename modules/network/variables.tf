variable "name" {
  description = "Short name of the estate; names of resources are made of it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.name))
    error_message = "The name has 2 to 16 lower-case letters and digits and begins with a letter, for example \"acmeai\"."
  }
}

variable "resource_group_name" {
  description = "Resource group of the network."
  type        = string
}

variable "location" {
  description = "Azure region of the network."
  type        = string
}

variable "address_space" {
  description = "IPv4 prefix of the network, /16 to /23. Subnets are cut from it: half for apps, an eighth each for the models' endpoints and the services', a sixteenth for the portal, a thirty-second each for the resolver's two sides."
  type        = string
  validation {
    condition     = can(cidrnetmask(var.address_space)) && try(tonumber(split("/", var.address_space)[1]) >= 16 && tonumber(split("/", var.address_space)[1]) <= 23, false)
    error_message = "Write a private IPv4 prefix from /16 to /23, for example \"10.20.0.0/22\"."
  }
}

variable "clients" {
  description = "Prefixes outside this network that may call the apps on 443: peers, offices. They never reach the endpoints themselves."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for p in var.clients : can(cidrhost(p, 0))])
    error_message = "Write prefixes, for example [\"10.30.0.0/24\"]."
  }
}

variable "egress" {
  description = "How apps and portal reach the internet: \"nat\", a gateway with one address; \"firewall\", a default route to firewall_address; \"none\"."
  type        = string
  default     = "nat"
  validation {
    condition     = contains(["nat", "firewall", "none"], var.egress)
    error_message = "Write \"nat\", \"firewall\" or \"none\"."
  }
}

variable "firewall_address" {
  description = "Private address of the firewall that egress \"firewall\" goes through."
  type        = string
  default     = null
  validation {
    condition     = (var.egress == "firewall") == (var.firewall_address != null)
    error_message = "egress = \"firewall\" needs firewall_address, and nothing else takes it."
  }
}

variable "relays" {
  description = "Whether the gateway's outlet reaches relays on the internet, on 443 and 7443. The group cannot name hosts: a firewall can."
  type        = bool
  default     = false
}

variable "dns_servers" {
  description = "Addresses of custom DNS servers. Empty: Azure's. Custom servers must forward the privatelink zones to 168.63.129.16 or to a resolver, or private names will not resolve."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for a in var.dns_servers : can(cidrhost("${a}/32", 0))])
    error_message = "Write IPv4 addresses, for example [\"10.0.0.4\"]."
  }
}

variable "resolver" {
  description = "Azure DNS Private Resolver: null for none. forward names domains and the servers that know them; the inbound endpoint is what servers on premises forward the privatelink zones to."
  type = object({
    forward = optional(map(list(string)), {})
  })
  default = null
}

variable "peerings" {
  description = "Networks to peer with, by a name of your choice: their ids. The other half of each peering is theirs to make."
  type        = map(string)
  default     = {}
}

variable "log_analytics_workspace_id" {
  description = "Workspace that takes the security groups' diagnostics. Null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
