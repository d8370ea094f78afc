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

variable "services_subnet_id" {
  description = "Subnet of the private endpoints."
  type        = string
}

variable "virtual_network_id" {
  description = "Network whose clients resolve the private names."
  type        = string
}

variable "private_dns_zone_ids" {
  description = "Zones that a landing zone owns and links, by name: privatelink.servicebus.windows.net and privatelink.LOCATION.kusto.windows.net. Null: they are made and linked."
  type        = map(string)
  default     = null
}

variable "retention_days" {
  description = "Days that Event Hubs keep entries for whoever reads late, 1 to 7."
  type        = number
  default     = 7
  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 7
    error_message = "The standard tier keeps 1 to 7 days."
  }
}

variable "data_explorer" {
  description = "The cluster that keeps and queries calls. Null: none, and entries end with the hub's retention."
  type = object({
    sku       = optional(string, "Dev(No SLA)_Standard_E2a_v4")
    capacity  = optional(number, 1)
    keep_days = optional(number, 365)
    hot_days  = optional(number, 31)
  })
  default = {}
}

variable "readers" {
  description = "Principals that may query the calls, by a name of your choice: object ids of people or groups."
  type        = map(object({ id = string, type = optional(string, "Group") }))
  default     = {}
  validation {
    condition     = alltrue([for r in var.readers : contains(["Group", "User", "App"], r.type)])
    error_message = "A reader's type is Group, User or App."
  }
}

variable "tenant_id" {
  description = "Entra tenant of the readers."
  type        = string
}

variable "metrics" {
  description = "Application Insights for the gateway's metrics, which module gateway's collector sends. It is reached over the internet, by Entra alone."
  type        = bool
  default     = false
}

variable "log_analytics_workspace_id" {
  description = "Workspace that takes diagnostics and metrics."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
