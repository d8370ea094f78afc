terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0, < 6.0"
    }
  }
}

provider "azurerm" {
  storage_use_azuread             = true
  resource_provider_registrations = "none" # `ostiary deploy` registers what is needed, and says so
  features {
    cognitive_account {
      purge_soft_delete_on_destroy = var.purge
    }
    resource_group {
      prevent_deletion_if_contains_resources = true
    }
  }
}

variable "purge" {
  description = "Whether destroying an account also purges it, so that its name is free again at once."
  type        = bool
  default     = false
}
