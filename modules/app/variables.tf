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

variable "app_name" {
  description = "Name of the app: 2 to 20 lower-case letters, digits and hyphens."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.app_name))
    error_message = "An app's name has 2 to 20 lower-case letters, digits and inner hyphens, and begins with a letter."
  }
}

variable "environment_id" {
  description = "Container Apps environment, as module gateway gives it."
  type        = string
}

variable "registry_id" {
  description = "Registry of the image; the app's identity gets AcrPull there."
  type        = string
}

variable "registry_server" {
  description = "Host name of that registry."
  type        = string
}

variable "image" {
  description = "The image in that registry, by digest."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest, for example \"chat@sha256:…\"."
  }
}

variable "port" {
  description = "Port that the app listens on."
  type        = number
  default     = 8080
}

variable "args" {
  description = "Arguments of the container."
  type        = list(string)
  default     = []
}

variable "environment" {
  description = "Environment variables. Not for secrets: name those in secrets."
  type        = map(string)
  default     = {}
}

variable "files" {
  description = "Files below /etc/ostiary, by name: letters, digits and hyphens. Not for secrets: Azure shows them to every reader of the app."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for n in keys(var.files) : can(regex("^[a-z0-9-]+$", n))])
    error_message = "A file's name has lower-case letters, digits and hyphens."
  }
}

variable "scratch" {
  description = "Directory that the app may write to, for example \"/var/lib/app\". It is empty at every start of an instance. Null: none."
  type        = string
  default     = null
}

variable "secrets" {
  description = "Environment variables whose values are Key Vault secrets: by variable, the secret's id. The app's identity needs Key Vault Secrets User."
  type        = map(string)
  default     = {}
}

variable "vault_id" {
  description = "Id of the Key Vault with the secrets: the app's identity gets Key Vault Secrets User on each of them. Null: it has the role already."
  type        = string
  default     = null
}

variable "sign_in" {
  description = "The Entra application that people sign in to before a request reaches the app. Null only where the app itself demands a sign-in, as Ostiary's chat does: say so in own_sign_in."
  type = object({
    tenant_id      = string
    client_id      = string
    allowed_groups = optional(list(string), [])
  })
  default = null
}

variable "own_sign_in" {
  description = "The app demands an Entra sign-in itself, on every path but its health's."
  type        = bool
  default     = false
  validation {
    condition     = var.own_sign_in || var.sign_in != null
    error_message = "An app in front of a private model needs a sign-in: give sign_in, or own_sign_in = true where the app has its own."
  }
}

variable "replicas" {
  description = "Least and most instances."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 3 }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
