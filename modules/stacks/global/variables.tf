variable "name" {
  description = "Short name of the estate."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "existing_resource_group_name" {
  description = "Resource group that a landing zone owns."
  type        = string
  default     = null
}

variable "log_analytics_workspace_id" {
  description = "Workspace that a landing zone owns."
  type        = string
  default     = null
}

variable "operators" {
  description = "Public IPv4 prefixes of those who deploy; null for anywhere."
  type        = list(string)
  default     = null
}

variable "deployers" {
  description = "Object ids of those who deploy beside whoever applies first."
  type        = set(string)
  default     = []
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
