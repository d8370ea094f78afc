# Stage one: what exists once. Its own state is local until the storage that it
# makes can take it.
module "global" {
  source = "../../global"

  name                         = var.name
  location                     = var.location
  existing_resource_group_name = var.existing_resource_group_name
  log_analytics_workspace_id   = var.log_analytics_workspace_id
  operators                    = var.operators
  deployers                    = var.deployers
  tags                         = var.tags
}

output "global" {
  description = "What the next stage needs."
  value       = module.global
}
