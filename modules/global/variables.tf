variable "name" {
  description = "Short name of the estate: 2 to 16 lower-case letters and digits, beginning with a letter. Names of resources are made of it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.name))
    error_message = "The name has 2 to 16 lower-case letters and digits and begins with a letter, for example \"acmeai\"."
  }
}

variable "location" {
  description = "Azure region of everything here, for example \"swedencentral\"."
  type        = string
}

variable "existing_resource_group_name" {
  description = "Resource group that a landing zone owns. Null: one is made."
  type        = string
  default     = null
}

variable "log_analytics_workspace_id" {
  description = "Workspace that a landing zone owns. Null: one is made."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that the workspace keeps logs, 30 to 730."
  type        = number
  default     = 90
  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 730
    error_message = "Log Analytics keeps logs 30 to 730 days."
  }
}

variable "operators" {
  description = "Public IPv4 prefixes from which images are pushed and state is read and written. Null: from anywhere, with an Entra login and a role. Neither ever holds a prompt, an answer or a key."
  type        = list(string)
  default     = null
  validation {
    condition     = var.operators == null ? true : length(var.operators) > 0 && alltrue([for p in var.operators : can(cidrhost(p, 0))])
    error_message = "Write prefixes, for example [\"203.0.113.7/32\"]; null allows logins from anywhere."
  }
}

variable "deployers" {
  description = "Object ids of those who deploy beside whoever applies first, for example a pipeline's service principal: they read and write state and push images."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for id in var.deployers : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "Write object ids as Entra shows them, GUIDs in lower case: of a service principal that is not its application's."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
