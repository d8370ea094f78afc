variable "name" {
  description = "Short name of the consumer."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "address_space" {
  description = "IPv4 prefix of the consumer's network."
  type        = string
  default     = "10.90.0.0/24"
}

variable "relays" {
  description = "The relays, host:port."
  type        = list(string)
}

variable "service" {
  description = "Name of the service."
  type        = string
  default     = "openai"
}

variable "outlet" {
  description = "The outlet's whole name."
  type        = string
}

variable "gateway" {
  description = "The gateway's whole name."
  type        = string
}

variable "deployment" {
  description = "Deployment that the first question goes to."
  type        = string
  default     = "gpt-4o-mini"
}

variable "node" {
  description = "Where the binary comes from, and its SHA-256."
  type        = object({ url = string, sha256 = string })
}

variable "ssh_public_key" {
  description = "Key of the administrator."
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
