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

variable "hosts" {
  description = <<-EOT
    The machines, by a name of your choice. role is authority, relay, outlet or
    inlet; configuration is that section of ostiary.yaml without its directory;
    ticket_secret is the name of a secret in the vault that holds a ticket for
    the role (an authority needs none). public gives an address and opens one
    port: 443 of a relay, 7443 of an authority; outlets and inlets take nothing.
    questions are asked once the inlet answers; the answers go to the console.
  EOT
  type = map(object({
    role          = string
    subnet_id     = string
    configuration = string
    ticket_secret = optional(string)
    size          = optional(string, "Standard_B2s_v2")
    public        = optional(bool, false)
    questions = optional(list(object({
      url  = string
      body = string
    })), [])
  }))
  validation {
    condition     = alltrue([for h in var.hosts : contains(["authority", "relay", "outlet", "inlet"], h.role)])
    error_message = "A host's role is authority, relay, outlet or inlet."
  }
  validation {
    condition     = alltrue([for h in var.hosts : contains(["authority", "relay"], h.role) || !h.public])
    error_message = "Only a relay or an authority may have a public address: outlets and inlets dial out and take nothing."
  }
  validation {
    condition     = alltrue([for h in var.hosts : (h.role == "authority") == (h.ticket_secret == null)])
    error_message = "Every host but an authority needs ticket_secret."
  }
  validation {
    condition     = alltrue([for h in var.hosts : can(yamldecode(h.configuration))])
    error_message = "A host's configuration is YAML."
  }
}

variable "node" {
  description = "Where machines take the ostiary-node binary from, and its SHA-256; a mirror inside the network, or a release."
  type        = object({ url = string, sha256 = string })
  validation {
    condition     = startswith(var.node.url, "https://") && can(regex("^[0-9a-f]{64}$", var.node.sha256))
    error_message = "The url begins with https:// and the sha256 has 64 hexadecimal digits."
  }
}

variable "ssh_public_key" {
  description = "Key of the administrator. No port is open for it: it serves a bastion, in need."
  type        = string
}

variable "tenant_id" {
  description = "Entra tenant of the vault."
  type        = string
}

variable "operators" {
  description = "Public IPv4 prefixes from which tickets are put into the vault. Empty: through private_endpoint_subnet_id alone."
  type        = list(string)
  default     = []
}

variable "private_endpoint_subnet_id" {
  description = "Subnet of the vault's private endpoint, which the machines read their tickets by."
  type        = string
}

variable "virtual_network_id" {
  description = "Network whose machines resolve the vault's private name."
  type        = string
}

variable "vault_zone_id" {
  description = "Zone privatelink.vaultcore.azure.net that a landing zone owns and links. Null: it is made and linked."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
